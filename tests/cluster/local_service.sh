#!/bin/bash
# local_service.sh [JOBS]: shipyard-local serve with real containers: jobs of shipyard-submit from end to end, retries, limits, a
# node that dies, the client and the service killed, JOBS jobs in a row (3), and nothing left of any of it.
# shellcheck disable=SC2016,SC2317  # for other shells; functions are called by name
set -u
jobs=${1:-3}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
need_images shipyard/node:latest shipyard/openmpi:bookworm shipyard/openmpi:trixie
submit=$SHIPYARD_BUILD_DIR/bin/shipyard-submit
work=$(mktemp -d -p /var/tmp shipyard-test.XXXXXX)
mkdir "$work/storage" "$work/storage/input" "$work/home"
export HOME=$work/home
service=
serve() {
  "$SHIPYARD_BUILD_DIR/bin/shipyard-local" serve --listen 127.0.0.1:0 --state "$work/state" --storage "$work/storage" \
    >"$work/service.env" 2>>"$work/service.err" </dev/null &
  service=$!
  wait_until 60 grep -q ACCESS_KEY_FILE "$work/service.env" || { cat "$work/service.err"; exit 1; }
  # shellcheck source=/dev/null
  . "$work/service.env"
}
# Its containers, by the label that all of a service's carry.
ours() { docker ps --all --quiet --filter "label=shipyard.service=$tag"; }
end_service() {
  [ -z "$service" ] || { kill -TERM "$service" && wait "$service"; }
  service=
}
clean_up() {
  [ -z "$service" ] || { kill -KILL "$service"; wait "$service"; } 2>/dev/null
  [ -z "${tag:-}" ] || ours | xargs -r docker rm --force --volumes >/dev/null
  [ -z "${tag:-}" ] || docker network ls --quiet --filter "label=shipyard.service=$tag" | xargs -r docker network rm >/dev/null
  rm -rf "$work"
}
trap clean_up EXIT
# As a user of the machine: the tag is of the state's directory.
tag=$(printf %s "$work/state" | sha256sum | cut -c1-8)

# job NAME LINE…: a job file on pool p.
job() {
  local name=$1
  shift
  { printf 'pool: p\nimage: shipyard/openmpi:bookworm\nnodes: 2\n'; printf '%s\n' "$@"; } >"$work/$name.yaml"
}
# run_job NAME [OPTION…]: sets status; fills out and err.
run_job() {
  local name=$1
  shift
  timeout -k 5 180 "$submit" run --poll 1s "$@" "$work/$name.yaml" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}
trouble() { [ "$status" = "$1" ] || { sed 's/^/      /' "$work/out" "$work/err"; tail -3 "$work/service.err"; }; }
# says WORDS: the status of the job in $work/id.
says() { "$submit" status "$(cat "$work/id")" 2>&1 | grep -q "$1"; }
entries() { find "$1" -mindepth 1 -maxdepth 1 | wc -l; }
last_job() { sed -n "s/.*note: job '\([^']*\)' is submitted.*/\1/p" "$work/err" | tail -1; }

serve

echo '# a job with a pool of its own'
cat >"$work/ping.yaml" <<END_OF_JOB
pool: {vm_size: Standard_HB120rs_v3}
image: shipyard/openmpi:bookworm
nodes: 4
command: shipyard-mpirun --ppn 1 pingpong --quick
limits: {time: 10m}
END_OF_JOB
run_job ping
trouble 0
check "exit status" "$status" 0
check_contains "pingpong's table comes out" "$(cat "$work/out")" "one-way latency"
check_contains "over the network of the nodes" "$(cat "$work/out")" "fabric     tcp"
wait_until 60 test -z "$(ours)"
check "nothing is left on the engine" "$(ours | wc -l)" 0
here_too=$("$submit" render "$work/ping.yaml" 2>&1)
check "for an account on Azure the requests are the same" \
  "$(AZURE_BATCH_ENDPOINT=https://a.westeurope.batch.azure.com AZURE_BATCH_ACCOUNT=a "$submit" render "$work/ping.yaml" 2>&1)" "$here_too"

echo '# a pool that stays'
printf 'pool: {id: p, vm_size: Standard_HB120rs_v3, dedicated: 2}\nimage: shipyard/openmpi:bookworm\n' >"$work/pool.yaml"
"$submit" pool create "$work/pool.yaml" 2>"$work/err"
check "pool create" "$?" 0
printf 'from storage\n' >"$work/storage/input/a.txt"
job two 'command: cat a.txt; mpirun --version | head -1; hostname; echo e >&2' 'resource_files: [{auto_storage: input}]' \
  'tasks:' '  - {id: first}' '  - {id: second, image: shipyard/openmpi:trixie}'
run_job two
trouble 0
check "two tasks with two images in one job" "$status" 0
check "each ran in its own, with its files" "$(grep -v node- "$work/out" | tr '\n' '|')" \
  "from storage|mpirun (Open MPI) 4.1.4|from storage|mpirun (Open MPI) 5.0.7|"
