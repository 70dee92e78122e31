#!/bin/bash
# The benchmarks beside pingpong under a real, local mpirun, and what they have in common.
# Usage: bench_programs.sh DIRECTORY CORRUPT-LIBRARY PLACES-LIBRARY SLOW-RANK-LIBRARY      (MPIRUN overrides the launcher and its options)
set -u

programs=$1 corrupt=$2 places=$3 slow_rank=$4
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli/bench_common.sh
. "$here/bench_common.sh"
needs jq timeout script
# run RANKS PROGRAM ARGUMENT…: sets status; fills out and err.
run() {
  timeout --kill-after=5 100 "${mpirun[@]}" -np "$1" "$programs/$2" "${@:3}" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}
says() { grep -qxF "$1" "$work/err"; }

echo "# every kernel, quickly, with every byte compared"
tenths() { local now=${EPOCHREALTIME/[.,]/}; echo $((now / 100000)); }
begin=$(tenths)
# Those after the fourth compare nothing.
for program in pingpong:2:1 bandwidth:2:2 msgrate:4:1 collectives:3:9 limits:2:1 noise:1:1 overhead:2:2; do
  IFS=: read -r name ranks kernels <<<"$program"
  validate=(--validate)
  [[ $name != limits && $name != noise && $name != overhead ]] || validate=()
  run "$ranks" "$name" --quick "${validate[@]}" --out "$work/$name.json"
  check "$name: exit status 0" test "$status" -eq 0
  check "$name: $kernels kernels" \
    jq -e --argjson n "$kernels" '[.benchmarks[].name | split("/")[0]] | unique | length == $n' "$work/$name.json"
  check "$name: nothing was left out" jq -e '.benchmarks | all((.error_occurred or .skipped) | not)' "$work/$name.json"
  check "$name: it fits in 80 columns" test "$(widest "$work/out")" -le 80
  "$programs/$name" --help >"$work/out" 2>"$work/err"
  check "$name: --help fits in 80 columns, without mpirun" test "$?/$(($(widest "$work/out") <= 80))" = 0/1
done
run 2 allpairs --quick
check "allpairs: refuses a single node, and says so" test \
  "$status/$(grep -c '^allpairs: error: two nodes are needed, and all ranks are on one$' "$work/err")" = 2/1
check "launch: exit status 0" "$programs/launch" --quick --ranks 1,2 -- "${mpirun[@]}" -np '{ranks}'
seconds=$((($(tenths) - begin) / 10))
echo "  $seconds s"
check "all of it takes less than a minute" test "$seconds" -lt 60

echo "# what a report says"
check "the fabric is what the bytes went by" jq -e '.context.fabric == "shm"' "$work/bandwidth.json"
check "the transport is what goes by it" jq -e '.context.mpi_transport | test("tcp") | not' "$work/bandwidth.json"
check "where no message goes there is none" \
  jq -e '.context | (has("mpi_transport") or has("fabric")) | not' "$work/noise.json"
check "percentiles are in order" \
  jq -e '.benchmarks | all(.min_ns <= .p50_ns and .p50_ns <= .p90_ns and .p90_ns <= .p99_ns and .p99_ns <= .["p99.9_ns"] and .["p99.9_ns"] <= .max_ns)' \
  "$work/collectives.json"
# A window of 64 messages one way, of 128 both ways, of 64 for each of two pairs.
for one in bandwidth:uni:64 bandwidth:bi:128 msgrate:msgrate:128; do
  IFS=: read -r name kernel messages <<<"$one"
  check "$name, $kernel: messages a second are $messages in the mean time" \
    jq -e --arg k "$kernel/" --argjson m "$messages" \
    '[.benchmarks[] | select(.name | startswith($k))] | length > 0 and all((.messages_per_s * .real_time / 1e9 / $m - 1) | fabs < 0.001)' \
    "$work/$name.json"
  check "$name, $kernel: MB/s are these times the bytes" \
    jq -e --arg k "$kernel/" '[.benchmarks[] | select(.name | startswith($k))] | all((.mean_MB_per_s / (.messages_per_s * .bytes / 1e6) - 1) | fabs < 0.001)' \
    "$work/$name.json"
done
check "a reduction has whole floats, a barrier no size" \
  jq -e '[.benchmarks[] | select(.name | startswith("allreduce/")) | .bytes % 4] + [.benchmarks[] | select(.name | startswith("barrier/")) | .bytes] | all(. == 0)' \
  "$work/collectives.json"
