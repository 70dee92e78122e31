#!/bin/bash
# strangers.sh SUITE: MPI programs that know nothing of us, unchanged, on four nodes: by what they compute, they ran as they should.
# SUITE: bookworm (Open MPI 4.1) or trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
need_images "shipyard/openmpi:$suite-dev" shipyard/node:latest
work=$(mktemp -d)
image=shipyard-test/strangers-$$:$suite
trap 'remove_pools; docker rmi "$image" >/dev/null 2>&1; rm -rf "$work"' EXIT
DOCKER_BUILDKIT=0 docker build --network=host --force-rm --file "$here/images/strangers.Dockerfile" --build-arg "IMAGE=shipyard/openmpi:$suite-dev" \
  --tag "$image" "$here/../../recipes/lammps" >"$work/build" 2>&1 || { tail -n 20 "$work/build"; exit 1; }
pool=strangers-$suite-$$
[ "$suite" = bookworm ] && net=10.213.75 || net=10.213.76
make_pool "$pool" -n 4 --image "$image" --subnet "$net.0/24" -e OMP_NUM_THREADS=1

# run NAME COMMAND…: on the primary. Sets output; its status is to be 0, and what our tools and mpirun say beside it is nothing.
run() {
  local name=$1 start
  shift
  start=$(now)
  output=$(in_pool "$pool" timeout 300 "$@" 2>"$work/err" </dev/null)
  check "$name: exit status" $? 0
  check "$name: nothing of ours to say" "$(grep -aE '^shipyard-|WARNING|mpirun|ORTE|PRTE|PMIX' "$work/err")" ""
  echo "      $(seconds_since "$start") s"
}

run cpi shipyard-mpirun --ppn 1 cpi
check "cpi: a process on each node" "$(grep '^Process' <<<"$output" | sort)" "$(for i in 0 1 2 3; do echo "Process $i of 4 is on node-$i"; done)"
check_contains "cpi: pi" "$output" "pi is approximately 3.14159265442312"
run icpi sh -c 'printf "1000\n0\n" | shipyard-mpirun --stdin --ppn 1 icpi'
check_contains "icpi: pi, by as many intervals as standard input says" "$output" "pi is approximately 3.14159273692312"

run NetPIPE shipyard-mpirun --nodes 2 --ppn 1 NPopenmpi -i -u 2048
# All that NetPIPE says goes to standard error.
check "NetPIPE: sizes whose bytes came as they were sent" "$(grep -c 'bytes .* Integrity check passed' "$work/err")" 18
check "NetPIPE: others" "$(grep -c 'Integrity check failed' "$work/err")" 0

run ScaLAPACK sh -c 'cd /usr/lib/*/scalapack/openmpi-tests && exec shipyard-mpirun --ppn 1 ./xdinv'
check "ScaLAPACK: inverses whose residual is small" "$(sed -n 's/^ *\([0-9]*\) tests completed and passed.*/\1/p' <<<"$output")" 320
check "ScaLAPACK: others" "$(sed -n 's/^ *\([0-9]*\) tests \(completed and failed\|skipped\).*/\1/p' <<<"$output" | tr '\n' ' ')" "0 0 "

run LAMMPS shipyard-mpirun lmp -in /opt/recipe/in.melt
check "LAMMPS: total energy after 100 steps" "$(awk '$1 == 100 && $NF ~ /^0.207/ { print substr($5, 1, 9) }' <<<"$output")" -4.622361

run hpcc sh -c 'cp /usr/share/doc/hpcc/examples/_hpccinf.txt hpccinf.txt && shipyard-mpirun --ppn 1 hpcc && cat hpccoutf.txt'
check "hpcc: HPL" "$(sed -n 's/^||Ax.* //p' <<<"$output")" PASSED
check "hpcc: all of it" "$(grep '^Success=' <<<"$output")" Success=1
finish
