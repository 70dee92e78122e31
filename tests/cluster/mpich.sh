#!/bin/bash
# mpich.sh: shipyard-mpirun with MPICH's mpirun (Hydra) on pools of containers, as launch.sh does it with Open MPI.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image mpich)
need_images "$image" "$(image_of mpich)-dev" shipyard/node:latest
trap remove_pools EXIT
work=$(mktemp -d)

# --- Compiled as a user would, in the image with the compilers.
docker run --rm -i "$(image_of mpich)-dev" sh -c 'cat >/tmp/w.c && mpicc -O1 -Wall -Werror -o /tmp/w /tmp/w.c && cat /tmp/w' \
  <"$here/where_am_i.c" >"$work/where_am_i" 2>"$work/err"
check "the image with compilers compiles an MPI program" "$? $(grep -v '^shipyard-entrypoint: note' "$work/err")" "0 "

pool=tmpich-$$
one=tmpich1-$$
make_pool "$pool" -n 3 --image "$image" --subnet 10.213.28.0/24
make_pool "$one" -n 2 --image "$image" --subnet 192.168.214.0/24 --cpus-per-node 1
for name in "$pool" "$one"; do
  for node in 0 1 2; do
    if [ "$name" = "$one" ] && [ $node = 2 ]; then continue; fi
    docker exec -i "shipyard-$name-task-$node" sh -c 'cat >/usr/local/bin/where_am_i && chmod +x /usr/local/bin/where_am_i' \
      <"$work/where_am_i"
  done
done

# --- Placement.
check_contains "it is MPICH" "$(in_pool "$pool" shipyard-mpirun --dry-run --explain true)" "mpirun /usr/bin/mpirun: MPICH 4."
where='echo "$PMI_RANK $AZ_BATCH_NODE_ID"'
node_ids=$(for i in 0 1 2; do on_pool_node "$pool" $i sh -c 'echo $AZ_BATCH_NODE_ID'; done)
output=$(in_pool "$pool" shipyard-mpirun --ppn 1 sh -c "$where" 2>"$work/err")
check "3 nodes: exit status" $? 0
check "3 nodes: rank N on node N" "$(sort -n <<<"$output")" "$(nl -v0 -w1 -s' ' <<<"$node_ids")"
output=$(in_pool "$pool" shipyard-mpirun --oversubscribe -n 5 sh -c "$where" 2>"$work/err")
check "-n 5 on 3 nodes: 2, 2, 1 in order" "$(sort -n <<<"$output" | cut -d' ' -f2 | uniq -c | awk '{print $1, $2}')" \
  "$(paste -d' ' <(printf '2\n2\n1\n') <(echo "$node_ids"))"

# --- A real MPI program over the right network, with docker0 in its way.
output=$(in_pool "$pool" timeout 60 shipyard-mpirun --bind-to none --ppn 2 --oversubscribe where_am_i 2>"$work/err")
check "6 ranks on 3 nodes meet" "$? $(cut -d' ' -f1-3 <<<"$output" | sort -n | tr '\n' ',')" \
  "0 0 of 6,1 of 6,2 of 6,3 of 6,4 of 6,5 of 6,"
output=$(in_pool "$pool" timeout 60 shipyard-mpirun --ppn 1 --nodes 2 pingpong --sizes 0..1K 2>"$work/err")
check "pingpong between two nodes: its table has all sizes" "$? $(grep -cE '^ *(0|1|2|4|8|16|32|64|128|256|512|1024) ' <<<"$output")" "0 12"

# --- Binding: the program's own masks against the plan.
plan_masks() { jq -r '[.nodes[].cpuset[]] | to_entries[] | "\(.key) \(.value)"'; }
output=$(in_pool "$one" env SHIPYARD_BIND_TO=core timeout 60 shipyard-mpirun --ppn 1 where_am_i 2>"$work/err")
check "a CPU per node (cpuset): exit status" $? 0
masks=$(for i in 0 1; do echo "$i $(on_pool_node "$one" $i sh -c 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status')"; done)
check "every rank is bound to its node's CPU" "$(sort -n <<<"$output" | awk '{print $1, $5}')" "$masks"
if [ "$(on_pool_node "$pool" 0 nproc)" -ge 2 ]; then
  options='--nodes 1 -n 2 --bind-to core'
  output=$(in_pool "$pool" timeout 60 shipyard-mpirun $options where_am_i 2>"$work/err")
  check "2 ranks on a node are bound as planned" "$(sort -n <<<"$output" | awk '{print $1, $5}')" \
    "$(in_pool "$pool" shipyard-mpirun --dry-run --json $options true | plan_masks)"
  check "each to a core of its own" "$(awk '{print $5}' <<<"$output" | sort -u | wc -l)" 2
  output=$(in_pool "$pool" timeout 60 taskset -c 1 shipyard-mpirun --nodes 1 --bind-to core where_am_i 2>"$work/err")
  check "under taskset: one rank on that CPU" "$output" "0 of 1 on 1"
else
  echo "      one CPU here: binding to cores of their own is not tested"
fi

