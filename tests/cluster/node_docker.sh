#!/bin/bash
# node_docker.sh: the docker that the nodes of a pool on this machine have. Two nodes on a network; on each the very command
# lines that shipyard-submit makes for Azure, two images in one job, MPI over both nodes; what a node sees of the others; the
# end of a task, of a node's service; what is left.
# shellcheck disable=SC2317  # functions are called by name
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
need_images shipyard/node:latest shipyard/openmpi:bookworm shipyard/openmpi:trixie
submit=$SHIPYARD_BUILD_DIR/bin/shipyard-submit
tag=shipyard-test-docker-$$
subnet=10.214.61
work=$(mktemp -d -p /var/tmp shipyard-test.XXXXXX)
service=

start_service() {
  mkfifo "$work/until"
  # As a service that is started by a user: with a configuration of the user's own.
  HOME=$work/user "$SHIPYARD_BUILD_DIR/tests/serve_node_docker" docker shipyard/node:latest "$work" "$tag-0" "$tag-1" \
    <"$work/until" >"$work/said" 2>"$work/service.err" &
  service=$!
  exec 9>"$work/until"
  rm "$work/until"
  wait_until 60 grep -q ready "$work/said" || { cat "$work/service.err"; exit 1; }
}
end_service() {
  exec 9>&-
  [ -z "$service" ] || wait "$service"
  service=
}
clean_up() {
  end_service
  docker ps --all --quiet --filter "name=^/?$tag-" | xargs -r docker rm --force --volumes >/dev/null
  docker network rm "$tag" >/dev/null 2>&1
  [ -z "${registry:-}" ] || kill "$registry"
  rm -rf "$work"
}
trap clean_up EXIT

mkdir -p "$work/user/.docker" "$work/shared"
echo '{"auths": {}}' >"$work/user/.docker/config.json"
start_service
docker network create --subnet "$subnet.0/24" "$tag" >/dev/null || exit 1
for k in 0 1; do
  mkdir -p "$work/node-$k"
  mapfile -t options <"$work/options-$k"
  docker run --detach --pull=never --name "$tag-$k" --hostname "node-$k" --network "$tag" --ip "$subnet.$((k + 4))" --cap-add NET_ADMIN \
    --mount "type=bind,source=$work/node-$k,target=/mnt/batch/tasks" "${options[@]}" shipyard/node:latest >/dev/null || exit 1
done

cat >"$work/job.yaml" <<'END'
id: job
pool: p
nodes: 2
environment: {LINES: "one\ntwo"}
tasks:
  - id: first
    image: shipyard/openmpi:bookworm
    command: >-
      echo "in $(pwd)"; printenv LINES; cat input; shipyard-mpirun -q --ppn 1 sh -c 'echo "$(hostname) $(. /etc/os-release; echo $VERSION_CODENAME)"' | sort
      && shipyard-mpirun -q --ppn 1 pingpong --help >/dev/null && exit 17
  - id: second
    image: shipyard/openmpi:trixie
    command: shipyard-mpirun -q --ppn 1 sh -c 'echo "$(hostname) $(. /etc/os-release; echo $VERSION_CODENAME)"' | sort
  - {id: long, image: "shipyard/openmpi:trixie", command: "shipyard-mpirun --ppn 1 sleep 600"}
END
HOME=$work/user "$submit" render -q --json "$work/job.yaml" >"$work/requests" || exit 1
ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/key"
body() { jq -r ".requests[] | select(.path | test(\"$1\")) | .body$2" "$work/requests"; }
preparation=$(body '^/jobs\\?' .jobPreparationTask.commandLine)
release=$(body '^/jobs\\?' .jobReleaseTask.commandLine)

