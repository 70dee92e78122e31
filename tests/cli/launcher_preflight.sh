#!/bin/bash
# --preflight on nodes that are addresses of loopback: their sshd is a banner, ssh a script that runs the command here, mpirun
# one that starts every rank here, and allpairs one that tells what the test wants to hear.
source "$(dirname "$0")/launcher_common.sh"
command -v perl >/dev/null || { echo "skipped: no perl for the nodes"; exit 77; }

mkdir -p "$work/fake" "$work/libexec/bench"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/bash
[[ $* == --version ]] && { echo "mpirun (Open MPI) ${VERSION:-4.1.4}"; exit 0; }
while [[ $1 != */shipyard-rank ]]; do [[ $1 == -np ]] && ranks=$2; shift; done
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; exit 143' TERM
for ((rank = 0; rank < ranks; rank++)); do OMPI_COMM_WORLD_RANK=$rank "$@" </dev/null & pids+=($!); done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
exit $status
FAKE
# ssh … HOST COMMAND
cat >"$work/fake/ssh" <<'FAKE'
#!/bin/sh
for word; do host=$last; last=$word; done
[ "$host" = "$DENIED" ] && { echo "root@$host: Permission denied (publickey)." >&2; exit 255; }
[ "$host" = "$OTHER" ] && export VERSION=4.1.5
exec sh -c "$last"
FAKE
# Its first rank prints the report of $SLOW, which is a node's number, among $NODES.
cat >"$work/libexec/bench/allpairs" <<'FAKE'
#!/bin/bash
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exit 0
echo "$*" >>"$RECORD/allpairs"
case $ALLPAIRS in
  hangs) echo measuring >"$EVENTS"; exec sleep 100 ;;
  fails) echo "allpairs: error: something of its own" >&2; exit "$STATUS" ;;
  babbles) echo "{ no report"; exit 0 ;;
esac
echo "allpairs: note: a word that nobody needs" >&2
entries=
for ((from = 0; from < NODES; from++)); do
  for ((to = 0; to < NODES; to++)); do
    ((from == to)) && continue
    a=0 b=0 figures='"latency_ns": 1800, "bandwidth_MB_per_s": 23000'
    [[ $from == "$SLOW" ]] && a=1
    [[ $to == "$SLOW" ]] && b=1
    ((a + b)) && figures='"latency_ns": 3100, "bandwidth_MB_per_s": 5000'
    entries+="${entries:+,}{\"from\": $from, \"to\": $to, $figures, \"slow\": $((a + b)), \"from_slow\": $a, \"to_slow\": $b}"
  done