check "ranks that share cores are noted" jq -e '.context.notes | test("4 ranks share|^busy|^$")' "$work/msgrate.json"
check "the load of the node before the start" jq -e '.context.load | test("^\\S+ [0-9]+[.][0-9]{2}$")' "$work/msgrate.json"
if [[ $(nproc) -lt 4 ]]; then
  check "here they do" jq -e '.context.notes | test("oversubscribed")' "$work/msgrate.json"
fi

run 4 pingpong --quick --sizes 8
if [[ $(nproc) -lt 4 ]]; then
  check "ranks that sleep count as well" grep -qE "^  ranks  *4 on 1 node, .*[(]oversubscribed[)]; 2 measure, the others sleep" "$work/out"
fi
echo "# docs/benchmarks.md says which programs have an option"
names=(pingpong bandwidth msgrate collectives allpairs limits noise)
for name in "${names[@]}"; do "$programs/$name" --help >"$work/$name.help" 2>&1; done
# have PATTERN: the programs whose help has it.
have() {
  local name
  for name in "${names[@]}"; do ! grep -qE -e "$1" "$work/$name.help" || printf '%s ' "$name"; done
}
# listed CELL: the programs that a cell of the table's second column names.
listed() {
  local words=" ${1//[\`,]/} " name
  for name in "${names[@]}"; do
    case $words in
      *' all but '*) [[ $words == *" $name "* ]] || printf '%s ' "$name" ;;
      *' all '*) printf '%s ' "$name" ;;
      *" $name "*) printf '%s ' "$name" ;;
    esac
  done
}
documented=0
while IFS='|' read -r _ option where _; do
  for one in $(grep -oE -e '--format osu|--[a-z-]+' <<<"$option" | tr ' ' =); do
    pattern="^  (-[a-z], |    )$one( |$)"
    [[ $one != --format=osu ]] || pattern='--format [a-z|]*osu'
    check "$one:$where" test "$(listed "$where")" = "$(have "$pattern")"
    documented=$((documented + 1))
  done
done < <(sed -n 's/\\|/;/g; /^| `--/p' "$here/../../docs/benchmarks.md")
check "allpairs: --help fits in 80 columns" test "$(widest "$work/allpairs.help")" -le 80
check "all options are there" test "$documented" = \
  "$(($(cat "$work"/*.help | grep -oE '^  (-[a-z], |    )--[a-z-]+' | grep -oE -e '--.*' | sort -u | grep -cvE -- '--(help|version)') + 1))"

echo "# which of it"
run 2 collectives --quick --kernels barrier,bcast --sizes 8 --format csv
check "--kernels: those, in the program's order" \
  test "$(sed -n 's,^"\([a-z]*\)/.*,\1,p' "$work/out" | paste -sd' ')" = 'bcast barrier'
run 2 collectives --quick --kernels barrier
check "a barrier has no transport" test "$status/$(grep -cE '^  (transport|fabric) ' "$work/out")" = 0/0
run 4 msgrate --quick --pairs 1 --sizes 8
check "--pairs: so many" grep -q '^  pairs  *1, on ' "$work/out"
run 4 msgrate --quick --pairs 1 --sizes 8 --format json
check "--pairs: rank i with rank i + half of the ranks" jq -e '.context.measuring_ranks == "0,2"' "$work/out"
for buffers in single multiple off-cache; do
  run 2 bandwidth --quick --buffers "$buffers" --sizes 64K --validate
  check "--buffers $buffers: every byte arrives" test "$status" -eq 0
done
for buffers in single off-cache; do
  timeout --kill-after=5 60 "${mpirun[@]}" -np 2 env "LD_PRELOAD=$places" "$programs/pingpong" --quick --sizes 64K --buffers $buffers \
    >"$work/out" 2>"$work/err" </dev/null
  check "--buffers $buffers: where messages come from" \
    test "$(grep -cE "^places: $([[ $buffers = single ]] && echo 'same [0-9]+, other 1' || echo 'same 0, other [0-9]+')\$" "$work/err")" = 2
