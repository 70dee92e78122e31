#!/bin/bash
# The example of images/openmpi/README.md: a C program, compiled in the -dev image, taken into an image of two lines, run
# on four nodes; on both Open MPI versions the ranks compute the same.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
need_images shipyard/openmpi:{bookworm,bookworm-dev,trixie,trixie-dev} shipyard/node:latest
work=$(mktemp -d)
tag=shipyard-test/heat-$$
trap 'docker rmi -f "$tag:bookworm" "$tag:trixie" >/dev/null 2>&1; rm -rf "$work"' EXIT
example=$here/../../images/openmpi/example

# What the README shows is what is run here.
dockerfile=$(cat "$example/Dockerfile")
check_contains 'the README shows this Dockerfile' "$(cat "$example/../README.md")" "$dockerfile"
compile='mpicc -O2 -o heat heat.c -lm'
check_contains 'the README shows this compilation' "$(cat "$example/../README.md")" "$compile"

for suite in bookworm trixie; do
  mkdir "$work/$suite"
  cp "$example/heat.c" "$work/$suite"
  # shellcheck disable=SC2086  # words
  docker run --rm -v "$work/$suite:/src" -w /src "shipyard/openmpi:$suite-dev" $compile
  check "$suite: it compiles" $? 0
  sed "s/:bookworm/:$suite/" "$example/Dockerfile" >"$work/$suite/Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t "$tag:$suite" "$work/$suite" >/dev/null 2>&1
  check "$suite: the image of two lines builds" $? 0
  output=$("$local_tool" run -q -n 4 --image "$tag:$suite" -- shipyard-mpirun --ppn 1 heat 64 500 2>"$work/err")
  check "$suite: four nodes: status" $? 0
  # 15.3579 is what one rank computes: a band that gets a wrong row from its neighbour gives another mean.
  check_contains "$suite: four nodes: result" "$output" '64 x 64 grid on 4 ranks, from node-0: mean 15.3579 after 500 steps'
  "$local_tool" run -q -n 2 --image "$tag:$suite" -- shipyard-mpirun --ppn 1 heat 1 2>"$work/err"
  check "$suite: the program's own error" $? 2
  check_contains "$suite: and what it says" "$(cat "$work/err")" 'usage: heat [GRID-SIZE [STEPS]]'
done

finish
