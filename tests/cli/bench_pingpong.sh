#!/bin/bash
# pingpong under a real, local mpirun.
# Usage: bench_pingpong.sh PINGPONG        (MPIRUN overrides the launcher and its options)
set -u

pingpong=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli/bench_common.sh
. "$here/bench_common.sh"
needs jq timeout

# run ARGUMENTS…: mpirun with these, within a minute. Sets status; fills out and err.
run() {
  timeout --kill-after=5 60 "${mpirun[@]}" "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}

quick=(--min-time 5ms)
rows() { grep -cE '^ *[0-9]+( +[0-9.-]+){6}$' "$work/out"; }
own_errors() { grep -c '^pingpong: error: ' "$work/err"; }

echo "# the table"
run -np 2 "$pingpong" "${quick[@]}" --out="$work/report.json"
check "two ranks: exit status 0" test "$status" -eq 0
check "a row for 0 and for each power of two up to 4 MiB" test "$(rows)" -eq 24
check "the first row is 0 bytes, without a bandwidth" grep -qE '^ +0( +[0-9]+\.[0-9]{3}){4} +- +[0-9]+$' "$work/out"
check "the last row is 4 MiB" grep -qE '^ +4194304 ' "$work/out"
check "it fits in 80 columns" test "$(widest "$work/out")" -le 80
check "the head names the MPI library" grep -qE '^  MPI  +[^ ]+' "$work/out"
check "the head says that both ranks are on one node" grep -qE '^  pair  +ranks 0 and 1 on .* \(same node\)$' "$work/out"
check "the head says what is known of the transport" grep -qE '^  transport  +[^ ]+' "$work/out"

echo "# the report"
report=$work/report.json
check "it is JSON with a benchmark for each size" jq -e '.benchmarks | length == 24' "$report"
check "the sizes are the table's" jq -e '[.benchmarks[].bytes] == [0] + [range(0; 23) | pow(2; .)]' "$report"
check "the order statistics are in order" \
  jq -e '.benchmarks | all(0 <= .min_ns and .min_ns <= .p50_ns and .p50_ns <= .p99_ns and .p99_ns <= .max_ns)' "$report"
check "bandwidth is bytes over median, in 10^6 bytes a second" \
  jq -e '.benchmarks | all((.bandwidth_MB_per_s - .bytes * 1000 / .p50_ns) | fabs < 0.01)' "$report"
check "times are nanoseconds" jq -e '.benchmarks | all(.time_unit == "ns")' "$report"
# One way cannot be faster than light through a core, nor slower than a second, on the worst of machines.
check "times are plausible" jq -e '.benchmarks | all(.p50_ns > 10 and .p50_ns < 1e9 and .real_time < 1e9)' "$report"
check "the context says what was measured" \
  jq -e '.context | (.mpi_library and .mpi_transport and .measuring_hosts and .shipyard_version and .clock_cost_ns)
         and .measuring_ranks == "0,1" and .ranks == "2" and (.executable | endswith("pingpong"))' "$report"

# The median of many round trips timed one by one and the mean of many timed as one are two measurements of one thing.
# They differ where a machine is busy, but not by more than a hundred times, as a wrong unit would have it.
check "the two passes agree on the unit" \
  jq -e '[.benchmarks[] | .real_time / .p50_ns] | sort | .[12] | . > 0.2 and . < 50' "$report"

echo "# formats on stdout"
run -np 2 "$pingpong" "${quick[@]}" --sizes 0..4 --format=json
check "json is JSON and nothing else" jq -es 'length == 1 and (.[0].benchmarks | length == 4)' "$work/out"
run -np 2 "$pingpong" "${quick[@]}" --sizes 0..4 --format=csv
check "csv has nothing of Google Benchmark's on standard error" test "$(grep -c 'WARNING\|CPU Caches\|^Running' "$work/err")" -eq 0
check "csv has a header and a row for each size" test "$(grep -cE '^(name,|"pingpong/)' "$work/out")" -eq 5
run -np 2 "$pingpong" "${quick[@]}" --sizes 0..4 --format=osu
check "osu is two columns, as osu_latency has them" test "$(grep -cE '^[0-9]+ +[0-9]+\.[0-9]{2}$' "$work/out")" -eq 4

echo "# which sizes, which ranks"
run -np 4 "$pingpong" "${quick[@]}" --pair 3,1 --sizes 1000..4K
check "a pair without rank 0: exit status 0" test "$status" -eq 0
check "sizes: the bounds and the powers of two between" test "$(awk '/^ *[0-9]+ /{ printf "%s ", $1 }' "$work/out")" = "1000 1024 2048 4096 "
check "the head names the pair" grep -q '^  pair  *ranks 3 and 1 on ' "$work/out"
check "the head says who sleeps" grep -qE '^  ranks  *4 on 1 node(, .* [(]oversubscribed[)])?; 2 measure, the others sleep$' "$work/out"

echo "# ranks that take no part sleep"
cat >"$work/timed" <<'WRAPPER'
#!/bin/bash
"$@"
times >"$CPU_TIMES.${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-}}"
WRAPPER
chmod +x "$work/timed"
CPU_TIMES=$work/cpu run -np 4 "$work/timed" "$pingpong" --pair 0,1 --sizes 8 --min-time 4s --max-time 9s
# Seconds of user and system time of the shell's children, the second line: "0m1.234s 0m0.567s".
cpu() { awk -F'[ms ]+' 'NR == 2 { print ($1 * 60 + $2) + ($3 * 60 + $4) }' "$work/cpu.$1"; }
for rank in 0 1 2 3; do echo "  rank $rank: $(cpu $rank) s of CPU time"; done
for rank in 2 3; do
  check "rank $rank used less than a third of rank 0's CPU time" awk "BEGIN { exit !($(cpu $rank) * 3 < $(cpu 0)) }"
