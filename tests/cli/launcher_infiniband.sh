#!/bin/bash
# What becomes of InfiniBand devices: the nodes' /sys and /dev are the test's own, in mount namespaces of their own, with mpirun
# as a script that starts the ranks of each node in that node's.
source "$(dirname "$0")/launcher_common.sh"
for tool in perl jq unshare; do command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }; done
for name in $(compgen -e | grep -E '^(UCX_|I_MPI_|FI_)'); do unset "$name"; done
mkdir "$work/fake" "$work/sys" "$work/dev"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/bash
if [[ $* == --version ]]; then
  case $FAKE_VERSION in
    intel) echo 'Intel(R) MPI Library for Linux* OS, Version 2021.11 Build 20231005 (id: 74c4a23)' ;;
    mpich) printf 'HYDRA build details:\n    Version: 4.0.2\n' ;;
    *) echo "mpirun (Open MPI) ${FAKE_VERSION:-4.1.4}" ;;
  esac
  exit 0
fi
while [[ $1 != */shipyard-rank ]]; do shift; done
OMPI_COMM_WORLD_RANK=0 "$@" </dev/null || exit
for local in $(seq 0 $((${FAKE_RANKS_THERE:-1} - 1))); do
  OMPI_COMM_WORLD_RANK=$((local + 1)) OMPI_COMM_WORLD_LOCAL_RANK=$local \
    unshare --mount ./node "mlx5_0 InfiniBand ${FAKE_STATE_THERE:-ACTIVE}" 'mlx5_1 Ethernet ACTIVE' -- "$@" </dev/null || exit
done
FAKE
# node 'DEVICE LAYER STATE'… -- COMMAND…: with these devices, of which /dev has none with NO_DEV=1.
cat >"$work/node" <<'NODE'
#!/bin/bash
mount -t tmpfs none /sys/class || exit 77
while [[ $1 != -- ]]; do
  read -r device layer state <<<"$1"
  port=/sys/class/infiniband/$device/ports/1
  mkdir -p "$port" "/sys/class/infiniband/$device/device"
  echo "$layer" >"$port/link_layer"
  echo "4: $state" >"$port/state"
  [[ $state == ACTIVE ]] || echo "1: $state" >"$port/state"
  echo '200 Gb/sec (4X HDR)' >"$port/rate"
  shift
done
shift
if [[ -z ${NO_DEV:-} ]]; then
  mount -t tmpfs none "$WORK/dev" && mkdir "$WORK/dev/old" && mount --rbind /dev "$WORK/dev/old" && mount -t tmpfs none "$WORK/sys" || exit 77
  for entry in "$WORK"/dev/old/*; do ln -s "$entry" "$WORK/sys/${entry##*/}"; done
  rm -f "$WORK/sys/infiniband"
  mkdir "$WORK/sys/infiniband"
  : >"$WORK/sys/infiniband/uverbs0"
  mount --rbind "$WORK/sys" /dev || exit 77
fi
exec "$@"
NODE
chmod 755 "$work/fake/mpirun" "$work/node"
export WORK=$work PATH=$work/fake:$PATH
cd "$work" || exit 1
unshare --mount ./node 'mlx5_0 InfiniBand ACTIVE' -- true 2>/dev/null || { echo "skipped: no mount namespace to be had"; exit 77; }