done
run 2 pingpong --quick --percentiles 90,100 --sizes 8
check "--percentiles: these columns" grep -qE '^ +bytes +min +p90 +max +mean +MB/s +round trips$' "$work/out"
run 2 bandwidth --quick --format osu --kernels uni --sizes 8,64
check "--format osu: a title and two columns" \
  test "$(grep -c '^# shipyard bandwidth .*osu_bw' "$work/out")/$(grep -cE '^(8|64) +[0-9]+\.[0-9]{2}$' "$work/out")" = 1/2

run 4 msgrate --quick --format osu --sizes 8,64
check "--format osu: msgrate has osu_mbw_mr's three columns" \
  test "$(grep -cE '^# Size +MB/s +Messages/s$' "$work/out")/$(grep -cE '^(8|64) +[0-9]+\.[0-9]{2} +[0-9]+\.[0-9]{2}$' "$work/out")" = 1/2
check "--format osu: MB/s are the messages' bytes" awk '$1 == 64 && ($2 * 1e6 / 64 / $3 - 1) ^ 2 < 1e-4 { n++ } END { exit n != 1 }' "$work/out"
run 3 collectives --quick --format osu --kernels reduce_scatter,allgather,barrier --sizes 64
check "--format osu: a title for each kernel" test "$(sed -n 's/^# shipyard collectives .*, columns as \(.*\) has them$/\1/p' "$work/out" | paste -sd' ')" = \
  'osu_reduce_scatter osu_allgather osu_barrier'
check "--format osu: the size of reduce_scatter is that of all ranks" test "$(sed -nE 's/^([0-9]+) +[0-9]+\.[0-9]{2}$/\1/p' "$work/out" | paste -sd' ')" = '192 64'
check "--format osu: a barrier has none" test "$(sed -n '/osu_barrier/,$p' "$work/out" | sed -E '1d; s/[0-9]+\.[0-9]{2}$/T/; s/^ +//' | paste -sd'|')" = '# Avg Latency(us)|T'

timeout --kill-after=5 60 "${mpirun[@]}" -np 2 env "LD_PRELOAD=$slow_rank" "$programs/collectives" --quick --kernels bcast --sizes 8 \
  --out "$work/slow.json" >"$work/out" 2>"$work/err" </dev/null
check "a single call of a collective is that of the slowest rank" jq -e '.benchmarks[0].min_ns >= 2e6' "$work/slow.json"

echo "# one bit of a message is wrong"
# What finds out the fabric are three times 64 messages, then one iteration tells how long it takes, then one is compared. Of a window it is
# one in the middle, which the next ones must not hide.
for one in pingpong:pingpong:194 collectives:allreduce:194 bandwidth:uni:266 bandwidth:bi:266 msgrate:msgrate:266; do
  IFS=: read -r name kernel nth <<<"$one"
  for corrupted in 0 "$nth"; do
    options=(--quick --validate --sizes 64)
    [[ $name == pingpong || $name == msgrate ]] || options+=(--kernels "$kernel")
    timeout --kill-after=5 60 "${mpirun[@]}" -np 2 env "CORRUPT=$corrupted" "LD_PRELOAD=$corrupt" "$programs/$name" "${options[@]}" \
      >"$work/out" 2>"$work/err" </dev/null
    status=$?
    if [[ $corrupted = 0 ]]; then
      check "$name: as it is, all is well" test "$status" -eq 0
    else
      check "$name: it is found" test "$status" -eq 3
      check "$name: and where" grep -qE "^$name: error: --validate: $kernel, 64 bytes: [0-9]+ wrong\$" "$work/err"
    fi
  done
done

echo "# what is measured is what the report says"
run 2 pingpong --sizes 8,64 --min-time 0.2s --out "$work/counted.json"
check "iterations and their time come to the least time" \
  jq -e '.benchmarks | length == 2 and all(.iterations * .real_time * 2 >= 0.2e9)' "$work/counted.json"
check "the table has the same iterations" \
  test "$(awk '$1 == 8 { print $NF }' "$work/out")" = "$(jq '.benchmarks[0].iterations' "$work/counted.json")"
run 2 pingpong --quick --min-time 1s --max-time 1s
check "a least time that leaves none for single messages is refused" test "$status" -eq 2
check "and what would do is said" grep -qxF 'hint: --max-time 2s' "$work/err"
run 2 msgrate --buffers multiple --window 4096 --sizes 1G
check "memory that no machine has is refused before the start" test "$status" -eq 2
check "and how much it would be" \
  grep -qE '^msgrate: error: the messages of 2 ranks on .* need [0-9]+ MB each, and [0-9]+ MB in all are available$' "$work/err"
