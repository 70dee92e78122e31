#!/bin/bash
# launch with the machine's own mpirun, with shipyard-mpirun, and with a launcher made up here.
# Usage: bench_launch.sh LAUNCH BENCH_COMPARE      (MPIRUN overrides the launcher and its options)
set -u
tool=$1 compare=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli/bench_common.sh
. "$here/bench_common.sh"
needs jq timeout
# The machine's own settings must not decide what is tested.
for name in $(compgen -e | grep -E '^(SHIPYARD_[^B]|AZ_BATCH_|CCP_NODES|OMPI_|PRTE_|PMIX_|PMI_|OPAL_)'); do
  unset "$name"
done
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
cd "$work" || exit 1

# launch ARGUMENT…: sets status; fills out and err.
launch() {
  timeout --kill-after=5 60 "$tool" "$@" >out 2>err </dev/null
  status=$?
}
# expect NAME STATUS STDERR ARGUMENT…: this, and nothing on standard output.
expect() {
  local name=$1 expected=$2 errors=$3
  shift 3
  launch "$@"
  check "$name" test "$status/$(cat out)/$(cat err)" = "$expected//$errors"
}
# gone PID: within ten seconds, and then it is.
gone() { timeout 10 tail --pid="$1" -f /dev/null; }

echo "# the machine's own mpirun"
launch --ranks 1,2 --launches 2 -o own.json -- "${mpirun[@]}" -np '{ranks}'
check "status 0, and nothing on stderr" test "$status/$(cat err)" = 0/
check "a table of 80 columns at most, with a line for each count" \
  test "$(widest out)/$(grep -cE '^ +1 +[12]( +[0-9]+\.[0-9]+){7}$' out)" = 80/2
check "the report: two counts, two launches each" \
  jq -e '[.benchmarks[] | [.name, .iterations, .ranks, .nodes]] == [["launch/ranks:1", 2, 1, 1], ["launch/ranks:2", 2, 2, 1]]' own.json
check "its times are in order" \
  jq -e '.benchmarks | all(0 < .start_ns and 0 < .init_ns and 0 < .message_ns and 0 < .finalize_ns and .finalize_ns < .end_ns and
    .min_ns <= .p50_ns and .p50_ns <= .max_ns and .min_ns <= .real_time and .real_time <= .max_ns and 0 < .cpu_time)' own.json
check "it names the MPI" jq -e '.context | .benchmark == "launch" and (.mpi_library | length > 0)' own.json
launch --quick --ranks 1,2 --format json -- "${mpirun[@]}" -np '{ranks}'
check "--quick --format json: a report on standard output" test "$status/$(jq '.benchmarks[0].iterations' out)/$(cat err)" = 0/1/
check "the phases of one rank are the whole of it" \
  jq -e '.benchmarks[0] | .start_ns + .init_ns + .message_ns + .end_ns == .p50_ns' out
check "of two, the slowest adds what rank 0 did not wait" \
  jq -e '.benchmarks[1] | (.start_ns + .init_ns + .message_ns + .end_ns - .p50_ns) | 0 <= .' out
cp out again.json
"$compare" own.json again.json >out 2>err
check "bench-compare reads both" test "$?/$(grep -cE '^ +launch/ranks:[12] ' out)/$(cat err)" = 4/2/

echo "# shipyard-mpirun"
if "${mpirun[0]}" --version 2>/dev/null | grep -q 'Open MPI'; then
  launch --quick --ppn 1 --out here.json
  check "one node, where no host list is set" test "$status/$(cat err)" = 0/
  check "and what it was started by" \
    jq -e '(.benchmarks | length == 1 and .[0].name == "launch/1" and .[0].ranks == 1) and (.context.command | test("shipyard-mpirun --nodes .{nodes}. --ppn .{ppn}."))' here.json
  launch --quick --nodes 4
  check "its own words where it fails" \
    test "$status/$(head -n 1 err)/$(tail -n 1 err)" = "1/launch: error: 4 nodes, launch 1 of 1: exit status 125/  shipyard-mpirun: error: --nodes 4: the job has 1 (this machine: no host list is set)"
fi

echo "# a launcher made up here: two seconds of MPI_Init on another machine"
cat >fake <<'FAKE'
#!/bin/sh
echo "$1" >>order
case $(wc -l <order):${BREAK:-} in
  4:fail) echo "no such network" >&2; exit 7 ;;
  1:slow) sleep 0.6 ;;
esac
echo "hello"
echo "[1,0]<stdout>: shipyard-launch-probe elsewhere 1 2000000000 3000000 4 5 $1 $1 1 Fake MPI 1.0"
FAKE
chmod +x fake
launch --ranks 1,4 --launches 2 -- ./fake '{ranks}'
check "the counts take turns" test "$status/$(paste -sd' ' order)" = '0/1 4 1 4 1 4'
check "start and end are not known" grep -qE '^ +4 +4 +- +2000\.0 +3\.000 +- ' out
check "and a note says why" test "$(grep -v ' share ' err)" = \
  "launch: note: rank 0 ran on another machine, so start and end are not known"
check "what shares a machine too" grep -qx 'launch: note: nodes share a machine and its CPUs: launch/ranks:4' err
rm order
AZ_BATCH_HOST_LIST=a,b,c,d,e launch --quick --ppn 3 -- ./fake '{nodes}'
check "powers of two up to all nodes" test "$status/$(paste -sd' ' order)" = '0/1 2 4 5'
rm order
BREAK=slow launch --ranks 1,4 --launches 2 --warmup 0 --time-limit 0.5 -o short.json -- ./fake '{ranks}'
check "the time limit: 0" test "$status" -eq 0
check "what was left out is said" grep -qx \
  'launch: note: 3 of 4 launches left out at the time limit of 0.5 s (--time-limit)' err
