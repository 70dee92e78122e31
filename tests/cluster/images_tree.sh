#!/bin/bash
# images_tree.sh SUITE: the tree /opt/shipyard, built on Debian 12, in an image of another release: a newer C library
# (trixie, Open MPI 5.0) or an older one (bullseye, Open MPI 4.1.0, an OpenSSH with another syntax).
# shellcheck disable=SC2016  # for the shell in the container
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
need_images shipyard/tree:latest shipyard/node:latest
work=$(mktemp -d)
image=shipyard-test/foreign:$suite-$$
trap 'remove_pools; docker rmi -f "$image" >/dev/null 2>&1; rm -rf "$work"' EXIT

for base in "debian:$suite-slim" "shipyard-base:$suite" ''; do
  if [ -n "$base" ] && docker image inspect "$base" >/dev/null 2>&1; then break; fi
done
if [ -z "$base" ]; then
  base=$("$here/../../scripts/make-base-image" "$suite" 2>"$work/log") || skip "no base image of $suite: $(tail -n 2 "$work/log")"
fi
DOCKER_BUILDKIT=0 docker build --network=host --force-rm --build-arg "BASE=$base" -t "$image" \
  -f "$here/images/foreign.Dockerfile" "$here/images" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }

version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$here/../../CMakeLists.txt")
in_image() { docker run --rm --network none --entrypoint sh "$image" -c "$1" 2>&1; }

# --- Nothing of the distribution is loaded: each library comes out of the tree.
for program in shipyard-mpirun shipyard-hostfile; do
  check "$program: its libraries lie in the tree" \
    "$(in_image "LD_TRACE_LOADED_OBJECTS=1 /opt/shipyard/lib/ld.so --library-path /opt/shipyard/lib \
        /opt/shipyard/libexec/shipyard/bin/$program | grep -v -e /opt/shipyard/lib/ -e linux-vdso")" ''
done
check 'what runs on every node needs no library' \
  "$(in_image 'for file in /opt/shipyard/libexec/shipyard/shipyard-*; do ldd "$file" 2>/dev/null | grep "=>"; done')" ''

# --- From any place, by any way.
for program in /opt/shipyard/bin/shipyard-mpirun '/srv/a place/ship/bin/shipyard-mpirun' moved-link moved-relative; do
  check "$program --version" "$(in_image "'$program' --version")" "shipyard-mpirun $version"
done
check 'a relative path' "$(in_image 'cd /srv && "a place/ship/bin/shipyard-mpirun" --version')" "shipyard-mpirun $version"
check "with the distribution's libraries forced on everybody" \
  "$(in_image 'LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu shipyard-mpirun --version')" \
  "shipyard-mpirun $version"
check 'the hostfile tool' "$(in_image 'shipyard-hostfile --hosts 10.0.0.4,10.0.0.5')" "$(printf '10.0.0.4 slots=1\n10.0.0.5 slots=1')"
check 'a plan names the helper of its own tree' \
  "$(in_image '"/srv/a place/ship/bin/shipyard-mpirun" --dry-run --json true' | jq -r '.command[] | select(endswith("/shipyard-rank"))')" \
  '/srv/a place/ship/libexec/shipyard/shipyard-rank'
check 'a usage error keeps its status' "$(in_image 'shipyard-mpirun --no-such-option true >/dev/null 2>&1; echo $?')" 125

# --- The job itself, over the entrypoint's sshd.
pool=tree-$suite-$$
make_pool "$pool" -n 2 --image "$image" --env 'NAME=of the pool'
output=$(in_pool "$pool" shipyard-mpirun --ppn 1 sh -c 'echo "$OMPI_COMM_WORLD_RANK $(hostname) $NAME"' 2>"$work/err")
check 'a job on two nodes: status' $? 0
check 'a job on two nodes: ranks' "$(sort -n <<<"$output")" "$(printf '0 node-0 of the pool\n1 node-1 of the pool')"
output=$(in_pool "$pool" '/srv/a place/ship/bin/shipyard-mpirun' --ppn 1 hostname 2>"$work/err")
check 'the same from the place it was moved to' "$? $(sort <<<"$output" | paste -sd' ')" '0 node-0 node-1'
in_pool "$pool" shipyard-mpirun --ppn 1 sh -c 'exit $((OMPI_COMM_WORLD_RANK * 3))' 2>"$work/err"
check 'the status of a rank' $? 3

finish
