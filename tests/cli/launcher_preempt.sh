#!/bin/bash
# --on-preempt on this machine: two ranks below a stand-in for mpirun, a metadata service as Azure's on loopback.
source "$(dirname "$0")/launcher_common.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
cd "$work" || exit 1
export EVENTS=$work/events
service=
end_service() {
  [[ -z $service ]] || kill "$service" 2>/dev/null
  cleanup
}
trap end_service EXIT

mkdir fake
cat >fake/mpirun <<'FAKE'
#!/bin/bash
[[ $* == --version ]] && { echo "mpirun (Open MPI) 5.0.7"; exit 0; }
while [[ $1 != */shipyard-rank ]]; do shift; done
for rank in 0 1; do OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_LOCAL_RANK=$rank setsid "$@" & done
wait
FAKE
chmod 755 fake/mpirun
PATH=$work/fake:$PATH

exec {port_of_service}< <(exec python3 "$test_directory/../lib/fake_metadata.py" --events "$work/document" --machine pool_7 \
  --log "$work/requests")
service=$!
read -r port <&"$port_of_service"
export SHIPYARD_METADATA_URL=http://127.0.0.1:$port
# event TYPE NOT-BEFORE
event() {
  cat >document.new <<END
{"DocumentIncarnation": 2, "Events": [{"EventId": "an-event", "EventStatus": "Scheduled", "EventType": "$1",
 "ResourceType": "VirtualMachine", "Resources": ["pool_7"], "NotBefore": "$2", "Description": "of the test",
 "EventSource": "Platform", "DurationInSeconds": -1}]}
END
  mv document.new document
}
# A time that is past: the node may go at any moment, and what a Spot node usually has is counted on.
past="Mon, 19 Sep 2016 18:29:47 GMT"
two=(-n 2 --oversubscribe --bind-to none --report report.json)
host=$(uname -n)

program catches <<<'trap "echo signal >\"$EVENTS\"; exit 0" USR1; echo ready >"$EVENTS"; while :; do sleep 1000 & wait; done'
echo "# a preemption"
start preempted "${two[@]}" --on-preempt SIGUSR1 ./catches
await ready
await ready
event Preempt "$past"
await signal
await signal
ended 60
check "123" test "$status" -eq 123
check "one line says so" grep -qx "shipyard-mpirun: error: node $host is about to be preempted by Azure (Preempt, in 30 s): \
the ranks were sent SIGUSR1; 2 of 2 ended by themselves" err
check "one rank of the node has asked" test "$(grep -c compute/name requests)" -eq 1
if command -v jq >/dev/null; then
  check "the report has it" test "$(jq -c .preemption report.json)" = \
    "{\"host\":\"$host\",\"type\":\"Preempt\",\"seconds\":30,\"event\":\"an-event\",\"description\":\"of the test\"}"
fi
check "no process is left" none_left preempted 15

echo "# without --on-preempt nobody asks"
before=$(wc -l <requests)
program quick <<<'exit 0'
launch "${two[@]}" ./quick
check "0, and no question" test "$status/$(wc -l <requests)" = "0/$before"

echo "# a service that is none"
rm -f document
program waits <<<'echo ready >"$EVENTS"; until [ -e go-on ]; do sleep 1 & wait $!; done'
SHIPYARD_METADATA_URL=http://127.0.0.1:9 start none "${two[@]}" --on-preempt USR1 ./waits
await ready
await ready
deadline=$((SECONDS + 60))
until grep -q warning err || ((SECONDS > deadline)); do pause; done
touch go-on
ended 60
check "the job runs" test "$status" -eq 0
check "one warning says that nobody watches" test "$(cat err)" = \
  "shipyard-mpirun: warning: --on-preempt: no preemption will be seen on node $host: http://127.0.0.1:9: Connection refused"

echo "# what makes no sense"
refused 125 "--on-preempt: 'USR3' is not a signal" --on-preempt USR3 true
refused 125 "--on-preempt: no program can react to SIGKILL" --on-preempt KILL true
SHIPYARD_METADATA_URL=http://metadata refused 125 "SHIPYARD_METADATA_URL: no numeric address" --on-preempt USR1 true
done_testing
