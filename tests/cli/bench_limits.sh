#!/bin/bash
# limits under a real, local mpirun.
# Usage: bench_limits.sh LIMITS        (MPIRUN overrides the launcher and its options)
set -u

limits=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli/bench_common.sh
. "$here/bench_common.sh"
needs jq timeout
# What others run on these cores is not to make it long.
export OMPI_MCA_mpi_yield_when_idle=1
# run RANKS ARGUMENT…: sets status; fills out and err. $wrapper, where there is one, runs the program.
wrapper=()
run() {
  timeout --kill-after=5 60 "${mpirun[@]}" -np "$1" "${wrapper[@]}" "$limits" "${@:2}" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}
kernels() { jq -r '[.benchmarks[].name | split("/")[1]] | unique | join(" ")' "$1"; }

echo "# through shared memory"
run 2 --quick --out "$work/shm.json"
report=$work/shm.json
check "exit status 0" test "$status" -eq 0
check "it fits in 80 columns" test "$(widest "$work/out")" -le 80
check "the fabric, and what limits it" jq -e '.context | .fabric == "shm" and (.limit | startswith("a cache line"))' "$report"
cma=$(jq -r '.context.cma' "$report")
all='hop memcpy memcpy_dram mpi mpi_window tcp tcp_stream'
[[ $cma = permitted ]] && all="cma $all"
check "every kernel" test "$(kernels "$report")" = "$all"
check "nothing was left out" jq -e '.benchmarks | all((.error_occurred or .skipped) | not)' "$report"
check "MPI's time over the limit's, of all that is MPI and of nothing else" \
  jq -e '.benchmarks | all((.name | test("/mpi")) == (.limit_ns > 0) and
         (if .limit_ns > 0 then .of_limit > 0 and (.of_limit * .limit_ns / .p50_ns - 1 | fabs) < 0.001 else .of_limit == 0 end))' "$report"
check "times are in order, and the mean is among them" \
  jq -e '.benchmarks | all(0 < .min_ns and .min_ns <= .p50_ns and .p50_ns <= .p99_ns and .p99_ns <= .max_ns
         and .min_ns <= .real_time * 1.001 and .real_time <= .max_ns * 1.001 and .samples >= 3)' "$report"
check "a window has 16 messages" \
  jq -e '[.benchmarks[] | select(.name | test("/(mpi_window|tcp_stream)/"))] | length == 6
         and all((.bandwidth_MB_per_s * .p50_ns / 1e3 / .bytes / 16 - 1 | fabs) < 0.001)' "$report"
check "a message through shared memory: a hop and a copy" \
  jq -e '[.benchmarks[] | {(.name | split("/")[1:3] | join("/")): .}] | add |
         .["mpi/8"].limit_ns > .["memcpy/8"].p50_ns and
         .["mpi/1048576"].limit_ns >= ([.["memcpy/1048576"].p50_ns, .["cma/1048576"].p50_ns // 1e18] | min)' "$report"
check "1 MiB takes longer to copy than 8 bytes" \
  jq -e '[.benchmarks[] | {(.name | split("/")[1:3] | join("/")): .min_ns}] | add | .["memcpy/1048576"] > .["memcpy/8"]' "$report"
check "a row for each size in both tables" test "$(grep -cE '^ +[0-9]+( +[0-9]+\.[0-9]+){3}   (hop \+ )?(memcpy|CMA)$' "$work/out")" = 6
check "no shared memory is left" test -z "$(find /dev/shm -name 'shipyard-limits.*' 2>/dev/null)"

if jq -e '.context.mpi_library | startswith("Open MPI")' "$report" >/dev/null; then
  echo "# through TCP"
  # Networks of containers come and go on a machine.
  OMPI_MCA_btl=tcp,self OMPI_MCA_btl_tcp_if_include=lo run 2 --quick --sizes 0,8 --out "$work/tcp.json"
  check "exit status 0" test "$status" -eq 0
  check "the fabric, and raw TCP is its limit" jq -e '.context | .fabric == "tcp" and (.limit | startswith("raw TCP, "))' "$work/tcp.json"
  check "MPI stands beside the socket" \
    jq -e '[.benchmarks[] | {(.name | split("/")[1:3] | join("/")): .}] | add | .["mpi/8"].limit_ns == .["tcp/8"].p50_ns and
           .["mpi/0"].limit_ns == .["tcp/0"].p50_ns and .["mpi_window/8"].limit_ns == .["tcp_stream/8"].p50_ns' "$work/tcp.json"
fi

echo "# without CMA"
# A rank without capabilities may not read one that has some. MPI itself must not try it either.
cat >"$work/without" <<'WRAPPER'
#!/bin/bash
[[ ${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-}} != 0 ]] || exec setpriv --inh-caps=-all --bounding-set=-all -- "$@"
exec "$@"
WRAPPER
chmod +x "$work/without"
if [[ $cma = permitted && $(id -u) = 0 ]] && setpriv --inh-caps=-all --bounding-set=-all true 2>/dev/null; then
  wrapper=("$work/without")
  OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_smsc=^cma UCX_TLS=^cma UCX_POSIX_USE_PROC_LINK=n run 2 --quick --sizes 64K --out "$work/refused.json"
  wrapper=()
  check "exit status 0" test "$status" -eq 0
  check "a note says that it is refused, and why" \
    grep -qxF 'limits: note: CMA is not permitted to the first rank: process_vm_readv: Operation not permitted' "$work/err"
  check "the rest is measured" test "$(kernels "$work/refused.json")" = "${all#cma }"
  # UCX takes its sockets then.
  check "the limit is a hop and memcpy" grep -qE '^ +65536 .* (hop \+ memcpy|raw TCP)$' "$work/out"
else
  echo "skipped: CMA is not permitted here anyway, or this is not root with capabilities to lose"
fi

echo "# which ranks, how long"
run 4 --quick --sizes 8 --pair 3,1 --min-time 1ms
check "a pair without rank 0" test "$status/$(grep -c '^  pair  *ranks 3 and 1 on ' "$work/out")" = 0/1
run 2 --time-limit 5s --sizes 8,64M --min-time 0.3s --out "$work/short.json"
check "what does not fit is left out, and a note says so" \
  grep -qE '^limits: note: the time limit of 5 s was reached before limits/[a-z]+/[0-9]+: [0-9]+ were not measured' "$work/err"
check "the report marks it" jq -e '.benchmarks | any(.error_occurred or .skipped)' "$work/short.json"

echo "# wrong options"
# refused MESSAGE RANKS ARGUMENT…
refused() {
  local message=$1
  shift
  run "$@"
  if [[ $status -eq 2 && ! -s $work/out ]] && grep -qxF "limits: error: $message" "$work/err"; then
    echo "ok: $message"
  else
    fail "expected exit status 2 and '$message', got exit status $status"
  fi
}
refused "a pair of ranks is needed and there is only one" 1
refused "--format 'osu' is not among: table, json, csv" 2 --format osu
refused "unknown option '--kernels'" 2 --kernels hop
"$limits" --help >"$work/out" 2>"$work/err"
check "--help fits in 80 columns, without mpirun" test "$?/$(($(widest "$work/out") <= 80))" = 0/1

finish