done
names=$(for ((i = 0; i < NODES; i++)); do echo "n$i"; done | paste -sd,)
echo "{\"context\": {\"node_names\": \"$names\"}, \"benchmarks\": [$entries]}"
[ -z "$SLOW" ] || { echo "allpairs: error: node n$SLOW is slow" >&2; exit 3; }
FAKE
: >"$work/fake/orted"
chmod 755 "$work"/fake/* "$work/libexec/bench/allpairs"
export EVENTS=$work/events RECORD=$work PATH=$work/fake:$bin:$PATH SHIPYARD_LIBEXEC=$work/libexec
program app <<<'echo "rank $OMPI_COMM_WORLD_RANK" | tee -a "$RECORD/app.started"; [ $# = 0 ] || exit "$1"'
cd "$work" || exit 1

greet_for_all_nodes
options=(--ssh-port "$port" --oversubscribe --ppn 1 --bind-to none --report "$work/report.json")
four=(--hosts "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4" "${options[@]}" --preflight 60s)

# What the launcher said, but for its note that these sshds have no key of the job's, and how long it took.
said() { grep -v '^shipyard-mpirun: note: host keys are not checked' "$work/err" | sed -E 's/ in [0-9.]+ s: / in N s: /'; }
says() { [[ $(said) == "$1" ]] || { echo "wanted: $1"; return 1; }; }
report() { jq -c "$1" <"$work/report.json"; }
# ran_on HOST…: a rank of the program on each.
ran_on() { [[ $(report '[.layout[].host]' | tr -d '"[]') == "$(IFS=,; echo "$*")" && $(sort -u app.started | wc -l) == "$#" ]]; }
not_started() { [[ ! -e app.started ]]; }
run() { rm -f app.started allpairs; launch "$@"; }
refused_with() { # STATUS TEXT
  [[ $status == "$1" && ! -s $work/out ]] && not_started && no_run_directory && says "$2"
}
typical="typical are 1.80 µs and 23.0 GB/s"
slow="slow: 3.10 µs and 5.00 GB/s, $typical"
fine="latency 1.80 µs, bandwidth 23.0 GB/s"
prefix="shipyard-mpirun: "

echo "# all is well"
NODES=4 run "${four[@]}" ./app 7
check "the exit status is the program's" test "$status" -eq 7
check "the program's output is its own, and of all ranks" test "$(sort "$work/out" | paste -sd' ')" = "rank 0 rank 1 rank 2 rank 3"
check "one line says so" eval '[[ $(said | head -1) == "${prefix}note: preflight: 4 nodes in N s: $fine, no node is slow" ]]'
check "allpairs has run once, for a part of the time" grep -qxE -- '--format json --time-limit 3[0-9]\.[0-9]s' allpairs
check "the report has it" test "$(report '.preflight | [.verdict, .latency_ns == 1800, .left_out, (.nodes | length)]')" = '["fine",true,[],4]'
check "and what the nodes said" test "$(report '.check.nodes | length')" = 4
NODES=4 run "${four[@]}" -q ./app
check "-q: not a word" test "$status/$(wc -c <"$work/err")" = 0/0
NODES=4 SHIPYARD_PREFLIGHT=60s run --hosts 127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4 "${options[@]}" --nodes 2 ./app
check "the variable does the same; of those that are fit the first run" eval 'test -s allpairs && ran_on 127.0.0.1 127.0.0.2'
check "and are named" says "${prefix}note: preflight: 4 nodes in N s: $fine, no node is slow; the program runs on 127.0.0.1 and 127.0.0.2"

echo "# a slow node"
NODES=4 SLOW=1 run "${four[@]}" ./app
check "120, the program does not start" refused_with 120 "${prefix}note: preflight: 4 nodes in N s: $fine, 1 is slow
${prefix}error: preflight: 1 of 4 nodes is unfit
  127.0.0.2: $slow
hint: --nodes 3 runs on those that are fit and leaves the rest out"
check "the report has it" test "$(report '[.outcome.name, .outcome.status, .preflight.verdict, .preflight.left_out[0].host]')" = \
  '["node_unfit",120,"slow","127.0.0.2"]'
NODES=4 SLOW=1 run "${four[@]}" --nodes 3 ./app
check "--nodes 3 leaves it out" eval '[[ $status == 0 ]] && ran_on 127.0.0.1 127.0.0.3 127.0.0.4'
check "and says so" says "${prefix}warning: preflight: 127.0.0.2 is left out: $slow
${prefix}note: preflight: 4 nodes in N s: $fine, 1 is slow; the program runs on 127.0.0.1, 127.0.0.3 and 127.0.0.4"
check "the report names all hosts, and why one is left out" test \
  "$(report '[(.hosts | length), .reasons[] | select(. == 4 or (tostring | contains("is left out")))]')" = \
  "[4,\"127.0.0.2 is left out: --preflight: $slow\"]"
NODES=4 SLOW=0 run "${four[@]}" --nodes 3 ./app
check "this node is left out as any other" eval '[[ $status == 0 ]] && ran_on 127.0.0.2 127.0.0.3 127.0.0.4'
check "with a word on the files of rank 0" eval 'said | grep -qx "${prefix}warning: preflight: 127.0.0.1 is this node: rank 0 runs on 127.0.0.2, and files that it writes are there"'

echo "# a node that the check finds unfit"
NODES=3 OTHER=127.0.0.3 run "${four[@]}" --nodes 3 ./app
check "is left out, and not measured" eval '[[ $status == 0 ]] && ran_on 127.0.0.1 127.0.0.2 127.0.0.4'
check "with its cause" eval 'said | grep -qx "${prefix}warning: preflight: 127.0.0.3 is left out: Open MPI 4.1.5, the primary has Open MPI 4.1.4"'
NODES=3 DENIED=127.0.0.3 run "${four[@]}" ./app
check "120 where all are wanted, before anything is measured" eval 'refused_with 120 "${prefix}error: preflight: 1 of 4 nodes is unfit
  127.0.0.3: ssh: permission denied (publickey): the node does not accept the job'"'"'s key
hint: --nodes 3 runs on those that are fit and leaves the rest out" && test ! -e allpairs'
rm -f "$work/fake/orted"
NODES=3 run "${four[@]}" --wdir "$work/nowhere" ./app
check "what is wrong everywhere has its own status" test "$status/$(said | head -1)" = \
  "125/${prefix}error: 127.0.0.1, 127.0.0.2, 127.0.0.3 and 1 more: cannot enter the working directory $work/nowhere: No such file or directory"
: >"$work/fake/orted"
chmod 755 "$work/fake/orted"

echo "# nothing to compare"
run --hosts 127.0.0.1 "${options[@]}" --preflight 60s ./app
check "one node: allpairs does not run, the program does" eval 'test ! -e allpairs && ran_on 127.0.0.1 &&
  says "${prefix}note: preflight: 1 node in N s: it has nothing to be compared with"'
NODES=2 run --hosts 127.0.0.1,127.0.0.2 "${options[@]}" --preflight 60s ./app
check "two nodes: figures, and no verdict" eval 'ran_on 127.0.0.1 127.0.0.2 &&
  says "${prefix}note: preflight: 2 nodes in N s: $fine, no verdict: two have nothing to be compared with"'

echo "# allpairs goes wrong"
ALLPAIRS=fails STATUS=1 run "${four[@]}" ./app
check "120, with its words" eval 'refused_with 120 "allpairs: error: something of its own
${prefix}error: preflight: allpairs: rank 0 on $(uname -n) ended with exit status 1"'
ALLPAIRS=fails STATUS=2 run "${four[@]}" ./app
check "125 where it could not begin" eval '[[ $status == 125 ]] && not_started'
ALLPAIRS=babbles run "${four[@]}" ./app
check "125 where its report is none" eval '[[ $status == 125 ]] && not_started && said | grep -qx "${prefix}error: preflight: allpairs'"'"' report: not JSON"'
NODES=3 run "${four[@]}" ./app
check "125 where it saw other nodes" eval '[[ $status == 125 ]] && not_started && said | grep -qx "${prefix}error: preflight: allpairs ran on 3 nodes, not on 4"'
ALLPAIRS=hangs start hangs --hosts 127.0.0.1,127.0.0.2 "${options[@]}" --preflight 5s ./app
ended 20
await measuring
check "120 where it hangs, and nothing is left" eval '[[ $status == 120 ]] && not_started && none_left hangs 10 && no_run_directory &&
  said | grep -qx "${prefix}error: preflight: allpairs had not ended after 5 s: no verdict on the nodes"'
for signal in INT TERM; do
  ALLPAIRS=hangs start $signal "${four[@]}" ./app
  await measuring
  kill -$signal "$launcher"
  ended 20
  check "SIG$signal: everything ends" eval '[[ $status == $((128 + $(kill -l $signal))) ]] && not_started && none_left $signal 10 && no_run_directory &&
    says "${prefix}error: SIG$signal received during the preflight: the program was not started"'
done

echo "# options"
launch "${four[@]}" --dry-run ./app
check "--dry-run says that it would come first" test "$(head -2 "$work/out" | sed 's/^# //' | paste -sd' ')" = \
  "--preflight: the nodes are checked and measured before this, and unfit ones are left out where --nodes allows it."
launch "${four[@]}" --dry-run --explain ./app
check "--explain, too" grep -q '^# before that the nodes are checked and allpairs runs, within 60 s:' "$work/out"
refused 125 "--check and --preflight exclude each other" "${four[@]}" --check ./app
SHIPYARD_PREFLIGHT=60s launch --hosts 127.0.0.1 "${options[@]}" --check ./app
check "--check goes with the variable, which then says nothing" test "$status/$(grep -c preflight "$work/err")" = 0/0
refused 125 "--preflight: too short for asking the nodes and starting allpairs" --preflight 4s ./app
NODES=4 run "${four[@]}" --mpi-arg -np --mpi-arg 3 ./app
check "125 where an --mpi-arg says how many ranks there are" eval '[[ $status == 125 ]] && not_started'
mkdir "$work/alone"
cp "$mpirun_tool" "$work/alone/"
SHIPYARD_LIBEXEC=$bin mpirun_tool=$work/alone/shipyard-mpirun refused 125 \
  "--preflight: allpairs, which measures the nodes, is not installed" --preflight 60s ./app
done_testing
