#!/bin/bash
# launch.sh SUITE: shipyard-mpirun on pools of containers with addresses of their own, sshd on port 23, the VM's sshd on
# port 22 and a docker0 bridge on every node. SUITE: bookworm (Open MPI 4.1) or trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
trap remove_pools EXIT
work=$(mktemp -d)

ten=t10-$suite-$$
other=t192-$suite-$$
make_pool "$ten" -n 4 --image "$image" --subnet 10.213.7.0/24 --run-option=--cap-drop=SYS_PTRACE
make_pool "$other" -n 2 --image "$image" --subnet 192.168.213.0/24 --cpus-per-node 1

# --- Placement: which rank on which node. AZ_BATCH_NODE_ID is each node's own, so it must not come from the primary.
where='echo "$OMPI_COMM_WORLD_RANK $AZ_BATCH_NODE_ID"'
node_ids=$(for i in 0 1 2 3; do on_pool_node "$ten" $i sh -c 'echo $AZ_BATCH_NODE_ID'; done)
output=$(in_pool "$ten" shipyard-mpirun --ppn 1 sh -c "$where" 2>"$work/err")
check "4 nodes, 10.x: exit status" $? 0
check "4 nodes, 10.x: rank N on node N" "$(sort -n <<<"$output")" "$(nl -v0 -w1 -s' ' <<<"$node_ids")"

output=$(in_pool "$ten" shipyard-mpirun -n 7 sh -c "$where" 2>"$work/err")
check "-n 7 on 4 nodes: 2, 2, 2, 1 in order" "$(sort -n <<<"$output" | cut -d' ' -f2 | uniq -c | awk '{print $1, $2}')" \
  "$(paste -d' ' <(printf '2\n2\n2\n1\n') <(echo "$node_ids"))"

output=$(in_pool "$ten" shipyard-mpirun --nodes 1 -n 2 sh -c "$where" 2>"$work/err")
check "1 node: both ranks on the primary" "$(sort -n <<<"$output")" "$(printf '0 %s\n1 %s' "$(head -1 <<<"$node_ids")" "$(head -1 <<<"$node_ids")")"

# --- Binding: each rank's own mask against the plan, on nodes that have a CPU each.
mask='sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status'
output=$(in_pool "$other" env SHIPYARD_BIND_TO=core shipyard-mpirun --ppn 1 sh -c "echo \$OMPI_COMM_WORLD_RANK \$($mask)" 2>"$work/err")
check "2 nodes, not 10.x: exit status" $? 0
masks=$(for i in 0 1; do echo "$i $(on_pool_node "$other" $i sh -c "$mask")"; done)
check "2 nodes, not 10.x: every rank is bound to its node's CPU" "$(sort -n <<<"$output")" "$masks"
plan=$(in_pool "$other" env SHIPYARD_BIND_TO=core shipyard-mpirun --dry-run --json --ppn 1 true)
check "the plan says the same of this node" "0 $(jq -r '.nodes[0].cpuset[0]' <<<"$plan")" "$(head -1 <<<"$masks")"

# Two ranks on a node with two cores: each has a core of its own, which --bind-to none would not give.
cores=$(on_pool_node "$ten" 0 nproc)
if [ "$cores" -ge 2 ]; then
  output=$(in_pool "$ten" env SHIPYARD_BIND_TO=core shipyard-mpirun --nodes 1 -n 2 sh -c "echo \$OMPI_COMM_WORLD_RANK \$($mask)" 2>"$work/err")
  plan=$(in_pool "$ten" env SHIPYARD_BIND_TO=core shipyard-mpirun --dry-run --json --nodes 1 -n 2 true)
  check "2 ranks on a node are bound as planned" "$(sort -n <<<"$output")" \
    "$(jq -r '.nodes[0].cpuset | to_entries[] | "\(.key) \(.value)"' <<<"$plan")"
  check "each to a core of its own" "$(cut -d' ' -f2 <<<"$output" | sort -u | wc -l)" 2
