#!/bin/bash
# infiniband.sh SUITE: nodes whose /sys the test fills with InfiniBand devices, another one on each as on Azure: what ranks get,
# and that Open MPI takes UCX although Debian's configuration leaves it out. UCX then goes over TCP, since the devices are but
# names. SUITE: bookworm (Open MPI 4.1) or trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
trap remove_pools EXIT
work=$(mktemp -d)
pool=tib-$suite-$$
make_pool "$pool" -n 2 --image "$image" --subnet 10.213.17.0/24

# UCX may use any device here; Open MPI itself would not take it without InfiniBand.
any=(env OMPI_MCA_opal_common_ucx_tls=any OMPI_MCA_opal_common_ucx_devices=any 'UCX_TLS=tcp,self,sm' UCX_NET_DEVICES=eth0)
launch() { in_pool "$pool" "$@" 2>"$work/err"; }
transport() { grep -a '^ *transport' <<<"$1" | tr -s ' '; }

# --- Without devices.
output=$(launch "${any[@]}" shipyard-mpirun --ppn 1 --bind-to none pingpong --sizes 8)
check "no device: exit status" $? 0
check_contains "no device: Open MPI's own way over TCP" "$(transport "$output")" "(pml ob1"
check_contains "no device: --explain" "$(launch shipyard-mpirun --dry-run --explain true)" \
  "MPI goes over TCP: this node has no port of link layer InfiniBand"

# --- With them.
devices() {  # NODE DEVICE LAYER…
  local node=$1
  shift
  nsenter --mount --target "$(docker inspect -f '{{.State.Pid}}' "shipyard-$pool-task-$node")" sh -c '
    # UCX looks for network interfaces there, too.
    mkdir /tmp/net && mount --bind /sys/class/net /tmp/net && mount -t tmpfs none /sys/class && mkdir /sys/class/net &&
      mount --bind /tmp/net /sys/class/net || exit
    while [ $# -gt 0 ]; do
      port=/sys/class/infiniband/$1/ports/1
      mkdir -p "$port"
      echo "$2" >"$port/link_layer"
      echo "4: ACTIVE" >"$port/state"
      echo "200 Gb/sec (4X HDR)" >"$port/rate"
      shift 2
    done
    mkdir -p /dev/infiniband
    : >/dev/infiniband/uverbs0' sh "$@" || { echo "cannot give node $node its devices"; exit 1; }
}
devices 0 mlx5_0 Ethernet mlx5_1 InfiniBand
devices 1 mlx5_0 InfiniBand mlx5_1 Ethernet

output=$(launch shipyard-mpirun --dry-run --explain true)
check_contains "--explain: the port" "$output" "InfiniBand port mlx5_1:1: ACTIVE, 200 Gb/sec (4X HDR)"
check_contains "--explain: accelerated networking" "$output" "RDMA port mlx5_0:1: Ethernet, no InfiniBand: not used"
check_contains "--explain: what follows" "$output" "MPI goes over InfiniBand"
output=$(launch shipyard-mpirun --ppn 1 --bind-to none sh -c 'echo "$OMPI_COMM_WORLD_RANK $UCX_NET_DEVICES"')
check "each rank has the port of its own node" "$? $(sort <<<"$output" | paste -sd,)" "0 0 mlx5_1:1,1 mlx5_0:1"
output=$(launch "${any[@]}" shipyard-mpirun --ppn 1 --bind-to none pingpong --sizes 8)
check "pingpong between the nodes: exit status" $? 0
check_contains "Open MPI takes UCX, which Debian leaves out" "$(transport "$output")" "UCX (pml ucx"
output=$(launch "${any[@]}" OMPI_MCA_pml=ob1 shipyard-mpirun --ppn 1 --bind-to none pingpong --sizes 8)
check_contains "unless the user has chosen" "$(transport "$output")" "(pml ob1"

rm -rf "$work"
finish
