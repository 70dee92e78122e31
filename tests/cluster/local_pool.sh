#!/bin/bash
# shipyard-local on a real engine: what a pool is like inside, and that nothing stays of it, however it ends.
# Images: NODE_IMAGE and TASK_IMAGE, else shipyard/node and shipyard/openmpi:bookworm, else two that are built here.
set -u
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-local
command -v docker >/dev/null && docker version >/dev/null 2>&1 || { echo "skipped: docker does not answer"; exit 77; }
work=$(mktemp -d)
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
# Names of our own, so that whatever carries them is ours.
id=shipyard-test-local-$$
task=$id/task node=$id/node
clean_up() {
  docker ps -aq --filter "label=shipyard.image=$task" | xargs -r docker rm -f >/dev/null
  docker network ls -q --filter "label=shipyard.image=$task" | xargs -r docker network rm >/dev/null
  docker rmi "$task" "$node" >/dev/null 2>&1
  rm -rf "$work"
}
trap clean_up EXIT

have() { docker image inspect "$1" >/dev/null 2>&1; }
build_images() {
  local base
  for base in shipyard-base:bookworm debian:bookworm-slim local/bookworm ''; do have "$base" && break; done
  [ -n "$base" ] || return
  DOCKER_BUILDKIT=0 docker build -q --network=host -t "$node" - >/dev/null 2>&1 <<END || return
FROM $base
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends iproute2 openssh-server && mkdir -p /run/sshd
ENTRYPOINT ["/bin/sh", "-c", "ip link add docker0 type bridge && ip addr add 172.17.0.1/16 dev docker0 && ip link set docker0 up && exec /usr/sbin/sshd -D -p 22"]
END
  printf 'FROM %s\nENTRYPOINT ["/usr/sbin/sshd", "-D", "-e", "-p", "23"]\n' "$node" |
    DOCKER_BUILDKIT=0 docker build -q -t "$task" - >/dev/null 2>&1
}
node_source=${NODE_IMAGE:-shipyard/node:latest} task_source=${TASK_IMAGE:-shipyard/openmpi:bookworm}
if have "$node_source" && have "$task_source"; then
  docker tag "$node_source" "$node" && docker tag "$task_source" "$task"
else
  build_images || { echo "skipped: no images here and none can be built"; exit 77; }
fi

failures=0
fail() {
  echo "FAILED: $*"
  for file in out err; do [ -s "$work/$file" ] && sed "s/^/  $file| /" "$work/$file"; done
  failures=$((failures + 1))
}
check() {
  local what=$1
  shift
  if "$@"; then echo "ok: $what"; else fail "$what: $*"; fi
}
local_tool() { timeout --kill-after=5 120 "$tool" "$@" >"$work/out" 2>"$work/err" </dev/null; status=$?; }
run() { local_tool run --image "$task" --node-image "$node" "$@"; }
await() { # await FILE REGEX
  local end=$((SECONDS + 60))
  until grep -qE -- "$2" "$work/$1" 2>/dev/null; do
    [ $SECONDS -lt $end ] || { fail "no '$2' in $1"; return 1; }
    sleep 0.05
  done
}
gone() { # gone PROCESS-MARK: containers, networks, directories and processes of ours
  [ -z "$(docker ps -aq --filter "label=shipyard.image=$task")" ] &&
    [ -z "$(docker network ls -q --filter "label=shipyard.image=$task")" ] &&
    [ -z "$(ls "$TMPDIR")" ] && ! grep -lzqxF -- "$1" /proc/[0-9]*/cmdline 2>/dev/null
}
banner() { printf 'exec 3<>/dev/tcp/%s/%s && head -c 8 <&3' "$1" "$2"; }

