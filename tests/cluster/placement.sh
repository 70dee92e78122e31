#!/bin/bash
# placement.sh IMAGE: shipyard-mpirun binds ranks as planned in containers with a cpuset, a CPU quota, an affinity mask,
# and on two nodes with different hardware. What each rank says of its own mask is the judge.
set -u
image=${SHIPYARD_TEST_IMAGE:-$1}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
need_images "$image"
[ "$(nproc)" -ge 2 ] || skip "this machine has one CPU: there is nothing to choose"
work=$(mktemp -d)
network=shipyard-test-placement-$$
trap 'docker rm -f "$network-0" "$network-1" >/dev/null 2>&1; docker network rm "$network" >/dev/null 2>&1; rm -r "$work"' EXIT

# in_container OPTION… -- COMMAND…: in a container of its own, without a network.
in_container() {
  local options=()
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  docker run --rm --network none "${options[@]}" "$image" "$@" 2>"$work/err"
}

# Each rank's own mask, in rank order. The number of the rank is Open MPI's, PMIx's or Hydra's.
mask='echo "${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-$PMI_RANK}} $(sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status)"'
masks() { sort -n | cut -d' ' -f2 | paste -sd' '; }

check "all CPUs: a core each" "$(in_container --cpuset-cpus 0,1 -- shipyard-mpirun sh -c "$mask" | masks)" "0 1"
check "a cpuset: the one CPU that it has" "$(in_container --cpuset-cpus 1 -- shipyard-mpirun sh -c "$mask" | masks)" "1"
check "a quota of one CPU: one rank" "$(in_container --cpuset-cpus 0,1 --cpus 1 -- shipyard-mpirun sh -c "$mask" | masks)" "0"
check "a mask: the CPU that it leaves" \
  "$(in_container --cpuset-cpus 0,1 -- taskset -c 1 shipyard-mpirun sh -c "$mask" | masks)" "1"
check "one rank of all cores" "$(in_container --cpuset-cpus 0,1 -- shipyard-mpirun --ppn 1 sh -c "$mask" | masks)" "0-1"
check "and as many threads" \
  "$(in_container --cpuset-cpus 0,1 -- shipyard-mpirun --ppn 1 sh -c 'echo $OMP_NUM_THREADS $OMP_PLACES')" "2 cores"
check "--bind-to none" "$(in_container --cpuset-cpus 0,1 -- shipyard-mpirun --bind-to none sh -c "$mask" | masks)" "0-1 0-1"
check "--check counts them" "$(in_container --cpuset-cpus 0,1 -- shipyard-mpirun --check | tail -1)" \
  "2 of 2 ranks run where they were planned"
check "a plan that this node cannot carry out is told" \
  "$(in_container --cpuset-cpus 1 -- shipyard-mpirun --topology 'package:1 l3:1 core:2 pu:1' --ppn 1 --check | grep 'ranks run')" \
  "0 of 1 ranks run where they were planned"

# Two nodes: the first with two CPUs, the second with the second of them alone.
docker network create --subnet 10.213.9.0/24 "$network" >/dev/null || { echo "cannot make a network"; exit 1; }
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
SHIPYARD_SSH_KEY=$(base64 -w0 "$work/key")
export SHIPYARD_SSH_KEY
start_node() {
  docker run -d --name "$network-$1" --network "$network" --ip "10.213.9.$((4 + $1))" --shm-size 64m "${@:2}" \
    -e AZ_BATCH_HOST_LIST=10.213.9.4,10.213.9.5 -e SHIPYARD_SSH_KEY "$image" >/dev/null
}
start_node 0 --cpuset-cpus 0,1 && start_node 1 --cpuset-cpus 1
on_first() { docker exec "$network-0" "$@" 2>"$work/err"; }
check "nodes that differ: each rank on a CPU of its node" "$(on_first shipyard-mpirun sh -c "$mask" | masks)" "0 1 1"
check_contains "and the user is told" "$(cat "$work/err")" "10.213.9.5: 1 core, this node 2: each gets its own layout"
check "nodes that differ: as planned" "$(on_first shipyard-mpirun --check | tail -1)" "3 of 3 ranks run where they were planned"
check "threads of each node" "$(on_first shipyard-mpirun --ppn 1 sh -c 'echo $OMP_NUM_THREADS' | sort)" "$(printf '1\n2')"
on_first shipyard-mpirun --report /tmp/report.json true
check "the report has each rank's CPUs" \
  "$(on_first cat /tmp/report.json | jq -r '[.ranks[].cpuset] | join(" ")')" "0 1 1"
check "the report has its outcome" "$(on_first cat /tmp/report.json | jq -r .outcome.name)" "completed"
finish