greet_for_all_nodes
nodes=(--hosts '127.0.0.1,127.0.0.2' --ssh-port "$port" --ppn 1 --oversubscribe --bind-to none)
# on DEVICE… -- OPTION…: shipyard-mpirun on a node with these devices.
on() {
  local devices=()
  while [[ $1 != -- ]]; do devices+=("$1"); shift; done
  shift
  timeout --kill-after=5 100 unshare --mount ./node "${devices[@]}" -- "$mpirun_tool" "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}
explained() { sed -n 's/^# *//p' "$work/out" | paste -sd' ' | sed 's/^/ /'; }
explains() { explained | grep -qF -- " $1 "; }
warns() { grep -qxF "shipyard-mpirun: warning: $1" "$work/err"; }
words() { jq -r '.command | join(" ")' <"$work/out"; }
not() { ! "$@"; }
azure=('mlx5_0 Ethernet ACTIVE' 'mlx5_1 InfiniBand ACTIVE')

echo "# each rank gets the port of its own node"
ulimit -l unlimited 2>/dev/null
on "${azure[@]}" -- "${nodes[@]}" sh -c 'echo "$OMPI_COMM_WORLD_RANK $UCX_NET_DEVICES"'
check "mlx5_1 here, mlx5_0 there" test "$status $(sort "$work/out" | paste -sd,)" = "0 0 mlx5_1:1,1 mlx5_0:1"
on "${azure[@]}" -- "${nodes[@]}" --mpi-arg --map-by --mpi-arg node sh -c 'echo "$OMPI_COMM_WORLD_RANK $UCX_NET_DEVICES"'
check "also where the user places the ranks" test "$status $(sort "$work/out" | paste -sd,)" = "0 0 mlx5_1:1,1 mlx5_0:1"
on "${azure[@]}" -- "${nodes[@]}" -x UCX_NET_DEVICES=mlx5_7:1 sh -c 'echo "$UCX_NET_DEVICES"'
check "unless the user has chosen" test "$status $(sort -u "$work/out")" = "0 mlx5_7:1"

echo "# --explain says what was seen"
on "${azure[@]}" -- "${nodes[@]}" --dry-run --explain true
check "the port of accelerated networking" explains "RDMA port mlx5_0:1: Ethernet, no InfiniBand: not used"
check "that of InfiniBand" explains "InfiniBand port mlx5_1:1: ACTIVE, 200 Gb/sec (4X HDR)"
check "and what follows" explains "MPI goes over InfiniBand: each rank gets the ports that are near to it, found on its own node"
on "${azure[@]}" -- "${nodes[@]}" --dry-run --json true
check "Open MPI 4.1 is told to take UCX" eval '[[ $(words) == *" --mca pml ucx --mca osc ^pt2pt --mca btl ^openib,uct,ofi "* ]]'
FAKE_VERSION=5.0.7 on "${azure[@]}" -- "${nodes[@]}" --dry-run --json true
check "and 5.0" eval '[[ $(words) == *" --mca pml ucx --mca osc ^pt2pt "* && $(words) != *" --mca btl "* ]]'
OMPI_MCA_pml=ob1 on "${azure[@]}" -- "${nodes[@]}" --dry-run --explain true
check "not against OMPI_MCA_pml" explains "pml ucx: left alone: you have set it yourself"
FAKE_VERSION=mpich on "${azure[@]}" -- "${nodes[@]}" --dry-run true
check "MPICH: no interface for UCX" not grep -q 'UCX_NET_DEVICES lo' "$work/out"
FAKE_VERSION=intel on "${azure[@]}" -- "${nodes[@]}" --dry-run true
check "Intel MPI: mlx" grep -q 'I_MPI_OFI_PROVIDER=mlx' "$work/out"

echo "# where it cannot be used"
on 'mlx5_0 Ethernet ACTIVE' -- "${nodes[@]}" --dry-run --explain true
check "accelerated networking alone: TCP, without a warning" \
  eval 'explains "MPI goes over TCP: this node has no port of link layer InfiniBand" && ! grep -q "pml ucx" "$work/out" && ! grep -q warning "$work/err"'
FAKE_VERSION=mpich on 'mlx5_0 Ethernet ACTIVE' -- "${nodes[@]}" --dry-run true
check "MPICH's UCX goes by the interface then" grep -q 'UCX_NET_DEVICES lo' "$work/out"
NO_DEV=1 on "${azure[@]}" -- "${nodes[@]}" true
check "the container has no /dev/infiniband: TCP, and a warning" \
  warns "InfiniBand port mlx5_1:1: this node's, but not in its container, so MPI goes over TCP (docker run --device=/dev/infiniband)"
on 'mlx5_0 InfiniBand DOWN' -- "${nodes[@]}" true
check "a port that is down: TCP, and a warning" warns "InfiniBand port mlx5_0:1: not ACTIVE on this node, so MPI goes over TCP"
port_warning="shipyard-rank: warning: no InfiniBand port of $(hostname) is ACTIVE, while MPI goes over InfiniBand: UCX is left to take any network there, and the other nodes may not reach it"
FAKE_STATE_THERE=DOWN FAKE_RANKS_THERE=2 on "${azure[@]}" -- "${nodes[@]}" -n 3 --ppn 2 sh -c 'echo "$OMPI_COMM_WORLD_RANK $UCX_NET_DEVICES"; echo "rank $OMPI_COMM_WORLD_RANK" >&2'
check "a port of another node is down: its ranks have none" test "$status $(sort "$work/out" | paste -sd,)" = "0 0 mlx5_1:1,1 ,2 "
check "a warning that names the node, once" test "$(grep -v '^shipyard-mpirun: ' "$work/err" | sort)" = "$(printf 'rank 0\nrank 1\nrank 2\n%s' "$port_warning")"
FAKE_STATE_THERE=DOWN on "${azure[@]}" -- "${nodes[@]}" --mpi-arg --tag-output sh -c 'echo "$OMPI_COMM_WORLD_RANK $UCX_NET_DEVICES"'
check "also where mpirun carries standard error" test "$(grep -cxF "$port_warning" "$work/err")" = 1
FAKE_STATE_THERE=DOWN on "${azure[@]}" -- "${nodes[@]}" -x UCX_NET_DEVICES=mlx5_7:1 true
check "not where the user has chosen" not grep -q "no InfiniBand port" "$work/err"
(ulimit -l 64; on "${azure[@]}" -- "${nodes[@]}" true)
check "memlock: a warning" \
  warns "a process can lock 64 KiB of memory, and InfiniBand locks all that it sends from (docker run --ulimit memlock=-1)"

done_testing
