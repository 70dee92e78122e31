#!/bin/bash
# noise under a real, local mpirun.
# Usage: bench_noise.sh NOISE      (MPIRUN overrides the launcher and its options)
# shellcheck disable=SC2016  # dollar signs are meant as such
set -u

noise=$1
plot=$(cd "$(dirname "$0")" && pwd)/../../scripts/plot
MPIRUN=${MPIRUN:-mpirun --allow-run-as-root --oversubscribe --bind-to none}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli/bench_common.sh
. "$here/bench_common.sh"
needs jq timeout taskset pgrep
busy=
cleanup() {
  [[ -z $busy ]] || kill "$busy" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
# run RANKS ARGUMENT…: sets status; fills out and err. On the CPUs in `cpus`.
run() {
  taskset -c "$cpus" timeout --kill-after=5 60 "${mpirun[@]}" -np "$1" "$noise" "${@:2}" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}
# The first two CPUs that there are; one is enough.
mapfile -t all < <(taskset -cp $$ | sed 's/.*: //' | tr , '\n' | while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done)
one=${all[0]}
two=$one${all[1]:+,${all[1]}}
count=$(tr , '\n' <<<"$two" | wc -l)

echo "# every CPU once"
cpus=$two
run 1 --quick --out "$work/one.json"
check "one rank: exit status 0" test "$status" -eq 0
check "a row for each CPU" test "$(grep -cE '^[^ ]+ +[0-9]+ +[0-9]+ +[0-9]+\.[0-9]{4} ' "$work/out")" -eq "$count"
check "it fits in 80 columns" test "$(widest "$work/out")" -le 80
check "an entry for each CPU" \
  jq -e --arg cpus "$two" '[.benchmarks[].name] == [$cpus | split(",")[] | "noise/0/" + . + "/manual_time"]' "$work/one.json"
check "nothing was left out" jq -e '.benchmarks | all((.error_occurred or .skipped) | not)' "$work/one.json"
check "the figures that scripts/plot draws" \
  jq -e '.benchmarks | all(([.rank, .cpu, .detours, .lost_percent, .longest_ns] | all(type == "number")) and .lost_percent >= 0 and .lost_percent <= 100)' \
  "$work/one.json"
check "the bins hold every detour, and begin and end with one" \
  jq -e 'def bins: to_entries | map(select(.key | startswith("detours_from_")));
    (.benchmarks | all(.detours == ([bins[].value] | add // 0))) and
    (([.benchmarks[] | bins[]] | group_by(.key | capture("_(?<n>[0-9]+)ns").n | tonumber) | map(map(.value) | add)) as $sums
     | ($sums | length) == 0 or ($sums[0] > 0 and $sums[-1] > 0))' "$work/one.json"
check "all of the same counters" jq -e '[.benchmarks[] | keys] | unique | length == 1' "$work/one.json"
check "the longest is no longer than the time lost" \
  jq -e '.benchmarks | all(.longest_ns <= .lost_percent * .real_time / 100 * 1.001)' "$work/one.json"
check "the fixed work: the same on all, in order, 100 µs on the fastest" \
  jq -e '(.benchmarks | all(.fwq_min_ns <= .fwq_p50_ns and .fwq_p50_ns <= .fwq_p99_ns and .fwq_p99_ns <= .fwq_max_ns and .fwq_noise_percent >= 0))
    and ([.benchmarks[].fwq_steps] | unique | length) == 1 and ([.benchmarks[].fwq_min_ns] | min) > 50000' "$work/one.json"
if ! command -v python3 >/dev/null; then
  echo "  no python3 here: not drawn"
elif "$plot" -o "$work/pictures" "$work/one.json" >"$work/out" 2>"$work/err"; then
  check "scripts/plot draws it" test -s "$work/pictures/noise-lost.svg" -a -s "$work/pictures/report.html"
elif grep -q 'matplotlib cannot be loaded' "$work/err"; then
  echo "  no matplotlib here: not drawn"
else
  fail "scripts/plot draws it"
fi

echo "# a thread on each CPU, and the rank asleep"
cp "$noise" "$work/watched"
# Looked at with few processes of our own: the threads leave no CPU free, and a search through all of /proc may outlast them.
taskset -c "$two" timeout --kill-after=5 60 "${mpirun[@]}" -np 1 "$work/watched" --duration 5s >"$work/out" 2>"$work/err" </dev/null &
run=$!
seen='' process=''
while [[ -z $seen ]] && kill -0 "$run" 2>/dev/null; do
  [[ -n $process ]] || process=$(pgrep -f "^$work/watched ") || { sleep 0.05; continue; }
  bound=''
  for task in /proc/"$process"/task/*; do
    [[ $task == */"$process" ]] || bound+=$(sed -n 's/^Cpus_allowed_list:\t/ /p' "$task/status" 2>/dev/null)
  done
  all_bound=yes
  for cpu in ${two/,/ }; do [[ " $bound " == *" $cpu "* ]] || all_bound=''; done
  # One that waits for its threads without sleeping is never seen asleep.
  [[ -n $all_bound && $(sed -n 's/^State:\t//p' "/proc/$process/status" 2>/dev/null) == S* ]] && seen=yes
done
wait "$run"
check "exit status 0" test "$?" -eq 0
check "they were seen" test -n "$seen"

echo "# several ranks"
cpus=$one
run 3 --quick --format csv
check "a CPU that three may use is measured by the lowest" \
  test "$(sed -n 's,^"\(noise/[0-9/]*\)/.*,\1,p' "$work/out" | paste -sd' ')" = "noise/0/$one"
if [[ $count = 2 ]]; then
  # Each bound to its own, by itself: this mpirun need not.
  cpus=$two
  timeout --kill-after=5 60 "${mpirun[@]}" -np 2 bash -c 'cpus=($1); exec taskset -c "${cpus[${OMPI_COMM_WORLD_RANK:-$PMI_RANK}]}" "${@:2}"' \
    - "${two/,/ }" "$noise" --quick --format json >"$work/out" 2>"$work/err" </dev/null
  check "bound ranks measure their own" \
    jq -e --arg cpus "$two" '[.benchmarks[] | "\(.rank) \(.cpu)"] == ($cpus | split(",") | ["0 " + .[0], "1 " + .[1]])' "$work/out"
fi

echo "# what takes the CPU is seen"
cpus=$one
taskset -c "$one" bash -c 'while :; do :; done' &
busy=$!
run 1 --duration 1s --out "$work/busy.json" --expect-noise 5%
kill "$busy" && wait "$busy" 2>/dev/null
busy=
check "a busy loop beside it: more than a fifth is lost" jq -e '.benchmarks[0].lost_percent > 20' "$work/busy.json"
check "in pieces as long as a scheduler gives" jq -e '.benchmarks[0].longest_ns > 500000' "$work/busy.json"
check "the fixed work sees it, its fastest does not" \
  jq -e '.benchmarks[0] | .fwq_noise_percent > 10 and .fwq_min_ns < 200000' "$work/busy.json"
check "--expect-noise: exit status 3" test "$status" -eq 3
check "and which CPU" grep -qE "^noise: error: --expect-noise 5 %: CPU $one of .* loses [0-9.]+ % of its time\$" "$work/err"
run 1 --duration 20ms --expect-noise 100% --out "$work/short.json"
check "met: exit status 0" test "$status" -eq 0
check "however short it is, the time is that of one measurement" \
  jq -e '.benchmarks[0] | .iterations == 1 and .real_time >= 1e7' "$work/short.json"

echo "# options"
"$noise" --help >"$work/out" 2>"$work/err"
check "--help fits in 80 columns, without mpirun" test "$?/$(($(widest "$work/out") <= 80))" = 0/1
"$noise" --duration 2m >"$work/out" 2>"$work/err"
check "a duration beyond the time limit: exit status 2" test "$?" -eq 2
check "and what helps" test "$(cat "$work/err")" = "noise: error: --duration 120s is longer than the time limit of 60s
hint: --time-limit 240s"

finish