done

echo "# wrong options: one line, from rank 0, and exit status 2"
# refused MESSAGE MPIRUN-ARGUMENTS…
refused() {
  local message=$1
  shift
  run "$@"
  if [[ $status -eq 2 && $(own_errors) -eq 1 && ! -s $work/out ]] && grep -qxF "pingpong: error: $message" "$work/err"; then
    echo "ok: $message"
  else
    fail "expected exit status 2 and '$message', got exit status $status"
  fi
}
refused "unknown option '--size'" -np 4 "$pingpong" --size 1
refused "--sizes 'x': 'x' is no size" -np 2 "$pingpong" --sizes x
refused "--pair 0,9: there is no rank 9; the ranks are 0 to 1" -np 2 "$pingpong" --pair 0,9
refused "--format 'xml' is not among: table, json, csv, osu" -np 2 "$pingpong" --format=xml
refused "--out $work/no/where.json: No such file or directory" -np 2 "$pingpong" --out="$work/no/where.json"
refused "a pair of ranks is needed and there is only one" -np 1 "$pingpong"
# Debian 13's mpirun (5.0.7) crashes on two programs in one command, whatever they are.
run -np 1 true : -np 1 true
if [[ $status -eq 0 ]]; then
  refused "rank 1: unknown option '--bad'" -np 1 "$pingpong" : -np 1 "$pingpong" --bad
  refused "the ranks were given different options" -np 1 "$pingpong" --sizes 4 : -np 1 "$pingpong" --sizes 8
else
  echo "skipped: ranks with different options (mpirun -np 1 true : -np 1 true ends with $status)"
fi

echo "# help and version"
run -np 3 "$pingpong" --help
check "--help: exit status 0, once, on stdout" test "$status/$(grep -c '^Usage: ' "$work/out")/$(wc -c <"$work/err")" = 0/1/0
check "--help fits in 80 columns" test "$(widest "$work/out")" -le 80
run -np 3 "$pingpong" --version
check "--version: exit status 0, one line" test "$status/$(grep -cE '^pingpong .*[0-9]+\.[0-9]+' "$work/out")" = 0/1
"$pingpong" --help >"$work/out" 2>"$work/err"
check "--help needs no mpirun" test $? -eq 0

echo "# Google Benchmark's environment variables change nothing"
BENCHMARK_REPETITIONS=3 BENCHMARK_LIST_TESTS=1 BENCHMARK_FILTER=none BENCHMARK_MIN_TIME=100 BENCHMARK_OUT=$work/other.json \
  run -np 2 "$pingpong" "${quick[@]}" --sizes 0..2
check "three sizes, three rows" test "$status/$(rows)" = 0/3
check "no other report" test ! -e "$work/other.json"

echo "# the time limit"
run -np 2 "$pingpong" --min-time 0.4s --time-limit 5s --out="$work/short.json"
check "what does not fit is left out, and a note says so" \
  grep -qE '^pingpong: note: the time limit of 5 s was reached before size [0-9]+: .* not measured' "$work/err"
check "exit status 0, with fewer rows" test "$status" -eq 0 -a "$(rows)" -ge 1 -a "$(rows)" -lt 24
check "the report is complete, and marks what was left out" \
  jq -e '(.benchmarks | length == 24) and (.benchmarks[23] | .error_occurred or .skipped)' "$work/short.json"

run -np 2 "$pingpong" --time-limit 0.1ms
check "where nothing fits, one error says so: exit status 1" test "$status/$(grep '^pingpong: error: ' "$work/err")" = \
  '1/pingpong: error: the time limit of 0.0001 s was reached before anything was measured (see --time-limit)'

# start_and_signal SIGNAL OPTIONS…: starts two ranks, sends rank 1 the signal once the first size is done, and waits.
start_and_signal() {
  local signal=$1 mpirun_pid peer=
  shift
  : >"$work/out"
  timeout --kill-after=5 60 "${mpirun[@]}" -np 2 "$work/named" "$@" >"$work/out" 2>"$work/err" </dev/null &
  mpirun_pid=$!
  until grep -q 'p99' "$work/out" || ! kill -0 $mpirun_pid 2>/dev/null; do sleep 0.05; done
  peer=$(cat "$work/pid.1")
  kill "-$signal" "$peer"
  wait $mpirun_pid
  status=$?
  kill -KILL "$peer" 2>/dev/null
}
cat >"$work/named" <<WRAPPER
#!/bin/bash
echo \$\$ >"$work/pid.\${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-}}"
exec "$pingpong" "\$@"
WRAPPER
chmod +x "$work/named"

echo "# a peer that dies or hangs"
start_and_signal KILL --min-time 1s
check "a killed rank ends the job, and not with 0" test "$status" -ne 0 -a "$status" -ne 124
start_and_signal STOP --sizes 0,4 --min-time 1s --time-limit 3s
check "a rank that hangs ends the job after the time limit, with exit status 1" test "$status" -eq 1
check "the error says at which size" \
  grep -qE '^pingpong: error: no end in sight 2 s after the time limit of 3 s: MPI did not return at 4 bytes$' "$work/err"

finish
