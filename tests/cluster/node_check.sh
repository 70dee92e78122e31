#!/bin/bash
# node_check.sh SUITE: shipyard-mpirun --check on containers that are alike, and on some that are not: each is to be found
# and named. SUITE: bookworm (Open MPI 4.1) or trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
[ "$suite" = bookworm ] && other=${image%:*}:trixie || other=${image%:*}:bookworm
[ "$suite" = bookworm ] && daemon=orted || daemon=prted
need_images "$image" "$other"
[ "$(nproc)" -ge 2 ] || skip "this machine has one CPU: nodes cannot differ"
work=$(mktemp -d)
network=shipyard-test-check-$suite-$$
[ "$suite" = bookworm ] && subnet=10.213.10 || subnet=10.213.11
nodes=()
cleanup() {
  docker unpause "$network-1" >/dev/null 2>&1
  for node in "${nodes[@]}"; do docker rm -f "$node" >/dev/null 2>&1; done
  docker network rm "$network" >/dev/null 2>&1
  rm -r "$work"
}
trap cleanup EXIT

# One key for all, and another; in a directory that only root may enter, as the image wants it.
for key in ours another; do
  mkdir -m 755 "$work/$key"
  ssh-keygen -q -t ed25519 -N '' -f "$work/$key/id_ed25519"
done
docker network create --subnet "$subnet.0/24" "$network" >/dev/null || { echo "cannot make a network"; exit 1; }
# start_node NUMBER KEY IMAGE OPTION…
start_node() {
  nodes+=("$network-$1")
  docker run -d --name "$network-$1" --network "$network" --ip "$subnet.$((4 + $1))" \
    -v "$work/$2/id_ed25519:/etc/shipyard/ssh/id_ed25519:ro" "${@:4}" "$3" >/dev/null ||
    { echo "cannot start node $1"; exit 1; }
}
alike=(--cpuset-cpus "0,1" --shm-size 128m --ulimit memlock=1048576:1048576)
start_node 0 ours "$image" "${alike[@]}"
start_node 1 ours "$image" "${alike[@]}"
start_node 2 ours "$image" "${alike[@]}"
start_node 3 ours "$image" --cpuset-cpus 1 --shm-size 32m --memory 512m --ulimit memlock=65536:65536
start_node 4 ours "$other" "${alike[@]}"
start_node 5 another "$image" "${alike[@]}"

address() { echo "$subnet.$((4 + $1))"; }
on_node() { docker exec "$network-$1" "${@:2}"; }
# check_nodes "NUMBERS" ARGUMENT…: --check from node 0. Fills out and err; sets status and seconds.
check_nodes() {
  local list="" number start
  for number in $1; do list=$list${list:+,}$(address "$number"); done
  start=$(now)
  docker exec "$network-0" shipyard-mpirun --hosts "$list" --ppn 1 --oversubscribe --check "${@:2}" >"$work/out" 2>"$work/err"
  status=$?
  seconds=$(seconds_since "$start")
}
error_line() { grep '^shipyard-mpirun: error' "$work/err"; }
findings() { jq -c ".check.findings[] | select(.severity == \"$1\") | [.hosts[], .what]" <"$work/out"; }

# --- Nodes that are alike.
check_nodes "0 1 2" ls
check "nodes that are alike: exit status" $status 0
check "each has a row" "$(cut -d' ' -f1 "$work/out" | head -4 | paste -sd' ')" "node $(address 0) $(address 1) $(address 2)"
check "the last lines say that they are" "$(tail -2 "$work/out")" "3 nodes, all alike: nothing is in the way of a job
3 of 3 ranks run where they were planned"
check_at_most "in" "$seconds" 30
check_nodes "0 1 2" --json ls
check "JSON: every node has its facts" \
  "$(jq -c '[.check.nodes[].facts | [.cores, .shared_memory_bytes, .program, .working_directory, .connect_back.problem]] | unique' <"$work/out")" \
  '[[2,134217728,0,0,""]]'
check "JSON: this machine's clock is every container's" \
  "$(jq '[.check.nodes[].facts.connect_back | (.clock_ahead_us | fabs) <= .round_trip_us / 2 + 1] | all' <"$work/out")" true
check "JSON: and where the ranks run" "$(jq -c .binding <"$work/out")" '{"as_planned":3,"different":0,"unreported":0}'