check_contains "standard error comes out too" "$(cat "$work/err")" "
e
"
job=$(last_job)
"$submit" status "$job" >"$work/out" 2>&1
check "all subtasks have ended well" "$(grep -cE '^(first|second| ) +.* completed +0 ' "$work/out")" 4
"$submit" logs --node 1 "$job" first >"$work/out" 2>&1
check "the output of another node" "$?" 0

echo '# a pool that starts containers itself'
cat >"$work/native.yaml" <<END_OF_JOB
pool: {vm_size: Standard_HB120rs_v3, native: true}
image: shipyard/openmpi:trixie
nodes: 2
command: shipyard-mpirun -n 2 --ppn 1 hostname
limits: {time: 10m}
END_OF_JOB
run_job native
trouble 0
check "ranks on both nodes" "$status $(sort "$work/out" | tr '\n' ' ')" "0 node-0 node-1 "

echo '# the azure-batch client for Python'
/usr/bin/python3 -B "$here/local_service_azure.py" >"$work/out" 2>&1
status=$?
trouble 0
check "a whole job, as render prints it, and each answer by the definitions" "$status" 0

echo '# what fails'
job status 'command: exit 7'
run_job status
check "an exit status comes back" "$status" 7
# shellcheck disable=SC2016  # for the shell of the task
job again 'limits: {retries: 2}' 'command: shipyard-mpirun -n 1 true; n=$(cat $AZ_BATCH_NODE_ROOT_DIR/tries 2>/dev/null || echo 0); echo $((n + 1)) >$AZ_BATCH_NODE_ROOT_DIR/tries; echo try $n; sleep 3; test $n = 2'
run_job again
trouble 0
check "retries: the third attempt is good" "$status" 0
check "its output is shown from the first byte, each time" "$(cat "$work/out")" "try 0
try 1
try 2"
job limit 'limits: {time: 3s}' 'command: sleep 100'
begin=$(now)
run_job limit
check "a wall clock limit ends it" "$((status != 0))" 1
check_contains "and says so" "$(cat "$work/err")" "WallClockTime"
check_at_most "in time" "$(seconds_since "$begin")" 60
job broken 'container: {options: [--no-such-option]}' 'command: true'
run_job broken
check "a coordination command that fails ends the task" "$((status != 0))" 1
(cd "$work" && "$submit" diagnose "$(last_job)" >"$work/out" 2>"$work/err")
check "diagnose" "$?" 0
check_contains "names the node's own words" "$(cat "$work/out")" "no-such-option"
job endless 'command: sleep 1000 & wait'
"$submit" submit "$work/endless.yaml" >"$work/id" 2>/dev/null
wait_until 60 says running
"$submit" terminate "$(cat "$work/id")" 2>/dev/null
wait_until 60 says 'ended: '
check "a job that is terminated ends" "$?" 0
still_there() { for node in $(ours); do docker top "$node" 2>/dev/null | grep -q "$1" && return; done; return 1; }
wait_until 30 eval '! still_there "sleep 1000"'
check "and its processes" "$?" 0
job emptied 'command: shipyard-mpirun -n 1 true' "coordination: 'env -i /bin/sleep 1001 & sleep 2; docker ps >/dev/null'"
timeout -k 5 180 "$submit" run --poll 1s "$work/emptied.yaml" >"$work/out" 2>"$work/err" </dev/null &
client=$!
wait_until 30 still_there 'sleep 1001'
check "what has emptied its environment runs" "$?" 0
wait "$client"
wait_until 30 eval '! still_there "sleep 1001"'
check "and ends with the task" "$?" 0

echo '# a node that dies'
job dies 'command: shipyard-mpirun -n 2 --ppn 1 sh -c "echo begun; test -e /mnt/batch/tasks/shared/again || sleep 100"'
timeout -k 5 180 "$submit" run --poll 1s "$work/dies.yaml" >"$work/out" 2>"$work/err" </dev/null &
client=$!
wait_until 60 grep -q begun "$work/out"
check "what a task prints comes out while it runs" "$?" 0
for node in 0 1; do touch "$work/state/nodes/p/$node/shared/again"; done
docker kill "shipyard-$tag-p-node-1" >/dev/null
wait "$client"
status=$?
trouble 0
check "Batch runs it again, on nodes that live" "$status" 0
check_contains "and the client says so" "$(cat "$work/err")" "since a node of it is gone"

for node in 0 1; do docker kill "shipyard-$tag-p-node-$node" >/dev/null & done
wait %?docker 2>/dev/null
idle() { "$submit" pool status p 2>/dev/null | grep -c ' idle '; }
wait_until 60 eval '[ "$(docker ps --quiet --filter "label=shipyard.service=$tag" | wc -l)" = 2 ] && [ "$(idle)" = 2 ]'
check "all nodes at once: they come back" "$?" 0

