#!/bin/bash
# allpairs.sh ALLPAIRS [RUNS]: nodes of which one is made slow on purpose, and RUNS times (1; 20 with scripts/soak) of which none is.
# A delay of the network shows in latency, a limited rate in bandwidth.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/namespaces.sh"
program=$1 runs=${2:-1}
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v mpirun >/dev/null || skip "no mpirun here"

node_pids=()
trap remove_nodes EXIT
make_nodes 5 10.95.0
cp "$program" "$nodes_dir/tools/"
run() {
  timeout 100 nsenter --target "${node_inits[0]}" --mount --uts --net --pid --wd=/ -- env AZ_BATCH_HOST_LIST="$(node_list ,)" \
    AZ_BATCH_IS_CURRENT_NODE_MASTER=true SHIPYARD_TRANSPORT=tcp \
    SHIPYARD_SSH_KEY="$(base64 -w0 "$nodes_dir/key")" "$nodes_dir/tools/shipyard-mpirun" --ppn 1 \
    "$nodes_dir/tools/allpairs" "$@" >"$nodes_dir/out" 2>"$nodes_dir/err"
  status=$?
  named=$(tr -d '\0' <"$nodes_dir/err" | grep -oE 'node [a-z0-9]+ is slow: [a-z]+|link from [a-z0-9]+ to [a-z0-9]+ is slow' | sort -u | paste -sd'|')
}
slow_down() { ip netns exec "$nodes_tag-$1" tc qdisc add dev eth0 root "${@:2}"; }
heal() { ip netns exec "$nodes_tag-$1" tc qdisc del dev eth0 root; }

for ((i = 1; i <= runs; i++)); do
  start=$(now)
  run
  check "nothing is slow, run $i: exit status 0, and none is named" "$status $named" "0 "
  [ "$status" = 0 ] || sed 's/^/      /' "$nodes_dir/err" "$nodes_dir/out"
done
printf '      the last one took %s s\n' "$(seconds_since "$start")"
check "it says so" "$(grep -c 'No node and no link is three times as slow' "$nodes_dir/out")" 1
check "it fits in 80 columns" "$(LC_ALL=C.UTF-8 awk '{ gsub(/[\x80-\xBF]/, ""); if (length($0) > w) w = length($0) } END { print (w <= 80) }' "$nodes_dir/out")" 1
check "the table names all nodes" "$(grep -cE '^  [1-5]  node[0-4] ' "$nodes_dir/out")" 10
run --quick --expect-latency 1ns --expect-bandwidth 1MB/s
check "a latency that no link has: exit status" "$status" 3
check "quickly there is no verdict where nodes share CPUs" "$named/$(grep -c ' no verdict[.]$' "$nodes_dir/out")" /1
check "the worst link is named" \
  "$(tr -d '\0' <"$nodes_dir/err" | grep -cE '^allpairs: error: --expect-latency 0.001 us: the worst link, from node[0-4] to node[0-4], has [0-9.]+ us')" 1

if slow_down 2 netem delay 3ms 2>"$nodes_dir/tc"; then
  run --out "$nodes_dir/delay.json"
  check "a delay of 3 ms on node2: exit status" "$status" 3
  check "it is named by its latency, and nobody else" "$named" "node node2 is slow: latency"
  heal 2
else
  echo "      this kernel has no netem: no test with a delay"
fi

slow_down 3 tbf rate 400mbit burst 256kb latency 50ms
run
check "400 Mbit/s on node3: exit status" "$status" 3
check "it is named by its bandwidth, and nobody else" "$named" "node node3 is slow: bandwidth"
heal 3
finish