check "and marked in the report" jq -e '[.benchmarks[] | .error_occurred // false] == [false, true]' short.json
rm order
BREAK=slow launch --ranks 1,4 --launches 2 --time-limit 0.5 -- ./fake '{ranks}'
check "no launch that counts: 1" test "$status/$(cat err)" = \
  '1/launch: error: no launch that counts within the time limit of 0.5 s (--time-limit)'

echo "# launches that fail"
rm order
BREAK=fail launch --ranks 1,2 --launches 2 -o failed.json -- ./fake '{ranks}'
check "status 1" test "$status/$(wc -l <order)" = 1/4
check "with its last words" test "$(grep -v '^launch: note: ' err)" = "launch: error: 2 ranks, launch 1 of 2: exit status 7
  \$ ./fake 2 $(readlink -f "$tool") --probe
  no such network"
check "what was measured before is there" grep -qE '^ +1 +1 .*[0-9]$' out
check "and why there is no more" jq -e '.context.notes | endswith("3 of 6 launches left out after a failure")' failed.json
expect "false" 1 "launch: error: 1 node, launch 1 of 1: exit status 1
  \$ false $(readlink -f "$tool") --probe" --quick -- false
expect "a launcher that is not there" 1 "launch: error: 1 node, launch 1 of 1: program 'no-such-program' not found
  \$ no-such-program $(readlink -f "$tool") --probe" --quick -- no-such-program
expect "one that does not start the program" 1 "launch: error: 1 node, launch 1 of 1: it ended well, without a word of rank 0
hint: the command starts the program behind it, and passes its output on
  \$ true $(readlink -f "$tool") --probe" --quick -- true
cat >leaver <<'LEAVER'
#!/bin/sh
setsid sh -c 'echo $$ >left.new; mv left.new left; exec sleep 1000' &
until [ -e left ]; do :; done
exit 3
LEAVER
chmod +x leaver
launch --quick -- ./leaver
check "what it leaves behind is ended" eval 'test $status -eq 1 && gone "$(cat left)"'
cat >several <<'SEVERAL'
#!/bin/sh
"$@" && "$@"
SEVERAL
chmod +x several
launch --quick -- ./several
check "one of another MPI, whose ranks do not know each other" test "$status/$(head -n 1 err)" = \
  '1/launch: error: 1 node, launch 1 of 1: 2 processes are rank 0, each of its own job'

echo "# launches that hang, and Ctrl-C"
cat >hang <<'HANG'
#!/bin/sh
echo $$ >"rank.new.$$" && mv "rank.new.$$" "rank.${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}"
exec sleep 1000
HANG
chmod +x hang
expect "one that hangs is ended" 1 "launch: error: 1 node, launch 1 of 1: no end within 1 s, so it was ended
  \$ ./hang $(readlink -f "$tool") --probe" --quick --timeout 1s -- ./hang
check "and gone" gone "$(cat rank.0)"
rm rank.0
# A shell has its background jobs ignore SIGINT, which is not how a terminal starts it.
env --default-signal=INT "$tool" --ranks 2 -- "${mpirun[@]}" -np '{ranks}' ./hang >out 2>err </dev/null &
pid=$!
until [[ -e rank.0 && -e rank.1 ]] || ! kill -0 $pid 2>/dev/null; do :; done
kill -INT $pid
wait $pid
check "SIGINT ends it by itself" test $? -eq 130
check "it says so" grep -qx 'launch: error: 2 ranks, warm-up 1 of 1: ended, as SIGINT asked for it' err
check "the ranks are gone, too" eval 'gone "$(cat rank.0)" && gone "$(cat rank.1)"'

echo "# wrong options"
expect "an unknown one" 2 "launch: error: unknown option '--node'
hint: did you mean '--nodes'? Try 'launch --help'" --node 1
expect "a count that is none" 2 "launch: error: --ranks: '0' is not a whole number from 1 to 10000000" --ranks 0
expect "a command that starts the same for every count" 2 "launch: error: the command starts the same for 1 node and for 2 nodes
hint: {ranks} and {nodes} in it are replaced: -- mpirun -np {ranks}" --nodes 1,2 -- mpirun -np 2
expect "a report that cannot be written" 2 "launch: error: --out /no/such/report: no such file or directory" \
  -o /no/such/report -- ./fake 1
PMIX_RANK=0 expect "under mpirun" 2 "launch: error: mpirun has started this, and it starts mpirun itself
hint: leave mpirun away, or put it behind: launch -- mpirun -np {ranks}"

echo "# the progress line is for terminals"
if command -v script >/dev/null; then
  rm -f order
  script -qec "$tool --nodes 1,4 --launches 2 -- ./fake {nodes} >out" typescript </dev/null >/dev/null 2>err
  check "it says how far it is" grep -qE 'launch: 4 nodes, launch 2 of 2, about [0-9]+ s left' typescript
  check "nothing of it is left" test "$(sed 's/.*\r\x1b\[K//' typescript | grep -c 'launch 2 of 2')" = 0
fi

echo "# help and version"
launch --help
check "--help: on stdout, in 80 columns" test "$status/$(wc -c <err)/$(grep -c '^Usage: launch ' out)/$(($(widest out) <= 80))" = 0/0/1/1
launch --version
check "--version" test "$status/$(cat out)" = '0/launch (shipyard-mpirun 0.1.0)'

finish
