#!/bin/bash
# faults_job.sh SUITE: what can happen to a job that runs, done to one on three nodes: each ends in time, says why in a line
# and leaves nothing behind. The times are printed. SUITE: bookworm (Open MPI 4.1) or trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/faults.sh
. "$here/lib/faults.sh"
need_images "$image" shipyard/node:latest
for tool in nsenter iptables; do
  command -v $tool >/dev/null || { echo "no $tool here: run scripts/setup"; exit 1; }
done
work=$(mktemp -d)
cleanup() {
  local pool
  for pool in "${pools[@]}"; do docker unpause "$(task 0)" "$(task 2)" >/dev/null 2>&1; done
  remove_pools
  rm -rf "$work"
}
trap cleanup EXIT
make_program
[ "$suite" = bookworm ] && net=10.213.20 slow_net=10.213.22 || net=10.213.21 slow_net=10.213.23
make_fault_pool "faults-$suite-$$" 3 $net
make_fault_pool "slow-$suite-$$" 4 $slow_net
quick=${pools[0]} slow=${pools[1]}

# --- What takes longer is done on a pool of its own, and looked at at the end: a node freezes, and one is cut off, with the
# default of --node-timeout; on the others a rank ends without MPI_Init, which mpirun does not notice.
pool=$slow
start frozen 3 --nodes 3 --ppn 1 $app exchange
start cut 2 --hosts "$slow_net.4,$slow_net.7" --ppn 1 $app exchange
strike frozen
freeze "$(task 2)"
strike cut
cut_off 3
start absent 0 --nodes 2 --ppn 1 $app absent 0

# --- A node is lost, while the ranks talk to each other: what they then fail with is not the cause.
pool=$quick
start job 3 --ppn 1 $app background
docker kill "$(task 2)" >/dev/null
ends job
fault "a node is killed" 122 "node $net.6 was lost while the job ran: rank 2 never said how it ended" 10
clean "a node is killed" 0 1
docker start "$(task 2)" >/dev/null

start job 3 --ppn 1 --node-timeout 5s $app background
freeze "$(task 2)"
ends job
fault "a node freezes" 122 "node $net.6 was lost while the job ran: no sign of life for 5 s" 10
clean "a node freezes" 0 1
docker unpause "$(task 2)" >/dev/null
strike job
gone "a node freezes: when it goes on" job 2

start job 3 --ppn 1 --node-timeout 5s $app background
cut_off 2
ends job
fault "a node is cut off" 122 "node $net.6 was lost while the job ran: no sign of life for 5 s" 10
clean "a node is cut off" 0 1
gone "a node is cut off: what it goes on with" job 2
reconnect 2

# What ranks have left in the background, by node; ? for one that cannot be asked.
sleepers() {
  local node
  for node in 0 1 2; do
    leftovers "$pool" $node | awk '/^sleep 987/ { n++ } / cannot be asked$/ { n = "?" } END { print n == "" ? 0 : n }'
  done | paste -sd' '
}

# --- Signals.
for signal in TERM INT HUP; do
  start job 3 --ppn 1 $app background
  send job $signal
  ends job
  fault "SIG$signal" $((128 + $(kill -l $signal))) "SIG$signal received: the job was ended" 10
  clean "SIG$signal" 0 1 2
done

start job 3 --ppn 1 --kill-after 2s $app background
freeze "$(task 2)"
strike job
send job TERM
ends job
fault "SIGTERM while a node is frozen" 143 "SIGTERM received: the job was ended" 7
clean "SIGTERM while a node is frozen" 0 1
docker unpause "$(task 2)" >/dev/null
strike job
gone "SIGTERM while a node is frozen: when it goes on" job 2

# --- Who would clear away is killed.
start job 3 --ppn 1 $app background
send job KILL
gone "SIGKILL on the launcher" job 0 1 2
ends job
table "SIGKILL on the launcher" "$status" "$seconds" "$said"

start job 3 --ppn 1 $app background
# shellcheck disable=SC2016  # expanded there
on_pool_node "$pool" 0 sh -c 'for process in /proc/[0-9]*; do
  case $(cat "$process/comm" 2>/dev/null) in mpirun|orterun|prterun) kill -KILL "${process#/proc/}" ;; esac; done'
