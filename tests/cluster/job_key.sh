#!/bin/bash
# job_key.sh SUITE: the job's key on a pool. A node with another host key, or one that does not know the key, gets no rank;
# nothing that a job starts has the key in its environment; all of it as an ordinary user too. SUITE: bookworm (Open MPI 4.1),
# trixie (Open MPI 5.0) or mpich.
# shellcheck disable=SC2016  # for the shell in the container
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
work=$(mktemp -d)
trap 'remove_pools; rm -rf "$work"' EXIT

pool=tkey-$suite-$$
make_pool "$pool" -n 3 --image "$image"
key=$(docker exec "shipyard-$pool-task-0" printenv SHIPYARD_SSH_KEY)
check 'every node of a pool has the same key' \
  "$(for i in 0 1 2; do docker exec "shipyard-$pool-task-$i" cat /run/shipyard/id_ed25519.pub; done | sort -u | wc -l)" 1
check "sshd listens at the node's address alone" "$(on_pool_node "$pool" 1 sed -n 's/^ListenAddress //p' /run/shipyard/sshd_config)" \
  "$(in_pool "$pool" sh -c 'echo $AZ_BATCH_HOST_LIST' | cut -d, -f2)"

# --- A job runs, checks every host, and hands the key to nobody.
in_pool "$pool" sh -c 'echo $$ >/tmp/launcher.pid; exec shipyard-mpirun -v --ppn 1 sh -c "echo started; exec sleep 100"' >"$work/out" 2>"$work/err" &
job=$!
wait_until 30 sh -c "[ \$(grep -c started $work/out) = 3 ]"
# The launcher and all that it has started; the shell here goes without.
holders='for file in /proc/[0-9]*/environ; do tr "\0" "\n" <$file 2>/dev/null | grep -q "^SHIPYARD_SSH_KEY=." && tr "\0" " " <${file%environ}cmdline; done; true'
for node in 0 1 2; do
  check "node $node: no process has the key in its environment" \
    "$(docker exec -e SHIPYARD_SSH_KEY= "shipyard-$pool-task-$node" sh -c "$holders")" ''
done
check 'the launcher is among those that were looked at' \
  "$(docker exec -e SHIPYARD_SSH_KEY= "shipyard-$pool-task-0" sh -c 'grep -lzE "(^|/)shipyard-mpirun$" /proc/[0-9]*/cmdline | wc -l')" 1
check 'host keys are checked' "$(on_pool_node "$pool" 0 sh -c 'grep -ho "StrictHostKeyChecking.*" /tmp/shipyard-mpirun.*/ssh_config')" \
  'StrictHostKeyChecking yes'
check 'the run directory has no copy of the key' "$(on_pool_node "$pool" 0 sh -c 'ls /tmp/shipyard-mpirun.*/id_ed25519 2>/dev/null')" ''
docker exec "shipyard-$pool-task-0" sh -c 'kill -TERM $(cat /tmp/launcher.pid)'
wait $job
check 'it ends by SIGTERM' $? 143
check 'no message has the key' "$(grep -cF "${key:200:40}" "$work/err")" 0

# --- What --dry-run prints runs where the entrypoint has installed the key.
in_pool "$pool" shipyard-mpirun --dry-run --ppn 1 hostname >"$work/script" 2>"$work/err"
check '--dry-run does not print the key' "$(grep -cF "${key:200:40}" "$work/script")" 0
check 'and its script runs' \
  "$(docker exec -i "shipyard-$pool-task-0" sh <"$work/script" 2>"$work/err" | sort | paste -sd' ')" 'node-0 node-1 node-2'

# --- Two nodes that are not what they should be.
# replace NUMBER RUN-OPTION…: the container of that node anew.
replace() {
  local number=$1
  shift
  docker rm -f "shipyard-$pool-task-$number" >/dev/null
  docker run -d --name "shipyard-$pool-task-$number" --label "shipyard.pool=$pool" --network "container:shipyard-$pool-node-$number" \
    "$@" "$image" >/dev/null
  wait_until 20 docker exec "shipyard-$pool-task-$number" grep -q ':0017 .* 0A ' /proc/net/tcp
}
for name in other stranger; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/$name"; done
address=$(docker exec "shipyard-$pool-task-0" sh -c 'echo $AZ_BATCH_HOST_LIST' | cut -d, -f3)
ranks_elsewhere() { docker exec "shipyard-$pool-task-2" sh -c 'ls /tmp/was-here 2>/dev/null'; }
touch_all='touch /tmp/was-here; echo started'

