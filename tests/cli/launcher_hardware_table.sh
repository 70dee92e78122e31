#!/bin/bash
# docs/hardware.md says what the program decides.
source "$(dirname "$0")/launcher_common.sh"
command -v python3 >/dev/null || { echo "skipped: no python3 in PATH"; exit 77; }
scripts=$test_directory/../../scripts

# table ARGUMENTS…: sets status; fills out and err.
table() {
  "$scripts/hardware-table" "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}

table --check --program "$mpirun_tool"
check "docs/hardware.md is what the program says (else: scripts/hardware-table)" test "$status" = 0

# A program that decides otherwise is found out.
program otherwise <<END
"$mpirun_tool" "\$@" | sed 's/"threads": 6,/"threads": 5,/'
END
table --check --program "$work/otherwise"
check "another decision is a difference" test "$status" = 1
check "and is shown" grep -q '^+| HB120rs_v3 .* 16 × 5, 40 idle ' "$work/out"
program refuses <<<'echo "no, not here" >&2; exit 125'
table --check --program "$work/refuses"
check "a program that refuses is an error" grep -q 'exit status 125' "$work/err"
check "that shows what it said" grep -qx 'no, not here' "$work/err"
check "and has its own status" test "$status" = 1

# cores of the caches that hwloc sees in the XML of a type, and devices
if command -v lstopo-no-graphics >/dev/null; then
  table --xml HB120rs_v3
  lstopo-no-graphics -i "$work/out" --of console --no-collapse >"$work/lstopo"
  caches=$(awk '/L3 L#/ { if (n) printf "%d,", n; n = 0 } /Core L#/ { n++ } END { print n }' "$work/lstopo")
  check "hwloc reads the XML of HB120rs_v3: $caches" test "$caches" = 8,8,8,6,8,8,8,6,8,8,8,6,8,8,8,6
  check "with its NUMA domains" test "$(grep -c 'NUMANode L#' "$work/lstopo")" = 4
  table --xml Standard_ND40rs_v2
  lstopo-no-graphics -i "$work/out" --whole-io --of console >"$work/lstopo"
  check "and the GPUs of ND40rs_v2" test "$(grep -c '0302\|3D' "$work/lstopo")" = 8
fi

table --xml HB120rs_v9
check "an unknown type is an error" grep -qx "hardware-table: error: no VM type 'HB120rs_v9'" "$work/err"
check "of usage" test "$status" = 2
table --nonsense
check "and so is an unknown option" grep -qx "hardware-table: error: unexpected argument '--nonsense'" "$work/err"
done_testing