# begin TASK: its directories and variables, as Batch makes them
begin() {
  local k setting
  task=$1
  root=/mnt/batch/tasks
  task_directory=$root/workitems/job/job-1/$task
  for k in 0 1; do mkdir -p "$work/node-$k/workitems/job/job-1/$task/wd" "$work/node-$k/shared"; done
  variables=()
  while IFS= read -r -d '' setting; do variables+=(--env "$setting"); done < <(
    jq -j ".requests[] | select(.body.id == \"$task\") | .body.environmentSettings[] | select(.name != \"SHIPYARD_SSH_KEY\") | .name + \"=\" + .value + \"\\u0000\"" "$work/requests"
    printf '%s\0' AZ_BATCH_NODE_ROOT_DIR="$root" AZ_BATCH_TASK_DIR="$task_directory" AZ_BATCH_TASK_WORKING_DIR="$task_directory/wd" \
      AZ_BATCH_NODE_SHARED_DIR="$root/shared" AZ_BATCH_JOB_ID=job AZ_BATCH_TASK_ID="$task" AZ_BATCH_HOST_LIST="$subnet.4,$subnet.5" \
      AZ_BATCH_NODE_LIST="$subnet.4;$subnet.5" AZ_BATCH_MASTER_NODE="$subnet.4:6000" AZ_BATCH_POOL_ID=p SHIPYARD_SSH_KEY="$(base64 -w0 "$work/key")")
  coordination=$(jq -r ".requests[] | select(.body.id == \"$task\") | .body.multiInstanceSettings.coordinationCommandLine" "$work/requests")
  application=$(jq -r ".requests[] | select(.body.id == \"$task\") | .body.commandLine" "$work/requests")
}
# on_node NUMBER COMMAND-LINE: as Batch runs one, by its words
on_node() {
  local k=$1 words=()
  eval "words=($2)"
  docker exec --interactive --workdir "$task_directory/wd" "${variables[@]}" --env AZ_BATCH_NODE_ID="tvmps_$k" \
    --env AZ_BATCH_IS_CURRENT_NODE_MASTER="$([ "$k" = 0 ] && echo true || echo false)" "$tag-$k" "${words[@]}" </dev/null
}
of_node() { docker ps --all --quiet --filter "label=shipyard.test.node=$tag-$1" | wc -l; }

begin first
on_node 0 "$preparation" >"$work/out" 2>"$work/err"
check "the preparation finds the images, without a registry" "$? $(cat "$work/err")" "0 "

# --- Two tasks in a row, two images in one job.
for expected in 'first bookworm' 'second trixie'; do
  begin "${expected% *}"
  for k in 0 1; do
    on_node "$k" "$coordination" >"$work/out" 2>"$work/err"
    check "$task: the coordination command on node $k" "$? $(cat "$work/out" <(grep -v 'note: --ulimit memlock=-1: ' "$work/err"))" "0 "
  done
  check "$task: each node has one container" "$(of_node 0) $(of_node 1)" "1 1"
  echo "from node 0" >"$work/node-0/workitems/job/job-1/$task/wd/input"
  on_node 0 "$application" >"$work/out" 2>"$work/err"
  status=$?
  lines=$(printf 'node-0 %s\nnode-1 %s' "${expected#* }" "${expected#* }")
  if [ "$task" = first ]; then
    check "$task: the application command over both nodes" "$(cat "$work/out")" "in $task_directory/wd
one
two
from node 0
$lines"
    check "$task: its exit status comes back" "$status" 17
  else
    check "$task: the application command over both nodes, in its own image" "$status $(cat "$work/out")" "0 $lines"
  fi
  [ "$status" = 0 ] || [ "$status" = 17 ] || cat "$work/err"
  check "$task: the launcher's report is in the task's directory" "$(jq -r .outcome.name "$work/node-0/workitems/job/job-1/$task/shipyard-report.json")" \
    completed
done
most=$(ulimit -Hl)
check "a container may lock as much memory as this machine lets it" "$(docker exec "$tag-0-shipyard" sh -c 'ulimit -Hl')" \
  "$(docker run --rm --pull=never --network none --ulimit memlock=-1 --entrypoint true shipyard/node:latest 2>/dev/null && echo unlimited || echo "$most")"
check "the container has the node's network and name" "$(docker exec "$tag-1-shipyard" hostname)" node-1

# --- What a node sees.
node() { local k=$1; shift; docker exec --interactive --workdir /mnt/batch/tasks "$tag-$k" "$@"; }
check "ps: its own containers" "$(node 0 docker ps --all --format '{{.Names}}')" "$tag-0-shipyard"
id=$(node 0 docker ps --quiet)
check "an id of its own" "$(node 0 docker exec "$id" hostname)" node-0
node 1 docker exec "$id" hostname >"$work/out" 2>"$work/err"
check "another node's id is none here" "$? $(cat "$work/out")" "1 "
node 1 docker rm --force "$id" >/dev/null 2>&1
node 1 docker rm --force "$tag-0-shipyard" >/dev/null 2>&1
check "and cannot be removed from here" "$(of_node 0)" 1
check "ps, by name" "$(node 0 docker ps --filter name=^/shipyard$ --quiet; node 0 docker ps --filter name=test --quiet)" "$id"
check "inspect: a container by its name" "$(node 0 docker inspect --format '{{.State.Running}}' shipyard)" true
check "inspect: an image" "$(node 0 docker inspect --format '{{.Os}}' shipyard/openmpi:trixie)" linux
# What script(1) sends at the end of its own input may be shown among it.
check "a terminal" "$(node 0 script -qec 'docker exec --interactive --tty shipyard sh -c "test -t 0 && test -t 1 && exit 3"; echo status $?' /dev/null |
  grep -oE 'status [0-9]+')" "status 3"
