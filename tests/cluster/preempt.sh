#!/bin/bash
# preempt.sh SUITE: --on-preempt on a pool of containers, with a metadata service as Azure's on the pool's gateway. SUITE:
# bookworm (Open MPI 4.1) or trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
command -v python3 >/dev/null || skip "no python3 for the metadata service"
work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service"; remove_pools; rm -rf "$work"' EXIT

pool=preempt-$suite-$$
net=10.213.47
make_pool "$pool" -n 3 --image "$image" --subnet $net.0/24
exec {port_of_service}< <(exec python3 "$here/../lib/fake_metadata.py" --events "$work/events" --address $net.1 \
  --machine $net.4=pool_0 --machine $net.5=pool_1 --machine $net.6=pool_2 --log "$work/requests")
service=$!
read -r port <&"$port_of_service"
url=http://$net.1:$port

# event TYPE MACHINE [SECONDS]: the service's document from now on.
event() {
  cat >"$work/events.new" <<END
{"DocumentIncarnation": 2, "Events": [{"EventId": "e-$1", "EventStatus": "Scheduled", "EventType": "$1",
 "ResourceType": "VirtualMachine", "Resources": ["$2"], "EventSource": "Platform", "DurationInSeconds": -1,
 "NotBefore": "$(LC_ALL=C date -u -d "+${3:-30} seconds" '+%a, %d %b %Y %H:%M:%S GMT')", "Description": "of the test"}]}
END
  mv "$work/events.new" "$work/events"
}
no_event() { rm -f "$work/events"; }
asked() { grep -c scheduledevents "$work/requests" 2>/dev/null; }
asked_since() { [ "$(asked)" -ge $(($1 + $2)) ]; }

# What every rank runs: says each signal that it gets, ends when the test makes /tmp/go-on on its node, says how many there were.
cat >"$work/program" <<'END'
n=0
trap 'n=$((n + 1)); echo "signal $n at rank $OMPI_COMM_WORLD_RANK"' USR1
echo started
until [ -e /tmp/go-on ]; do sleep 1 & wait $!; done
echo "rank $OMPI_COMM_WORLD_RANK got $n"
END
program=$(cat "$work/program")
go_on() { local i; for i in "$@"; do on_pool_node "$pool" "$i" touch /tmp/go-on; done; }

# start WORD… : shipyard-mpirun in the background; all three ranks are up when it returns.
start() {
  local i
  rm -f "$work/out"  # the last job's
  for i in 0 1 2; do on_pool_node "$pool" $i rm -f /tmp/go-on; done
  in_pool "$pool" env "SHIPYARD_METADATA_URL=$url" sh -c 'echo $$ >/tmp/launcher.pid; exec shipyard-mpirun "$@"' sh \
    --ppn 1 --on-preempt USR1 "$@" >"$work/out" 2>"$work/err" &
  job=$!
  wait_until 60 seen started 3 || { echo "the job does not start"; cat "$work/err"; }
}
seen() { [ "$(grep -c "^$1" "$work/out" 2>/dev/null)" -ge "$2" ]; }
warned() { grep -q '^shipyard-mpirun: warning: ' "$work/err"; }
# Open MPI 5.0 leaves NUL bytes behind its own messages.
error_line() { tr '\0' '\n' <"$work/err" | sed -n 's/^shipyard-mpirun: error: //p'; }
hint_line() { tr '\0' '\n' <"$work/err" | sed -n 's/^hint: //p'; }
# The seconds are as many as are left when the node says so.
time_masked() { error_line | sed -E 's/in (30|[12]?[0-9]) s\)/in N s)/'; }
nothing_left() { check "$1: nothing is left" "$(for i in ${2:-0 1 2}; do leftovers "$pool" $i; done)" ""; }
sentence="node $net.5 is about to be preempted by Azure (Preempt, in N s): the ranks were sent SIGUSR1;"
retry="worth another try; SHIPYARD_ATTEMPT, where you set it, tells the ranks which one it is"

# --- A freeze is none of it; a preemption of one node is told to the ranks of all, once.
event Freeze pool_1
start --report /tmp/report.json sh -c "$program"
wait_until 60 asked_since "$(asked)" 9
check "a Freeze: no rank gets a signal" "$(grep -c signal "$work/out")" 0
event Preempt POOL_1
wait_until 60 seen "signal 1" 3
before=$(asked)
wait_until 60 asked_since "$before" 4
go_on 0 1 2
wait $job
check "a preemption: exit status" $? 123
check "a preemption: every rank got the signal once" "$(grep ' got ' "$work/out" | sort)" \
  "$(printf 'rank %s got 1\n' 0 1 2)"
check "a preemption: one line says so" "$(time_masked)" "$sentence 3 of 3 ended by themselves"
check "a preemption: another try is worth it" "$(hint_line)" "$retry"
check "a preemption: the report has it" \
  "$(in_pool "$pool" cat /tmp/report.json | jq -c '[.preemption.host, .preemption.type, .preemption.event, .outcome.name, .outcome.status]')" \
  "[\"$net.5\",\"Preempt\",\"e-Preempt\",\"preempted\",123]"
nothing_left "a preemption"

# --- A program that goes on all the same has until the node goes.
no_event
start sh -c "$program"
event Preempt pool_1 4
begin=$(now)
wait $job
check "the time is over: exit status" $? 123
check_at_most "the time is over: it ends" "$(seconds_since "$begin")" 30
check "the time is over: one line says so" "$(time_masked)" "$sentence 0 of 3 ended by themselves"
nothing_left "the time is over"

# --- A program that does not catch it dies of it.
no_event
start sh -c 'echo started; exec sleep 100'
event Preempt pool_1
wait $job
check "without a handler: exit status" $? 123
check "without a handler: one line says so" "$(time_masked)" "$sentence 0 of 3 ended by themselves"
check "without a handler: the hint says why" "$(hint_line)" \
  "the program must catch SIGUSR1, or it dies of it before it has written anything"

# --- A signal to the launcher ends the job in its own way, also now.
no_event
start sh -c "$program"
event Preempt pool_1
wait_until 60 seen "signal 1" 3
on_pool_node "$pool" 0 sh -c 'kill -TERM $(cat /tmp/launcher.pid)'
wait $job
check "SIGTERM for the launcher comes before the preemption" "$? $(error_line)" "143 SIGTERM received: the job was ended"

# --- Where there is no such service the job runs, and one warning says so.
no_event
url=http://$net.1:9
start sh -c "$program"
wait_until 60 warned
go_on 0 1 2
wait $job
check "no metadata service: exit status" $? 0
check "no metadata service: one warning, with all nodes" "$(sed -E "s/($net\.[456])/X/g" "$work/err")" \
  "shipyard-mpirun: warning: --on-preempt: no preemption will be seen on nodes X, X and X: $url: Connection refused"

# --- The node goes before the others have ended: that is no lost node.
url=http://$net.1:$port
start sh -c "$program"
event Preempt pool_1
wait_until 60 seen "signal 1" 3
docker kill "$(docker ps --format '{{.Names}}' | grep -- "$pool-task-1")" >/dev/null
wait $job
check "the node goes while the others write: exit status" $? 123
check_contains "the node goes while the others write: the line" "$(time_masked)" "$sentence"
nothing_left "the node goes while the others write" "0 2"

finish
