#!/bin/bash
# submit_commands.sh SUITE: the commands that shipyard-submit makes for a pool whose VMs have Docker, run as Batch runs them, on
# a VM with an engine of its own: a container on the host's network, two tasks in a row with different images, a task that is
# run again, a port that is taken, the end of a task, what is left. SUITE: bookworm or trixie.
# shellcheck disable=SC2317  # functions are called by name
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
# shellcheck source=tests/cluster/lib/batch_vm.sh
. "$here/lib/batch_vm.sh"
image=shipyard/openmpi:$suite
need_images "$image"
if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then skip 'needs root, and dockerd to start a second one'; fi
submit=$SHIPYARD_BUILD_DIR/bin/shipyard-submit
work=$(mktemp -d)
other=shipyard-test-other:$$
clean_up() {
  remove_vm
  docker rmi "$other" >/dev/null 2>&1
  rm -rf "$work"
}
trap clean_up EXIT

# Another image, which says so.
printf 'FROM %s\nRUN echo other >/which\n' "$image" | docker build --quiet --tag "$other" - >/dev/null 2>"$work/err" || { cat "$work/err"; exit 1; }
make_vm "$image" "$other" || skip 'a second dockerd does not start here'

# A machine may not allow its containers to lock all memory: the VMs of Azure do.
unlimited=false
if docker run --rm --ulimit memlock=-1 --network none --entrypoint true "$image" 2>/dev/null; then unlimited=true; fi
cat >"$work/job.yaml" <<END
id: job
container: {unlimited_memlock: $unlimited}
pool: p
nodes: 1
environment:
  LINES: "one\ntwo"
  QUOTES: "it's \"so\" \$HOME"
  PATH: /opt/of/the/job:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tasks:
  - id: first
    image: $image
    command: >-
      echo "in \$(pwd)"; cat /which 2>/dev/null || echo original; printenv LINES QUOTES PATH HOME HOSTNAME; cat input;
      shipyard-mpirun -n 2 --oversubscribe sh -c 'echo rank >>out.\$OMPI_COMM_WORLD_RANK'
  - {id: second, image: "$other", command: "cat /which; exit 7"}
  - {id: long, image: "$image", command: "shipyard-mpirun -n 1 sleep 600"}
END
HOME=$work "$submit" render --json "$work/job.yaml" >"$work/requests" || exit
ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/key"
body() { jq -r ".requests[] | select(.path | test(\"$1\")) | .body$2" "$work/requests"; }
preparation=$(body '^/jobs\\?' .jobPreparationTask.commandLine)
release=$(body '^/jobs\\?' .jobReleaseTask.commandLine)
# begin TASK: its variables, with the key that a rendering does not show
begin() {
  task_dir job "$1"
  local setting
  while IFS= read -r -d '' setting; do task_variables+=("$setting"); done < <(
    jq -j ".requests[] | select(.body.id == \"$1\") | .body.environmentSettings[] | select(.name != \"SHIPYARD_SSH_KEY\") | .name + \"=\" + .value + \"\\u0000\"" "$work/requests")
  task_variables+=(SHIPYARD_SSH_KEY="$(base64 -w0 "$work/key")")
  coordination=$(jq -r ".requests[] | select(.body.id == \"$1\") | .body.multiInstanceSettings.coordinationCommandLine" "$work/requests")
  application=$(jq -r ".requests[] | select(.body.id == \"$1\") | .body.commandLine" "$work/requests")
}
containers() { vm docker ps --all --quiet --filter label=shipyard.batch | wc -l; }
vm docker run --detach --name stranger --network none --entrypoint sleep "$image" 3600 >/dev/null