# --- How it ends. Hydra's own statuses (9, 15, a bitwise or, 0) mean little.
ends() {  # NAME STATUS MESSAGE COMMAND…
  local name=$1 status=$2 message=$3
  shift 3
  in_pool "$pool" timeout 60 shipyard-mpirun "$@" >"$work/out" 2>"$work/err"
  check "$name: exit status" $? "$status"
  check_contains "$name: the last line says it" "$(tail -1 "$work/err")" "$message"
}
ends "a rank exits 3 after MPI_Init" 3 "rank 1 on 10.213.28.5 ended with exit status 3" --ppn 1 where_am_i exit 1 3
ends "on one node" 3 "ended with exit status 3" --nodes 1 --oversubscribe -n 2 where_am_i exit 1 3
ends "a rank is killed" 137 "rank 2 on 10.213.28.6 ended with signal 9" --ppn 1 where_am_i kill 2
ends "MPI_Abort(42)" 42 "the job was aborted with status 42" --ppn 1 where_am_i abort 1 42
ends "MPI_Abort(-1)" 255 "the job was aborted with status 255" --ppn 1 where_am_i abort 1 -1
ends "MPI_Abort(9) is no signal" 9 "the job was aborted with status 9" --ppn 1 where_am_i abort 1 9
ends "a shell exits 3, the others 0" 3 "ended with exit status 3" --ppn 1 sh -c 'exit $((PMI_RANK == 2 ? 3 : 0))'
in_pool "$pool" shipyard-mpirun --ppn 1 nosuchprogram >"$work/out" 2>"$work/err"
check "program missing" $? 127
in_pool "$pool" sh -c 'cp /bin/true /tmp/only-here; timeout 60 shipyard-mpirun --ppn 1 /tmp/only-here' >"$work/out" 2>"$work/err"
check "program missing on the other nodes" $? 127
check_contains "a node without it is named" "$(grep -a '^shipyard-mpirun: error' "$work/err")" "/tmp/only-here: not found by rank"

# --- Environment and standard input.
output=$(in_pool "$pool" env OMP_NUM_THREADS=7 shipyard-mpirun --oversubscribe --ppn 1 -x 'WORDS=a b,c=d;"e"' sh -c \
  'echo "$WORDS|$OMP_NUM_THREADS|$AZ_BATCH_JOB_ID|$SHIPYARD_REPORT_TO|$SHIPYARD_LAYOUT|$1"' sh : 2>"$work/err")
check "variables and a colon reach every rank, our own variables do not" "$(sort -u <<<"$output")" \
  "a b,c=d;\"e\"|7|$(in_pool "$pool" sh -c 'echo $AZ_BATCH_JOB_ID')|||:"
output=$(in_pool "$pool" timeout 60 shipyard-mpirun --ppn 1 sh -c 'read line && echo "got $line" || echo empty' 2>"$work/err" <<<"text")
check "stdin is /dev/null for every rank" "$? $(sort <<<"$output" | tr '\n' ' ')" "0 empty empty empty "

# --- Signals leave nothing behind, on any node.
for signal in TERM INT; do
  : >"$work/out"  # what is waited for would be in the last job's
  in_pool "$pool" sh -c 'echo $$ >/tmp/launcher.pid; exec shipyard-mpirun --ppn 1 sh -c "echo started; exec sleep 100"' >"$work/out" 2>"$work/err" &
  job=$!
  wait_until 30 sh -c "[ \$(grep -c started $work/out) = 3 ]"
  start=$(now)
  on_pool_node "$pool" 0 sh -c "kill -$signal \$(cat /tmp/launcher.pid)"
  wait $job
  check "SIG$signal: exit status" $? $((128 + $(kill -l $signal)))
  check_at_most "SIG$signal: ends" "$(seconds_since "$start")" 15
  check "SIG$signal: nothing is left" "$(for i in 0 1 2; do leftovers "$pool" $i; done)" ""
done

# --- ssh that fails: Hydra itself would wait for ever.
in_pool "$pool" sh -c 'printf "#!/bin/sh\nexit 255\n" >/tmp/ssh; chmod +x /tmp/ssh'
start=$(now)
in_pool "$pool" sh -c 'PATH=/tmp:$PATH timeout -k 1 60 shipyard-mpirun --ppn 1 true' >"$work/out" 2>"$work/err"
check "ssh fails: exit status" $? 121
check_at_most "ssh fails: ends" "$(seconds_since "$start")" 20

# --- MPI's daemon on a node is killed, and the node is well.
: >"$work/out"
in_pool "$pool" shipyard-mpirun --ppn 1 sh -c 'echo started; exec sleep 60' >"$work/out" 2>"$work/err" &
job=$!
wait_until 30 sh -c "[ \$(grep -c started $work/out) = 3 ]"
on_pool_node "$pool" 1 sh -c 'for p in /proc/[0-9]*; do ! grep -q hydra_pmi "$p/comm" 2>/dev/null || kill -KILL "${p#/proc/}"; done'
wait $job
check "a daemon is killed: exit status" $? 122
check_contains "a daemon is killed: its node is named" "$(grep -a '^shipyard-mpirun: error' "$work/err")" "node 10.213.28.5 was lost"
check "a daemon is killed: nothing is left" "$(for i in 0 1 2; do leftovers "$pool" $i; done)" ""

# --- A node is lost while the job runs.
: >"$work/out"
in_pool "$pool" shipyard-mpirun --ppn 1 sh -c 'echo started; exec sleep 60' >"$work/out" 2>"$work/err" &
job=$!
wait_until 30 sh -c "[ \$(grep -c started $work/out) = 3 ]"
start=$(now)
docker kill "$(docker ps --format '{{.Names}}' | grep -- "$pool-task-2")" >/dev/null
wait $job
# mpirun ends at once with 255 and cuts all ranks off, as after MPI_Abort(-1).
check "a node is killed: exit status" $? 122
check_at_most "a node is killed: ends" "$(seconds_since "$start")" 30
check_contains "a node is killed: it is named" "$(grep -a '^shipyard-mpirun: error' "$work/err")" "node 10.213.28.6 was lost"

rm -rf "$work"
finish
