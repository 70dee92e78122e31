#!/bin/bash
# preflight.sh SUITE: --preflight on a pool of four containers, of which one gets a slow network. SUITE: bookworm (Open MPI 4.1),
# trixie (Open MPI 5.0) or mpich.
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
command -v nsenter >/dev/null || skip "no nsenter, by which a node's network is made slow"
work=$(mktemp -d)
trap 'remove_pools; rm -rf "$work"' EXIT

pool=preflight-$suite-$$
[ "$suite" = bookworm ] && net=10.213.48 || net=10.213.49
make_pool "$pool" -n 4 --image "$image" --subnet $net.0/24
in_network_of() { nsenter --target "$(docker inspect -f '{{.State.Pid}}' "shipyard-$pool-node-$1")" --net "${@:2}"; }

# run ARGUMENT…: from the primary. Fills out and err; sets status and seconds.
run() {
  local start
  start=$(now)
  in_pool "$pool" shipyard-mpirun --ppn 1 --oversubscribe --report /tmp/report.json "$@" >"$work/out" 2>"$work/err"
  status=$?
  seconds=$(seconds_since "$start")
}
report() { in_pool "$pool" cat /tmp/report.json | jq -c "$1"; }
# What was said, with a sign for each figure: a machine under load measures what it likes.
said() { tr -d '\0' <"$work/err" | sed -E 's/[0-9.]+ (µs|ms)/TIME/g; s,[0-9.]+ [MG]B/s,RATE,g; s/in [0-9.]+ s:/in N s:/; s/^shipyard-mpirun: //'; }
hosts() { sort "$work/out" | paste -sd' '; }
program=(sh -c 'echo "${OMPI_COMM_WORLD_RANK:-$PMI_RANK} of ${OMPI_COMM_WORLD_SIZE:-$PMI_SIZE}"')
nothing_left() { check "$1: nothing is left" "$(for i in 0 1 2 3; do leftovers "$pool" $i; done)" ""; }

# --- Nothing is slow. Whatever the load makes of single links, no node is left out.
run --preflight 30s "${program[@]}"
check "nothing is slow: exit status" $status 0
check "the output is the program's, on all nodes" "$(hosts)" "0 of 4 1 of 4 2 of 4 3 of 4"
check_contains "one line says so" "$(said)" "note: preflight: 4 nodes in N s: latency TIME, bandwidth RATE, no node is slow"
check "the report: four nodes, none left out" "$(report '.preflight | [(.nodes | length), .left_out]')" "[4,[]]"
check_at_most "it ends" "$seconds" 60
nothing_left "nothing is slow"

# --- One is.
in_network_of 2 tc qdisc add dev eth0 root tbf rate 400mbit burst 64k latency 50ms || skip "this kernel has no tbf"
run --preflight 30s --nodes 3 "${program[@]}"
check "a slow node, --nodes 3: exit status" $status 0
check "the program runs on three" "$(hosts)" "0 of 3 1 of 3 2 of 3"
check_contains "the slow one is named" "$(said)" "warning: preflight: $net.6 is left out: slow: TIME and RATE, typical are TIME and RATE"
check_contains "and who is used" "$(said)" "1 is slow; the program runs on $net.4, $net.5 and $net.7"
check "the report: the slow one, and the layout without it" \
  "$(report '[.preflight.verdict, .preflight.left_out[].host, .layout[].host, (.hosts | length)]')" \
  "[\"slow\",\"$net.6\",\"$net.4\",\"$net.5\",\"$net.7\",4]"
check "the report: its bandwidth is below 400 Mbit/s" "$(report '.preflight.left_out[0].bandwidth_MB_per_s < 60')" true
[ "$failures" = 0 ] || sed 's/^/      /' "$work/err"

run --preflight 30s "${program[@]}"
check "a slow node, all wanted: exit status" $status 120
check "the program is not started" "$(cat "$work/out")" ""
check_contains "the line" "$(said)" "error: preflight: 1 of 4 nodes is unfit
  $net.6: slow: TIME and RATE, typical are TIME and RATE
hint: --nodes 3 runs on those that are fit and leaves the rest out"
check "the report" "$(report '[.outcome.name, .outcome.status, .command]')" '["node_unfit",120,[]]'
nothing_left "a slow node"
in_network_of 2 tc qdisc del dev eth0 root

# --- The primary itself, and a node that the check finds unfit.
in_network_of 0 tc qdisc add dev eth0 root tbf rate 400mbit burst 64k latency 50ms
run --preflight 30s --nodes 3 "${program[@]}"
check "the primary is slow: the others run the program" "$status $(report '[.layout[].host]')" "0 [\"$net.5\",\"$net.6\",\"$net.7\"]"
check_contains "a warning says where rank 0 is" "$(said)" "warning: preflight: $net.4 is this node: rank 0 runs on $net.5"
in_network_of 0 tc qdisc del dev eth0 root

freeze "shipyard-$pool-task-3"
run --wait 3s --preflight 30s --nodes 3 "${program[@]}"
docker unpause "shipyard-$pool-task-3" >/dev/null
check "a frozen node is left out" "$status $(report '[.layout[].host]')" "0 [\"$net.4\",\"$net.5\",\"$net.6\"]"
check_contains "with its cause" "$(said)" "warning: preflight: $net.7 is left out: accepts the connection, but sends no ssh banner"
nothing_left "a frozen node"
finish