# The one in the middle would let anybody in, and has not got the job's private key.
SHIPYARD_SSH_KEY=$(base64 -w0 "$work/other") replace 2 -e SHIPYARD_SSH_KEY
docker exec "shipyard-$pool-task-2" sh -c 'echo "$1" >>/run/shipyard/authorized_keys' sh "$(docker exec "shipyard-$pool-task-0" cat /run/shipyard/id_ed25519.pub)"
check 'another host key: the door itself is open' \
  "$(docker exec "shipyard-$pool-task-0" ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p 23 "$address" echo in)" in
begin=$(now)
in_pool "$pool" shipyard-mpirun --ppn 1 sh -c "$touch_all" >"$work/out" 2>"$work/err"
check 'another host key: status' $? 121
check_at_most 'another host key: ends' "$(seconds_since "$begin")" 60
check_contains 'another host key: the node is named' "$(tr -d '\0' <"$work/err")" \
  "shipyard-mpirun: error: $address: refused: its host key is not the job's"
check 'another host key: no rank has run there' "$(ranks_elsewhere)" ''

# A node that has the job's key as its host key, and lets only somebody else in.
mkdir "$work/door"
cp "$work/stranger.pub" "$work/door/authorized_keys"
SHIPYARD_SSH_KEY=$key replace 2 -e SHIPYARD_SSH_KEY -v "$work/door:/etc/shipyard/ssh:ro"
begin=$(now)
in_pool "$pool" shipyard-mpirun --ppn 1 sh -c "$touch_all" >"$work/out" 2>"$work/err"
check 'a node that does not know the key: status' $? 121
check_at_most 'a node that does not know the key: ends' "$(seconds_since "$begin")" 60
check_contains 'a node that does not know the key: named, with the reason' "$(tr -d '\0' <"$work/err")" "shipyard-mpirun: error: $address: ssh: permission denied (publickey)"
check 'a node that does not know the key: no rank has run there' "$(ranks_elsewhere)" ''

SHIPYARD_SSH_KEY=$key replace 2 -e SHIPYARD_SSH_KEY
output=$(in_pool "$pool" shipyard-mpirun --ppn 1 sh -c "$touch_all" 2>"$work/err")
check 'with the right one it runs' "$? $(grep -c started <<<"$output")" '0 3'

# --- The whole of it as an ordinary user whom no passwd file knows.
user=tkeyu-$suite-$$
make_pool "$user" -n 2 --image "$image" --run-option=--user=4321:4322
output=$(in_pool "$user" shipyard-mpirun --ppn 1 sh -c 'echo "${OMPI_COMM_WORLD_RANK:-$PMI_RANK} $(hostname) $(id -u):$(id -g)"' 2>"$work/err")
check 'as an ordinary user: status' $? 0
check 'as an ordinary user: ranks' "$(sort -n <<<"$output")" "$(printf '0 node-0 4321:4322\n1 node-1 4321:4322')"
check_contains 'as an ordinary user: the port is found' "$(in_pool "$user" shipyard-mpirun --dry-run --explain true)" \
  "# ssh port 2323: of this container's sshd"
check 'as an ordinary user: host keys are checked' \
  "$(in_pool "$user" shipyard-mpirun --dry-run --json true | jq -r '.files[]' | grep -o 'StrictHostKeyChecking.*')" 'StrictHostKeyChecking yes'
output=$(in_pool "$user" timeout 100 shipyard-mpirun --ppn 1 pingpong --sizes 0..1K 2>"$work/err")
check 'as an ordinary user: MPI' "$? $(grep -cE '^ *(0|1|2|4|8|16|32|64|128|256|512|1024) ' <<<"$output")" '0 12'
check 'as an ordinary user: nothing is left' "$(for i in 0 1; do leftovers "$user" $i; done)" ''

finish