# --- inside ---
run -n 3 -- bash -c '
  for address in ${AZ_BATCH_HOST_LIST//,/ }; do
    for port in 22 23; do
      for attempt in $(seq 100); do { exec 3<>/dev/tcp/$address/$port; } 2>/dev/null && break; sleep 0.1; done
      echo "$address $port $(head -c 8 <&3)"
    done
  done
  exit 3'
check "the exit status is the application's" [ $status = 3 ]
prefix=$(sed -n '1s/\.4 .*//p' "$work/out")
check "every node has an address as on Azure, the VM's sshd on 22 and the task's on 23" diff -u "$work/out" - <<END
$prefix.4 22 SSH-2.0-
$prefix.4 23 SSH-2.0-
$prefix.5 22 SSH-2.0-
$prefix.5 23 SSH-2.0-
$prefix.6 22 SSH-2.0-
$prefix.6 23 SSH-2.0-
END
check "nothing is left" gone no-such-word

run -n 1 --subnet 192.168.211.0/24 --shm-size 96m -- bash -c '
  echo "$AZ_BATCH_HOST_LIST $AZ_BATCH_NODE_LIST $CCP_NODES"
  grep -oE "192\.168\.211\.4$|172\.17\.0\.1$" /proc/net/fib_trie | sort -u
  df --output=size -BM /dev/shm | tail -1 | tr -d " "
  touch "$AZ_BATCH_TASK_SHARED_DIR/file" && cd "$AZ_BATCH_TASK_WORKING_DIR" && pwd'
cores=$(sed -n '1s/.* //p' "$work/out")
check "one node, another subnet, docker0, /dev/shm, directories" diff -u "$work/out" - <<END
192.168.211.4 192.168.211.4 1 192.168.211.4 $cores
172.17.0.1
192.168.211.4
96M
/mnt/batch/tasks/workitems/job/job-1/task/wd
END
check "files that the task wrote as root are removed" gone no-such-word

name=$id
local_tool up --name "$name" -n 2 --cpus-per-node 1 --image "$task" --node-image "$node"
check "up" [ $status = 0 ]
for k in 0 1; do
  local_tool exec --name "$name" --node $k -- bash -c '
    echo "$AZ_BATCH_IS_CURRENT_NODE_MASTER ${AZ_BATCH_MASTER_NODE#*.*.*.}"
    sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status
    ls "$AZ_BATCH_TASK_SHARED_DIR"
    touch "$AZ_BATCH_TASK_SHARED_DIR/of-node-'$k'"'
  cp "$work/out" "$work/node-$k"
done
check "node 0 is the master" [ "$(sed -n 1p "$work/node-0")" = "true 4:6000" ]
check "node 1 is not" [ "$(sed -n 1p "$work/node-1")" = "false 4:6000" ]
if [ "$(nproc)" -ge 2 ]; then
  check "each has one core" grep -qE '^[0-9]+$' <(sed -n 2p "$work/node-0")
  check "of its own" [ "$(sed -n 2p "$work/node-0")" != "$(sed -n 2p "$work/node-1")" ]
fi
check "node 1 has a shared directory" grep -qx wd "$work/node-1"
check "which is not a shared file system" [ "$(grep -c '^of-node' "$work/node-1")" = 0 ]

# --- two pools at once ---
run -n 2 -- bash -c "[ \$(cut -d. -f1-3 <<<\$AZ_BATCH_HOST_LIST) != $(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "shipyard-$name" | cut -d. -f1-3) ]"
check "a second pool has a subnet of its own" [ $status = 0 ]
local_tool exec --name "$name" --node 1 -- true
check "and leaves the first alone" [ $status = 0 ]
local_tool down --name "$name"
check "down" [ $status = 0 ]
check "removes all" gone no-such-word
for pool in a b c; do
  timeout 120 "$tool" run -n 2 --image "$task" --node-image "$node" -- bash -c 'echo ${AZ_BATCH_HOST_LIST%%,*}' \
    >"$work/pool-$pool" 2>"$work/err-$pool" </dev/null &
done
wait
check "three that start at the same moment get three subnets" [ "$(sort -u "$work"/pool-? | grep -c '\.4$')" = 3 ]
check "and nothing is left" gone no-such-word

# --- the ways to end ---
mark=98$$
start() {
  "$tool" run --image "$task" --node-image "$node" "$@" >"$work/out" 2>"$work/err" </dev/null &
  pid=$!
}
start -n 2 -- bash -c 'echo up; cat; echo told; exit 9'
if await out up; then
  kill -TERM $pid
  wait $pid
  check "SIGTERM: the lifeline tells the application, and we end by the signal" [ "$?:$(tail -1 "$work/out")" = 143:told ]
  check "SIGTERM: nothing is left" gone $mark
fi
start -n 2 --kill-after 1 -- bash -c "echo up; exec sleep $mark"
if await out up; then
  kill -HUP $pid
  wait $pid
  check "SIGHUP: an application that does not listen is ended" [ $? = 129 ]
  check "SIGHUP: nothing is left" gone $mark
fi
if command -v script >/dev/null; then
  { await typescript up && printf '\003'; } |
    script -qefc "$tool run -n 2 --kill-after 1 --image $task --node-image $node -- bash -c 'echo up; exec sleep $mark'" \
      "$work/typescript" >/dev/null
  check "Ctrl-C at a terminal: we end by SIGINT" [ $? = 130 ]
  check "Ctrl-C: nothing is left" gone $mark
fi
for delay in 0.1 0.3 0.5 0.8; do
  start -n 3 -- sleep $mark
  sleep $delay
  kill -INT $pid
  wait $pid
  check "SIGINT after $delay s of starting: nothing is left" gone $mark
done
start -n 2 -- bash -c 'echo up; cat; echo told >"$AZ_BATCH_TASK_SHARED_DIR/told"'
if await out up; then
  kill -KILL $pid
  wait $pid 2>/dev/null
  local_tool status
  check "SIGKILL: the pool is known to be left behind" grep -qE '^run-[0-9a-f]+ +2  left behind' "$work/out"
  run -n 1 -- true
  check "the next run removes it and says so" grep -qE "note: removed pool 'run-[0-9a-f]+', left behind by process $pid$" "$work/err"
  check "SIGKILL: then nothing is left" gone $mark
fi

# --- a task that does not start ---
run -n 2 --run-option=--entrypoint=/bin/false -- true
check "a task that ends at its start is an error" [ $status = 125 ]
check "that names the container and its status" grep -qE 'error: shipyard-run-[0-9a-f]+-task-0 has ended \(exit status 1\)' "$work/err"
check "and nothing is left" gone no-such-word
run -n 2 --coordination 'test "$AZ_BATCH_IS_CURRENT_NODE_MASTER" = true' -- true
check "a coordination command that fails on one node ends it" [ $status = 125 ]
check "with the node's name" grep -q 'error: node 1: coordination command: exit status 1' "$work/err"
check "and nothing is left" gone no-such-word
run -n 1 -- no-such-program
check "a program that is missing is 127" [ $status = 127 ]
run -n 1 -- /etc/passwd
check "one that cannot be executed is 126" [ $status = 126 ]

[ $failures = 0 ] || { echo "$failures checks failed"; exit 1; }
