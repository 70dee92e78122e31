#!/bin/bash
# limits.sh LIMITS: between two nodes with two networks of which MPI is told one, and where a firewall lets MPI alone pass.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/namespaces.sh"
program=$1
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
for tool in mpirun jq; do command -v $tool >/dev/null || skip "no $tool here"; done

node_pids=()
trap remove_nodes EXIT
make_nodes 2 10.96.0
ip link add eth1 netns "$nodes_tag-0" type veth peer name eth1 netns "$nodes_tag-1"
for i in 0 1; do
  ip -n "$nodes_tag-$i" addr add 10.96.1.$((i + 4))/24 dev eth1
  ip -n "$nodes_tag-$i" link set eth1 up
done
cp "$program" "$nodes_dir/tools/"
# run NETWORK ARGUMENT…
run() {
  timeout 100 nsenter --target "${node_inits[0]}" --mount --uts --net --pid --wd=/ -- env AZ_BATCH_HOST_LIST="$(node_list ,)" \
    AZ_BATCH_IS_CURRENT_NODE_MASTER=true SHIPYARD_BIND_TO=none OMPI_MCA_mpi_yield_when_idle=1 SHIPYARD_TRANSPORT=tcp \
    OMPI_MCA_btl_tcp_if_include="$1" OMPI_MCA_btl_tcp_port_min_v4=20000 OMPI_MCA_btl_tcp_port_range_v4=100 \
    SHIPYARD_SSH_KEY="$(base64 -w0 "$nodes_dir/key")" "$nodes_dir/tools/shipyard-mpirun" --oversubscribe --ppn 1 \
    "$nodes_dir/tools/limits" --quick --sizes 8,64K --out "$nodes_dir/report.json" "${@:2}" >"$nodes_dir/out" 2>"$nodes_dir/err"
  status=$?
  tr -d '\0' <"$nodes_dir/err" >"$nodes_dir/said"
}
fact() { jq -r ".context.$1" "$nodes_dir/report.json"; }

for network in 0:eth0 1:eth1; do
  start=$(now)
  run "10.96.${network%:*}.0/24"
  path="10.96.${network%:*}.4 (${network#*:}) to 10.96.${network%:*}.5 (${network#*:})"
  check "MPI by ${network#*:}: exit status" "$status" 0
  check "raw TCP goes the same way" "$(fact fabric), $(fact limit)" "tcp, raw TCP, $path"
  check "what needs one node is left out" \
    "$(jq -r '[.benchmarks[].name | split("/")[1]] | unique | join(" ")' "$nodes_dir/report.json")" "memcpy memcpy_dram mpi mpi_window tcp tcp_stream"
  printf '      it took %s s\n' "$(seconds_since "$start")"
  [ "$status" = 0 ] || sed 's/^/      /' "$nodes_dir/said" "$nodes_dir/out"
done

for i in 0 1; do
  ip netns exec "$nodes_tag-$i" iptables -w 10 -A INPUT -i eth1 -p tcp --syn ! --dport 20000:20099 -j DROP
done
start=$(now)
run 10.96.1.0/24
check "a firewall on eth1: exit status" "$status" 0
check_at_most "it does not hang" "$(seconds_since "$start")" 60
check_contains "a note says what does not pass" "$(cat "$nodes_dir/said")" \
  "limits: note: no raw TCP: 10.96.1.4 (eth1) to 10.96.1.5 (eth1): connect: Connection timed out"
check "MPI is measured" "$(jq '[.benchmarks[] | select(.name | test("/mpi/")) | select(.p50_ns > 0 and .limit_ns == 0)] | length' "$nodes_dir/report.json")" 2
check_contains "without a limit" "$(cat "$nodes_dir/out")" "not measured: no raw TCP"
finish