echo '# nodes that fail, and wait for each other'
job waits 'command: true' "coordination: test \$AZ_BATCH_IS_CURRENT_NODE_MASTER = true || exit 3; sleep 900"
begin=$(now)
run_job waits
check_at_most "one has failed: nobody waits for it" "$(seconds_since "$begin")" 60
check "the task has failed" "$((status != 0))" 1
printf 'pool: {id: q, vm_size: v, dedicated: 2, start_task: "sleep 4; test $(hostname) != node-1"}\nimage: shipyard/openmpi:bookworm\n' >"$work/q.yaml"
"$submit" pool create "$work/q.yaml" 2>/dev/null
sleep 2
"$submit" pool delete q 2>/dev/null
wait_until 60 eval '[ -z "$(docker ps --all --quiet --filter "name=shipyard-$tag-q-")" ] && [ ! -e "$work/state/nodes/q" ]'
check "a pool that is deleted while it is made leaves nothing" "$?" 0

echo '# the client is killed'
job killed 'command: sleep 8; echo end'
timeout -k 5 180 "$submit" run --poll 1s "$work/killed.yaml" >"$work/out" 2>"$work/err" </dev/null &
client=$!
wait_until 60 grep -q "is running" "$work/err"
pkill -KILL -P "$client"
wait "$client" 2>/dev/null
first=$(last_job)
run_job killed
check "another start goes on with the job" "$status" 0
check_contains "the same one" "$(cat "$work/err")" "going on with job '$first'"
check "and has its output" "$(cat "$work/out")" end
# Killed after 0.1 s, 0.2 s, …, each time started again, until one has come to the end.
job points 'command: echo run >>$AZ_BATCH_NODE_SHARED_DIR/runs; sleep 5; echo end'
kills=0 status=137
while [ "$status" = 137 ] && [ $kills -lt 60 ]; do
  kills=$((kills + 1))
  timeout -s KILL "$(printf '%d.%d' $((kills / 10)) $((kills % 10)))" "$submit" run --poll 1s "$work/points.yaml" >"$work/out" 2>"$work/err" </dev/null
  status=$?
done 2>/dev/null
trouble 0
check "killed at any point: the last start ends well ($((kills - 1)) were killed)" "$status/$(tail -n 1 "$work/out")" 0/end
check "the job ran once" "$(cat "$work"/state/nodes/p/*/shared/runs | wc -l)" 1

echo '# the service is killed'
job outlived 'command: sleep 30; echo end'
"$submit" submit "$work/outlived.yaml" >"$work/id" 2>/dev/null
wait_until 60 says running
sleep 1
kill -KILL "$service"
wait "$service" 2>/dev/null
serve
"$submit" status "$(cat "$work/id")" >"$work/out" 2>&1
check "no task is told to run" "$(grep -c running "$work/out")" 0
"$submit" logs --follow --poll 1s "$(cat "$work/id")" >"$work/out" 2>"$work/err"
check_contains "its end is told" "$(cat "$work/err")" "ServiceRestarted"
job after 'command: echo well'
run_job after
trouble 0
check "the pool has its nodes again" "$status/$(cat "$work/out")" 0/well

echo '# cleanup'
job kept 'container: {keep: true}' 'command: true'
run_job kept
check "a container is kept" "$(docker ps --quiet --filter "label=shipyard.service=$tag" --filter "name=shipyard$" | wc -l)" 2
"$submit" cleanup --poll 1s p >"$work/out" 2>"$work/err"
check "cleanup" "$?" 0
check "removes it from all nodes" "$(docker ps --quiet --filter "label=shipyard.service=$tag" --filter "name=shipyard$" | wc -l)" 0

echo "# $jobs jobs in a row"
job row 'command: shipyard-mpirun -n 2 --ppn 1 true'
memory() { awk '/VmRSS/ { print $2 }' "/proc/$service/status"; }
run_job row
containers=$(ours | wc -l) threads=$(entries "/proc/$service/task") descriptors=$(entries "/proc/$service/fd") before=$(memory)
bad=0
for ((k = 0; k < jobs; ++k)); do
  run_job row --new
  [ "$status" = 0 ] || bad=$((bad + 1))
  # What is kept of a job stays until it is deleted, as on Azure.
  "$submit" terminate --delete "$(last_job)" 2>/dev/null
done
check "all end well" "$bad" 0
settled() { [ "$(ours | wc -l)" -le "$containers" ] && [ "$(entries "/proc/$service/task")" -le "$((threads + 2))" ] && [ "$(entries "/proc/$service/fd")" -le "$((descriptors + 4))" ]; }
wait_until 30 settled
check "no container, thread or descriptor more than before" "$?" 0
echo "      memory: $before KiB, then $(memory) KiB"
check "no memory to speak of" "$(($(memory) < before * 3 / 2 + 8192))" 1

echo '# the end'
"$submit" pool delete p 2>/dev/null
# What the engine has of this service: containers and networks.
left() { echo "$(ours | wc -l)/$(docker network ls --quiet --filter "label=shipyard.service=$tag" | wc -l)"; }
wait_until 60 eval '[ "$(left)" = 0/0 ]'
check "a deleted pool leaves nothing" "$(left)" 0/0
"$submit" pool create "$work/pool.yaml" 2>/dev/null
wait_until 60 eval '[ "$(ours | wc -l)" = 2 ]'
end_service
check "nor does a service that is ended" "$(left)" 0/0
finish