# --- One that is not, but on which a job would run.
check_nodes "0 1 2 3" --json ls
check "a node unlike the others: exit status" $status 0
check "what differs is named" "$(findings difference | grep -v '"memory')" "[\"$(address 3)\",\"/dev/shm 32 MiB, the others 128 MiB\"]
[\"$(address 3)\",\"cores 1, the others 2\"]
[\"$(address 3)\",\"memlock 64 KiB, the others 1 MiB\"]"
check_contains "its memory, too" "$(findings difference)" '"memory 512 MiB, the others '
check_nodes "0 1 2 3" ls
check_contains "it has marks" "$(grep "^$(address 3) " "$work/out" | head -1)" " 1 * "
check_contains "and is named at the end" "$(cat "$work/out")" "4 nodes: $(address 3) differs"

# --- Another Open MPI on a node, as the other image has it.
own=$(on_node 0 mpirun --version | sed -n 's/.*(Open MPI) //p')
its=$(on_node 4 mpirun --version | sed -n 's/.*(Open MPI) //p')
check_nodes "0 1 4" ls
check "another Open MPI: exit status" $status 125
check "it names node and versions" "$(error_line)" \
  "shipyard-mpirun: error: $(address 4): Open MPI $its, the primary has Open MPI $own"

# --- None.
on_node 1 sh -c "mkdir /tmp/away && mv /usr/bin/$daemon /usr/bin/mpirun /tmp/away"
check_nodes "0 1 2" ls
check "no Open MPI: exit status" $status 125
check "it names the node" "$(error_line)" "shipyard-mpirun: error: $(address 1): Open MPI is missing: no /usr/bin/$daemon"
on_node 1 sh -c 'mv /tmp/away/* /usr/bin'

# --- The program and the working directory.
on_node 0 sh -c 'cp /bin/true /tmp/only-here; mkdir /tmp/here; cp /bin/true /tmp/mode'
for number in 1 2; do on_node $number sh -c 'cp /bin/true /tmp/mode; chmod 644 /tmp/mode'; done
check_nodes "0 1 2" /tmp/only-here
check "the program is missing: exit status" $status 127
check "it names program and nodes" "$(error_line)" \
  "shipyard-mpirun: error: $(address 1), $(address 2): /tmp/only-here: not found there"
check_nodes "0 1" /tmp/mode
check "the program cannot be executed: exit status" $status 126
check_nodes "0 1" --wdir /tmp/here ls
check "the working directory is missing: exit status and words" "$status $(error_line)" \
  "125 shipyard-mpirun: error: $(address 1): cannot enter the working directory /tmp/here: No such file or directory"

# --- /dev/shm is too small on a node, and not on the primary.
check_nodes "0 3" --ppn 12 ls
check_contains "/dev/shm is too small on another node" "$status $(error_line)" \
  "125 shipyard-mpirun: error: $(address 3): /dev/shm has "

# --- ssh.
check_nodes "0 1 5" ls
check "another job's key: exit status and words" "$status $(error_line)" "121 shipyard-mpirun: error: $(address 5): refused: \
its host key is not the job's (Host key verification failed)"
freeze "$network-1"
check_nodes "0 1 2" --wait 3s ls
docker unpause "$network-1" >/dev/null
check "a frozen node: exit status" $status 120
check "it is named" "$(error_line)" \
  "shipyard-mpirun: error: $(address 1): accepts the connection, but sends no ssh banner"
check_contains "the others are asked all the same" "$(cat "$work/out")" "$(address 2)  $own"
check_at_most "a frozen node: ends" "$seconds" 20

# --- The way back is closed to a node.
if command -v nsenter iptables >/dev/null; then
  nsenter --target "$(docker inspect -f '{{.State.Pid}}' "$network-2")" --net \
    iptables -w 10 -A OUTPUT -p tcp -d "$(address 0)" --syn -j REJECT --reject-with tcp-reset
  check_nodes "0 1 2" ls
  check "no way back: exit status and words" "$status $(error_line)" "121 shipyard-mpirun: error: $(address 2): cannot \
reach the primary at $(address 0) (connection refused): a firewall?"
else
  echo "      no nsenter and iptables here: the way back is not tested"
fi

check "nothing is left on the nodes" "$(for number in 0 1 2 3; do on_node $number sh -c 'ls -d /tmp/shipyard-mpirun.* 2>/dev/null; pgrep -f -- "[-]-node-facts"'; done)" ""
finish
