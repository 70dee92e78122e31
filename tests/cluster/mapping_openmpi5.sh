#!/bin/bash
# Where Open MPI 5.0 puts the ranks whose plans rely on its own flags: its map of them, on the sample topologies and on
# made-up ones, in one container.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
docker info >/dev/null 2>&1 || skip "no container engine answers"
docker image inspect shipyard/openmpi:trixie >/dev/null 2>&1 || skip "image shipyard/openmpi:trixie is missing: run scripts/build-images"
command -v python3 >/dev/null || skip "no python3"
exec python3 -B "$here/mapping_openmpi5.py" shipyard/openmpi:trixie
