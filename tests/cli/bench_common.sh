# Sourced: what the tests of the benchmarks have in common. Sets `mpirun` (MPIRUN overrides it and its options), `work`, a
# directory of the test's own, which holds the last command's out and err, and `failures`.
# shellcheck shell=bash
read -r -a mpirun <<<"${MPIRUN:-mpirun --allow-run-as-root --oversubscribe}"
# Where a rank fails, mpirun waits twice so long for the others, in seconds, that have ended.
export OMPI_MCA_odls_base_sigkill_timeout=0
failures=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# needs TOOL…: the test is skipped where one, or mpirun, is missing.
needs() {
  local tool
  for tool in "${mpirun[0]}" "$@"; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
  done
}

fail() {
  echo "FAILED: $*"
  head -n 60 "$work/out" | sed 's/^/  stdout| /'
  head -n 30 "$work/err" | sed 's/^/  stderr| /'
  failures=$((failures + 1))
}

# check DESCRIPTION COMMAND…: the command is to succeed.
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then echo "ok: $what"; else fail "$what: $*"; fi
}

# widest FILE: columns of its longest line.
widest() { LC_ALL=C.UTF-8 awk '{ gsub(/[\x80-\xBF]/, ""); if (length($0) > w) w = length($0) } END { print w }' "$1"; }

finish() {
  if [[ $failures -gt 0 ]]; then
    echo "$failures failed"
    exit 1
  fi
  echo "all passed"
}