run 2 collectives --quick --kernels allreduce,bcast --sizes 3
check "a kernel that has none of the sizes is named" \
  grep -qxF 'collectives: note: allreduce: not measured, since its sizes are multiples of 4 above 0' "$work/err"
check "the other one is measured" test "$status/$(grep -cE '^ +3 ' "$work/out")" = 0/1
run 2 collectives --quick --kernels allreduce --sizes 3
check "where no kernel has any, the option is wrong" test "$status" -eq 2
run 2 pingpong --sizes 8 --warmup 1000000 --min-time 1ms --time-limit 0.3s
check "a warm-up that has no time is not begun" test "$status" -eq 1
run 2 bandwidth --quick --kernels uni --window 4096 --sizes 8 --out /dev/stdout --format json
check "a large window does not multiply what finds out the fabric; a pipe has one report" \
  test "$status/$(grep -c '"context"' "$work/out")" = 0/2
run 4 collectives --quick --kernels barrier --sizes 1G
check "a kernel without data needs none" test "$status" -eq 0

echo "# a report that is lost, and one that is not"
run 2 pingpong --quick --sizes 8 --out /dev/full
check "a full disk is a failure" test "$status" -eq 1
check "and is named" grep -qE '^pingpong: error: --out cannot write /dev/full: ' "$work/err"
"${mpirun[@]}" -np 2 "$programs/pingpong" --sizes 1..4M --min-time 1s --out "$work/cut.json" \
  >/dev/null 2>&1 </dev/null &
cut=$!
for ((i = 0; i < 600; i++)); do
  [ ! -s "$work/cut.json" ] || break
  sleep 0.1
done
kill -TERM "$cut"
wait "$cut" 2>/dev/null
check "what was measured before the end is there, whole" \
  jq -e '.benchmarks | length >= 1 and length < 23 and all(.p50_ns > 0)' "$work/cut.json"

echo "# a line that says how long it still takes"
command=$(printf '%q ' "${mpirun[@]}" -np 2 "$programs/pingpong" --quick --sizes 8,64)
timeout --kill-after=5 60 script -qec "$command" /dev/null >"$work/out" 2>"$work/err" </dev/null
check "on a terminal" grep -qE 'pingpong: size 64: 1 of 2, about [0-9]+ s left' "$work/out"
check "and nothing of it is left" \
  test "$(tr '\r' '\n' <"$work/out" | grep -A1 'pingpong: size 64' | tail -n 1 | grep -c $'^\033\\[K')" = 1
timeout --kill-after=5 60 script -qec "$command | cat" /dev/null >"$work/out" 2>"$work/err" </dev/null
check "not in a pipe" test "$(grep -c ' left' "$work/out")/$(grep -cE '^ +64 ' "$work/out")" = 0/1

echo "# expectations"
run 2 pingpong --quick --sizes 8,1M --expect-fabric shm --expect-latency 10s --expect-bandwidth 1MB/s
check "met: exit status 0" test "$status" -eq 0
run 2 pingpong --quick --sizes 8,1M --expect-fabric ib --expect-latency 1ns --expect-bandwidth 100000GB/s
check "not met: exit status 3" test "$status" -eq 3
check "a line for each" test "$(grep -c '^pingpong: error: --expect-' "$work/err")" -eq 3
check "what was found" says 'pingpong: error: --expect-fabric ib: the messages travelled by shm'
run 2 bandwidth --quick --sizes 8 --expect-bandwidth 100000GB/s
check "bandwidth: both directions together are not judged" \
  test "$status/$(grep -c 'error: --expect-bandwidth' "$work/err")/$(grep -c ' uni: the best is ' "$work/err")" = 3/1/1
run 2 bandwidth --quick --sizes 8 --kernels bi --expect-bandwidth 100000GB/s
check "bandwidth: but where they alone were chosen" grep -qE 'error: --expect-bandwidth 1e\+08 MB/s: the best is ' "$work/err"
run 2 collectives --quick --kernels bcast,barrier --sizes 8,64 --expect-latency 1ns
check "collectives: the smallest size of each" \
  test "$status/$(grep -oE '(bcast|barrier): the median is .*' "$work/err" | sed -E 's/ [0-9.e+]+ us//' | paste -sd ' ')" = \
  '3/bcast: the median is, for 8 bytes barrier: the median is, for 0 bytes'

finish
