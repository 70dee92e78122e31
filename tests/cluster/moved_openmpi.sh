#!/bin/bash
# An Open MPI moved to /opt: --mpirun alone, and --mpi-env with a script, on two nodes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
need_images shipyard/openmpi:bookworm shipyard/node:latest
trap 'remove_pools; docker rmi -f shipyard-test/moved >/dev/null 2>&1' EXIT
DOCKER_BUILDKIT=0 docker build -q --build-arg BASE=shipyard/openmpi:bookworm -t shipyard-test/moved \
  -f "$here/images/moved.Dockerfile" "$here/images" >/dev/null 2>&1 || { echo "cannot build the image"; exit 1; }
pool=tmoved-$$
make_pool "$pool" -n 2 --image shipyard-test/moved
err=$(mktemp)

in_pool "$pool" shipyard-mpirun --ppn 1 true 2>"$err"
check "no mpirun to be found" "$? $(head -1 "$err")" \
  "125 shipyard-mpirun: error: no mpirun here: neither in PATH nor in the usual places"
for way in "--mpirun /opt/mpi/bin/mpirun" "--mpirun /opt/mpi" "--mpi-env /opt/mpi/env.sh"; do
  output=$(in_pool "$pool" shipyard-mpirun $way --ppn 1 pingpong --sizes 0..64 2>"$err")
  check "$way: runs over two nodes" $? 0
  check "$way: table" "$(grep -cE '^ *(0|1|2|4|8|16|32|64) ' <<<"$output")" 8
done
in_pool "$pool" shipyard-mpirun --mpi-env /opt/mpi/nosuch.sh --ppn 1 true 2>"$err"
check "a script that is not there" "$? $(cat "$err")" \
  "125 shipyard-mpirun: error: --mpi-env: cannot read /opt/mpi/nosuch.sh: No such file or directory"
rm -f "$err"
finish