begin first
on_vm "$preparation" >"$work/out" 2>"$work/err"
check "the preparation finds the images" "$? $(cat "$work/err")" "0 "
start=$(now)
on_vm "$coordination" >"$work/out" 2>"$work/err"
check "the coordination command" "$? $(cat "$work/err")" "0 "
check_at_most "it does not block" "$(seconds_since "$start")" 60
banner=$(vm bash -c "exec 3<>/dev/tcp/$vm_address/23; head -c 8 <&3")
check "its sshd answers on the VM's address when it has ended" "$banner" "SSH-2.0-"
check "the node's hardware is kept for later" "$(head -c 5 "$task_directory/shipyard-topology.xml")" "<?xml"
echo "from the task" >"$task_directory/wd/input"
on_vm "$application" >"$work/out" 2>"$work/err"
check "the application command" "$?" 0
check "it works in the task's directory, with the job's variables and none of the VM's" "$(cat "$work/out")" \
  "in $task_directory/wd
original
one
two
it's \"so\" \$HOME
/opt/of/the/job:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
/root
$(vm docker inspect --format '{{.Config.Hostname}}' shipyard)
from the task"
check "what its ranks write is there" "$(cat "$task_directory"/wd/out.*)" "$(printf 'rank\nrank')"
check "the launcher's report is in the task's directory" "$(jq -r .outcome.name "$task_directory/shipyard-report.json")" completed
key=$(vm docker inspect shipyard | grep -c "BEGIN OPENSSH")
check "no key in plain text on the engine's command line" "$key" 0

# --- Batch runs a task again on the same node (recovery): its own container is in the way.
old=$(vm docker ps --quiet --filter label=shipyard.batch)
on_vm "$coordination" >"$work/out" 2>"$work/err"
check "the coordination command a second time" "$? $(cat "$work/err")" "0 "
check "a new container, alone" "$(vm docker ps --quiet --filter label=shipyard.batch | grep -vcF "$old") $(containers)" "1 1"

# --- The next task of the job has another image: the last container still holds port 23.
begin second
on_vm "$coordination" >"$work/out" 2>"$work/err"
check "the next task's coordination command" "$? $(cat "$work/err")" "0 "
check "one container is left" "$(containers)" 1
on_vm "$application" >"$work/out" 2>"$work/err"
check "its command runs in its own image, and its exit status comes back" "$? $(cat "$work/out")" "7 other"
vm docker exec shipyard ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR -p 23 "$vm_address" cat /which >"$work/out" 2>&1
check "the sshd that answers is that of its own container" "$(cat "$work/out")" other

# --- The end of a task reaches the ranks (the engine hands no signal on).
begin long
on_vm "$coordination" >"$work/out" 2>"$work/err"
check "a long task's coordination command" "$? $(cat "$work/err")" "0 "
setsid "$BASH" -c "$(declare -f on_vm vm in_vm); vm=$vm; vm_dir=$vm_dir; task_directory=$task_directory; $(declare -p vm_variables task_variables); on_vm \"\$1\"" \
  bash "$application" >"$work/out" 2>"$work/err" &
running=$!
rank() { vm docker top shipyard 2>/dev/null | grep -c '[s]leep 600'; }
is_running() { [ "$(rank)" -gt 0 ]; }
is_over() { [ "$(rank)" = 0 ]; }
wait_until 60 is_running
check "its rank runs" "$?" 0
client=$(pgrep -f "docker exec --interactive --workdir $task_directory/wd" | head -1)
[ -z "$client" ] || kill -KILL "$client"
wait_until 30 is_over
check "Batch kills the engine's client: the ranks end" "$?" 0
wait "$running" 2>/dev/null

# --- Something else holds port 23.
on_vm "$release" >"$work/out" 2>"$work/err"
check "the release task" "$?" 0
check "it removes the job's containers" "$(containers)" 0
# It says itself which process it is: what is started in the background is a shell around it.
vm python3 -c 'import os,socket,time; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 23)); s.listen(); print(os.getpid(), flush=True); time.sleep(600)' \
  >"$work/holder" 2>/dev/null &
is_held() { vm grep -q ':0017 .* 0A ' /proc/net/tcp; }
wait_until 10 is_held
on_vm "$coordination" >"$work/out" 2>"$work/err"
check "port 23 is taken by another: the coordination command fails" "$?" 1
check_contains "and says why" "$(cat "$work/err")" "port 23 is taken"
kill "$(cat "$work/holder")"

check "what is not ours is left alone" "$(vm docker ps --format '{{.Names}}')" stranger
finish