ends job
fault "SIGKILL on mpirun" 137 "mpirun itself was ended by signal 9 (Killed): the job was ended with it" 15
clean "SIGKILL on mpirun" 0 1 2

mkfifo "$work/input"
docker exec -i -e SHIPYARD_LIFELINE=stdin "$(task 0)" shipyard-mpirun --ppn 1 $app background <"$work/input" >"$work/client.out" 2>"$work/client.err" &
client=$!
disown  # its end by SIGKILL is no news
exec {input}>"$work/input"
wait_until 60 has_started client 3
strike client
kill -KILL $client
exec {input}>&-
gone "SIGKILL on docker exec -i" client 0 1 2
table "SIGKILL on docker exec -i" - "$seconds" ""

start job 3 --ppn 1 --node-timeout 2s $app background
send job STOP
no_sleepers() { [ "$(sleepers)" = "0 0 0" ]; }
wait_until 20 no_sleepers
seconds=$(seconds_since "${struck[job]}")
check_at_most "the launcher is stopped: no rank is left" "$seconds" 15
send job CONT
strike job
ends job
said=$(sed 's/for [0-9]* s while/for … s while/' <<<"$said")
fault "the launcher is stopped, and goes on" 122 "shipyard-mpirun was stopped for … s while the job ran: the ranks ended when they \
had heard nothing for 2 s" 10
clean "the launcher is stopped, and goes on" 0 1 2

# --- The program fails, or takes too long.
start job 3 --ppn 1 --timeout 4s $app background
ends job
fault "--timeout 4s is over" 124 "the job was ended after 4 s, the time that --timeout allows" 15
clean "--timeout 4s is over" 0 1 2
run --ppn 1 $app segv
fault "a rank segfaults" 139 "$app: rank 1 on $net.5 ended with signal 11 (Segmentation fault)" 15
run --ppn 1 $app exit
fault "a rank exits 3" 3 "$app: rank 1 on $net.5 ended with exit status 3" 15
run --ppn 1 $app abort
fault "MPI_Abort(42)" 42 "$app: rank 1 on $net.5 called MPI_Abort(42)" 15
run --ppn 1 $app absent 3
fault "a rank exits 3 before MPI_Init" 3 "$app: rank 1 on $net.5 ended with exit status 3" 15
clean "the program fails" 0 1 2

# --- Two jobs on the same nodes, and a third: two of them are killed.
for name in one two three; do start $name 3 --ppn 1 --oversubscribe $app background /tmp/stop; done
check "three jobs: each has left a process on each node" "$(sleepers)" "3 3 3"
strike one
send one KILL
two_left() { [ "$(sleepers)" = "2 2 2" ]; }
wait_until 20 two_left
ends one
send two TERM
ends two
check "a job is ended" "$status $said" "143 SIGTERM received: the job was ended"
check "of the third job nothing is gone" "$(sleepers)" "1 1 1"
check "it runs" "$(kill -0 "${job[three]}" && echo runs)" runs
strike three
on_pool_node "$pool" 0 touch /tmp/stop
ends three
check "and ends as it wants" "$status $(grep ranks, "$work/three.out")" "7 3 ranks, sum 3"
table "two jobs on the same nodes, one is killed: the other" "$status" "$seconds" "$said"
on_pool_node "$pool" 0 sh -c 'rm -rf /tmp/stop /tmp/shipyard-mpirun.*'
clean "three jobs" 0 1 2

# --- The jobs of the beginning.
pool=$slow
ends absent
fault "a rank ends with 0 and never calls MPI_Init" 1 "$app: rank 1 on $slow_net.5 ended without MPI_Init, while others wait for it \
in theirs" 40
ends cut
fault "a node is cut off, --node-timeout left at 15 s" 122 "node $slow_net.7 was lost while the job ran: no sign of life for 15 s" 20
ends frozen
fault "a node freezes, --node-timeout left at 15 s" 122 "node $slow_net.6 was lost while the job ran: no sign of life for 15 s" 20
clean "with --node-timeout left at 15 s" 0 1 3
docker unpause "$(task 2)" >/dev/null
strike frozen
gone "a node freezes, --node-timeout left at 15 s: when it goes on" frozen 2

printf '      all of it took %s s\n' "$(seconds_since "$begun")"
finish