check "logs" "$(node 0 docker logs shipyard 2>&1 | grep -c 'unknown command')" 0
node 0 docker cp shipyard:/etc/hostname /mnt/batch/tasks/shared/copied
check "cp" "$(cat "$work/node-0/shared/copied")" "node-0"
echo "of this machine" >"$work/shared/file"
check "run, with a mount that the service was told of, words and input of its own" \
  "$(echo input | node 0 docker run --rm -i -v /shared:/s:ro --mount type=bind,src=/mnt/batch/tasks/shared,dst=/t -v data:/d --entrypoint sh \
    shipyard/node:latest -c 'cat /s/file /t/copied - ; touch /d/x; echo "$@"' -v /etc:/etc --net=host)" "of this machine
node-0
input
/etc:/etc --net=host"
node 0 docker run --rm -v /etc:/etc shipyard/node:latest true >"$work/out" 2>"$work/err"
check "a path of the node alone" "$? $(head -1 "$work/err")" "125 shipyard-node-docker: error: docker run: -v: /etc of the node is not on this machine"
check "pid and ipc of the host are the node's" "$(node 0 docker run --rm --pid=host --ipc=host --net=host --entrypoint sh shipyard/node:latest -c 'tr "\0" " " </proc/1/cmdline; readlink /proc/self/ns/ipc')" \
  "$(node 0 sh -c 'tr "\0" " " </proc/1/cmdline; readlink /proc/self/ns/ipc')"
node 0 docker pull --quiet 127.0.0.1:9/no/such >"$work/out" 2>"$work/err"
check "an image that no registry has" "$? $(cat "$work/out")" "1 "

# --- Credentials are a node's own.
python3 - "$work/port" <<'END' 2>/dev/null &
import http.server, sys
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
END
registry=$!
disown
wait_until 20 test -s "$work/port"
port=$(cat "$work/port")
echo hush | node 0 docker login "127.0.0.1:$port" --username u --password-stdin >"$work/out" 2>"$work/err"
check "login" "$? $(tail -1 "$work/out")" "0 Login Succeeded"
check "its credentials are kept for the node alone" \
  "$(jq -r '.auths | keys[]' "$work/broker-0/config/config.json") $(ls "$work/broker-1/config") $(cat "$work/user/.docker/config.json")" "127.0.0.1:$port  {\"auths\": {}}"

# --- The end of a task reaches the ranks: Batch kills the process group on the node.
begin long
for k in 0 1; do on_node "$k" "$coordination" >/dev/null 2>"$work/err" || cat "$work/err"; done
ranks() { for k in 0 1; do docker top "$tag-$k-shipyard" -o pid,args 2>/dev/null; done | grep -cE '^ *[0-9]+ +[^ ]*sleep 600$'; }
are() { [ "$(ranks)" = "$1" ]; }
# long: the application command; its process id on the node, which is that of its group, in the task's directory
long() {
  rm -f "$work/node-0/workitems/job/job-1/long/pid"
  on_node 0 "/bin/bash -c 'echo \$\$ >../pid; exec \"\$@\"' bash $application" >"$work/out" 2>"$work/err" &
  running=$!
  wait_until 60 are 2
}
long
check "ranks run on both nodes" "$(ranks)" 2
node 0 bash -c "kill -KILL -- -$(cat "$work/node-0/workitems/job/job-1/long/pid")"
wait_until 30 are 0
check "the group is killed on the node: the ranks end" "$?" 0
wait "$running"
check "and so has the command" "$?" 137
no_client() { ! pgrep -f "docker exec .*$tag-0-shipyard" >/dev/null; }
wait_until 10 no_client
check "no client of the engine is left" "$?" 0

# --- A service that dies, and starts again.
long
{ kill -KILL "$service"; wait "$service"; } 2>/dev/null
service=
exec 9>&-
wait_until 30 are 0
check "the service is killed: the ranks end" "$?" 0
wait "$running"
check "the command fails" "$?" 125
check_contains "and says why" "$(cat "$work/err")" "the service of this node does not answer"
node 0 docker ps >"$work/out" 2>"$work/err"
check "there is no docker meanwhile" "$?" 125
start_service
check "the next one finds the containers" "$(node 0 docker ps --format '{{.Names}}')" "$tag-0-shipyard"
on_node 1 "$release" >"$work/out" 2>"$work/err"
check "the release task" "$? $(of_node 1)" "0 0"

# --- What is left.
end_service
check "the service's end removes what the nodes have made" "$(of_node 0) $(docker volume ls --quiet --filter "name=^$tag")" "0 "
check "and not the nodes" "$(docker ps --quiet --filter "name=^/?$tag-" | wc -l)" 2
finish
