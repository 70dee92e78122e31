#!/bin/bash
# 70 nodes: beyond 64 Open MPI starts its daemons from the workers, which have neither the ssh config nor the key. All of
# them must be started from the primary; each rank must be where the plan says.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/namespaces.sh"
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v mpirun >/dev/null || skip "no mpirun here"

node_pids=()
trap remove_nodes EXIT
make_nodes 70 10.94.0
run() {
  on_node 0 env AZ_BATCH_HOST_LIST="$(node_list ,)" AZ_BATCH_IS_CURRENT_NODE_MASTER=true SHIPYARD_BIND_TO=none \
    OMPI_MCA_mpi_yield_when_idle=1 SHIPYARD_SSH_KEY="$(base64 -w0 "$nodes_dir/key")" \
    "$nodes_dir/tools/shipyard-mpirun" "$@"
}

start=$(now)
output=$(run --ppn 1 sh -c 'echo "$OMPI_COMM_WORLD_RANK $(hostname)"' 2>"$nodes_dir/err")
check "70 nodes: exit status" $? 0
printf '      took %s s\n' "$(seconds_since "$start")"
expected=$(for i in $(seq 0 69); do echo "$i node$i"; done)
check "70 nodes: rank N runs on node N" "$(sort -n <<<"$output")" "$expected"
# These nodes have no key of the job's, which the launcher says. What mpirun says of itself does not come through; now and then
# there is something (seen in 1 of 2 runs), and then the launcher says how much.
check "70 nodes: nothing else said on stderr" \
  "$(grep -vE '^shipyard-mpirun: note: (host keys are not checked|mpirun had [0-9]+ lines of its own)' "$nodes_dir/err")" ""

# The same without the flat start is what a script would get: shown, so that the reason stays visible.
output=$(run --ppn 1 --mpi-arg --mca --mpi-arg plm_rsh_no_tree_spawn --mpi-arg 0 --wait 5s \
  timeout 20 true 2>&1 </dev/null)
status=$?
printf '      with a tree, without the key on the workers: exit status %s\n' "$status"
check "by tree it does not start" "$([ $status -ne 0 ] && echo fails)" fails

output=$(run --ppn 1 sh -c '[ "$OMPI_COMM_WORLD_RANK" = 69 ] && exit 3; exit 0' 2>&1)
check "an exit status of the last node arrives" $? 3
check_contains "and its node is named" "$output" "rank 69 on 10.94.0.73 ended with exit status 3"
left=$(on_node 69 sh -c 'for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline 2>/dev/null; echo; done' | grep -cE '^(\S*/)?(orted|prted|shipyard)')
check "nothing is left on the last node" "$left" 0
finish