else
  echo "      one CPU here: binding to cores of their own is not tested"
fi

# --- A real MPI program over the right network: with docker0 in MPI's way it would hang or fail.
for pool in "$ten" "$other"; do
  output=$(in_pool "$pool" timeout 100 shipyard-mpirun --ppn 1 pingpong --sizes 0..1K 2>"$work/err")
  check "$pool: pingpong between two nodes" $? 0
  check "$pool: its table has all sizes" "$(grep -cE '^ *(0|1|2|4|8|16|32|64|128|256|512|1024) ' <<<"$output")" 12
done

# What a plain mpirun does on the same pool, so that the reason for this project stays visible.
output=$(in_pool "$ten" sh -c 'timeout -k 1 20 mpirun --allow-run-as-root -host $AZ_BATCH_HOST_LIST -np 4 pingpong --sizes 0..1K' 2>&1 | tr -d '\0'; exit "${PIPESTATUS[0]}")
plain=$?
printf '      plain mpirun -host $AZ_BATCH_HOST_LIST: exit status %s, %s lines, the first of them:\n' $plain "$(wc -l <<<"$output")"
grep -a . <<<"$output" | grep -av -- '^---' | head -4 | sed 's/^/        /'
check "plain mpirun on the same pool does not run it" "$([ $plain -ne 0 ] && echo fails)" fails
# And with the classical recipe's ssh config (port 23, nothing else): the daemons start, the ranks do not find each other.
output=$(in_pool "$ten" sh -c 'printf "Host 10.*\n Port 23\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n" >/tmp/recipe
  OMPI_MCA_plm_rsh_agent="ssh -F /tmp/recipe" PRTE_MCA_plm_ssh_agent="ssh -F /tmp/recipe" \
  timeout -k 1 20 mpirun --allow-run-as-root -host $AZ_BATCH_HOST_LIST -np 4 --map-by node --bind-to none pingpong --sizes 0..1K' 2>&1 | tr -d '\0'; exit "${PIPESTATUS[0]}")
printf '      with port 23 in an ssh config: exit status %s (124: hung for 20 s)\n' $?
# What these two leave is not looked for below.
for i in 0 1 2 3; do on_pool_node "$ten" $i sh -c 'rm -rf /tmp/ompi.* /tmp/prte* /dev/shm/*segment*'; done

# --- How it ends.
in_pool "$ten" shipyard-mpirun --ppn 1 sh -c 'exit $((OMPI_COMM_WORLD_RANK == 2 ? 3 : 0))' >"$work/out" 2>"$work/err"
check "a rank exits 3" $? 3
check_contains "its rank and node are named" "$(tail -1 "$work/err")" "rank 2 on 10.213.7.6 ended with exit status 3"
# Where Batch fetches files from.
records() { in_pool "$ten" sh -c 'cd "$AZ_BATCH_TASK_DIR" && '"$1"; }
check "the report in the task's directory says the same" \
  "$(records 'cat shipyard-report.json' | jq -r '.outcome | "\(.status) shipyard-mpirun: error: \(.message)"')" "3 $(tail -1 "$work/err")"
# Of a rank that fails Open MPI 5.0 does not always speak, and of an option that it does not know on standard output.
in_pool "$ten" sh -c 'mkdir -p /tmp/talks; printf "#!/bin/sh\n[ \"\$1\" != --version ] || exec /usr/bin/mpirun --version\necho words of mpirun >&2\nexit 7\n" >/tmp/talks/mpirun
  chmod +x /tmp/talks/mpirun; PATH=/tmp/talks:$PATH shipyard-mpirun --nodes 1 true' >"$work/out" 2>"$work/err"
check "and the log beside it has mpirun's own words" "$(records 'cat shipyard-mpirun.log')" "words of mpirun"

in_pool "$ten" shipyard-mpirun --ppn 1 nosuchprogram >"$work/out" 2>"$work/err"
check "program missing" $? 127
check "program missing: two lines say so" "$(cat "$work/err")" "shipyard-mpirun: error: program 'nosuchprogram' not found
hint: it is in no directory of PATH; for one in this directory write ./nosuchprogram"

in_pool "$ten" sh -c 'cp /bin/true /tmp/only-here; shipyard-mpirun --ppn 1 /tmp/only-here' >"$work/out" 2>"$work/err"
check "program missing on the other nodes" $? 127
check_contains "a node without it is named" "$(grep -a '^shipyard-mpirun: error' "$work/err")" "/tmp/only-here: not found by rank"
in_pool "$ten" shipyard-mpirun --ppn 1 /etc/hostname >"$work/out" 2>"$work/err"
check "program not executable" $? 126

in_pool "$ten" sh -c 'mkdir -p /tmp/here && cd /tmp/here && shipyard-mpirun --ppn 1 true' >"$work/out" 2>"$work/err"
check "working directory missing on the other nodes" $? 125
check_contains "it says where" "$(grep -a '^shipyard-mpirun: error' "$work/err")" "cannot enter the working directory /tmp/here"
output=$(in_pool "$ten" sh -c 'cd "$AZ_BATCH_TASK_WORKING_DIR" && shipyard-mpirun --ppn 1 pwd' 2>"$work/err")
check "from Batch's own task directory the ranks go to the shared one" "$(sort -u <<<"$output")" \
  "$(in_pool "$ten" sh -c 'echo $AZ_BATCH_TASK_SHARED_DIR')"

# --- Environment.
output=$(in_pool "$ten" env OMP_NUM_THREADS=7 SHIPYARD_ATTEMPT=2 shipyard-mpirun --ppn 1 -x 'WORDS=a b,c=d;"e"' sh -c \
  'echo "$WORDS|$OMP_NUM_THREADS|$AZ_BATCH_JOB_ID|$SHIPYARD_ATTEMPT|$SHIPYARD_REPORT_TO|$SHIPYARD_LIFELINE"' 2>"$work/err")
check "variables reach every rank, ours do not, but for SHIPYARD_ATTEMPT" "$(sort -u <<<"$output")" \
  "a b,c=d;\"e\"|7|$(in_pool "$ten" sh -c 'echo $AZ_BATCH_JOB_ID')|2||"
output=$(in_pool "$ten" shipyard-mpirun --ppn 1 sh -c 'read line && echo "got $line" || echo empty' 2>"$work/err" <<<"text")
check "stdin is /dev/null" "$(sort -u <<<"$output")" empty

# --- Who may start it.
on_pool_node "$ten" 1 shipyard-mpirun true >"$work/out" 2>"$work/err"
check "refused on a node that is not the primary" "$? $(head -1 "$work/err")" \
  "125 shipyard-mpirun: error: this node is not the primary of the task (AZ_BATCH_IS_CURRENT_NODE_MASTER=false)"

# --- Signals leave nothing behind, on any node.
for signal in TERM INT; do
  rm -f "$work/out"  # what is waited for would be in the last job's
  in_pool "$ten" sh -c 'echo $$ >/tmp/launcher.pid; exec shipyard-mpirun --ppn 1 sh -c "echo started; exec sleep 100"' >"$work/out" 2>"$work/err" &
  job=$!
  wait_until 30 sh -c "[ \$(grep -c started $work/out) = 4 ]"
  start=$(now)
  on_pool_node "$ten" 0 sh -c "kill -$signal \$(cat /tmp/launcher.pid)"
  wait $job
  status=$?
  check "SIG$signal: exit status" $status $((128 + $(kill -l $signal)))
  check_at_most "SIG$signal: ends" "$(seconds_since "$start")" 15
  check_contains "SIG$signal: the last line says it" "$(tail -1 "$work/err")" "SIG$signal received: the job was ended"
  check "SIG$signal: nothing is left" "$(for i in 0 1 2 3; do leftovers "$ten" $i; done)" ""
done

# --- A node is lost while the job runs: Open MPI 5.0's mpirun exits with 0 then.
rm -f "$work/out"
in_pool "$ten" shipyard-mpirun --ppn 1 sh -c 'echo started; exec sleep 60' >"$work/out" 2>"$work/err" &
job=$!
wait_until 30 sh -c "[ \$(grep -c started $work/out) = 4 ]"
start=$(now)
victim=$(docker ps --format '{{.Names}}' | grep -- "$ten-task-2")
docker kill "$victim" >/dev/null
wait $job
check "a node is killed: exit status" $? 122
check_at_most "a node is killed: ends" "$(seconds_since "$start")" 30
# Open MPI 5.0 leaves NUL bytes behind its own messages.
check_contains "a node is killed: it is named" "$(tr '\0' '\n' <"$work/err" | grep -a '^shipyard-mpirun: error')" "node 10.213.7.6 was lost"

# --- And the next job does not start without it.
start=$(now)
in_pool "$ten" shipyard-mpirun --ppn 1 --wait 2s true >"$work/out" 2>"$work/err"
check "a node without sshd: exit status" $? 120
check_at_most "a node without sshd: ends" "$(seconds_since "$start")" 10
check_contains "a node without sshd: it is named" "$(cat "$work/err")" "10.213.7.6: connection refused"

# Its sshd comes up late, as at the start of every task: the job waits.
( sleep 3; docker start "$victim" >/dev/null ) &
in_pool "$ten" shipyard-mpirun --ppn 1 --wait 60s true >"$work/out" 2>"$work/err"
check "a node that comes up 3 s late is waited for" $? 0
wait

# --- CPU quota: invisible to hwloc and nproc, yet half of the node is not ours.
quota=tquota-$suite-$$
make_pool "$quota" -n 1 --image "$image" --run-option=--cpus=1
check "a quota of 1 CPU: one rank" "$(in_pool "$quota" shipyard-mpirun echo rank 2>"$work/err")" rank
check "the node has more cores than that" "$([ "$(on_pool_node "$quota" 0 nproc)" -gt 1 ] && echo more)" more

# --- Single copy (CMA): Docker's seccomp filter refuses process_vm_readv unless the container may ptrace.
setting='btl_vader_single_copy_mechanism none'
[ "$suite" = bookworm ] || setting='smsc ^cma'
plan_of() { in_pool "$1" shipyard-mpirun --oversubscribe -n 2 --dry-run --json true | jq -r '.command | join(" ")'; }
check_contains "process_vm_readv refused: Open MPI is told" "$(plan_of "$ten")" "--mca $setting"
check "process_vm_readv allowed: it is not" "$(plan_of "$quota" | grep -cF -- "$setting")" 0
in_pool "$ten" shipyard-mpirun --nodes 1 -n 2 pingpong --sizes 1M >"$work/out" 2>"$work/err"
check "two ranks on one node exchange large messages without a warning" \
  "$? $(grep -v '^pingpong: note: busy in the minute before' "$work/err")" "0 " # the tests before it are what made it busy

# --- /dev/shm too small for the ranks of a node (Open MPI 5.0 goes elsewhere below 16 MiB, so more ranks there).
small=tshm-$suite-$$
[ "$suite" = bookworm ] && size=4m || size=17m
make_pool "$small" -n 1 --image "$image" --shm-size $size
in_pool "$small" shipyard-mpirun --oversubscribe -n 8 true >"$work/out" 2>"$work/err"
check "/dev/shm of $size for 8 ranks: refused" $? 125
check_contains "the remedy is exact" "$(cat "$work/err")" "hint: start the container with --shm-size=33m or --ipc=host"
in_pool "$small" env OMPI_MCA_btl=self,tcp shipyard-mpirun --oversubscribe -n 2 true >"$work/out" 2>"$work/err"
check "the user's own choice of transport is not judged" $? 0

rm -rf "$work"
finish
