# Sourced: pools of containers, made by shipyard-local.
# shellcheck shell=bash
local_tool=$SHIPYARD_BUILD_DIR/bin/shipyard-local
pools=()

# image_of SUITE: bookworm has Open MPI 4.1, trixie 5.0, mpich MPICH 4.2.
image_of() { if [ "$1" = mpich ]; then echo shipyard/mpich:trixie; else echo "shipyard/openmpi:$1"; fi; }
# test_image SUITE: that one, or what SHIPYARD_TEST_IMAGE puts in its place, with %s for the suite.
test_image() {
  local image=${SHIPYARD_TEST_IMAGE:-$(image_of "$1")}
  echo "${image//%s/$1}"
}

need_images() {
  local image
  docker info >/dev/null 2>&1 || { echo "no container engine answers: run scripts/setup"; exit 1; }
  for image in "$@"; do
    docker image inspect "$image" >/dev/null 2>&1 || { echo "image $image is missing: run scripts/build-images"; exit 1; }
  done
}

# make_pool NAME OPTION…
make_pool() {
  local name=$1
  shift
  pools+=("$name")
  "$local_tool" up -q --name "$name" "$@" || { echo "cannot make pool $name"; exit 1; }
}

remove_pools() {
  local name
  for name in "${pools[@]}"; do "$local_tool" down -q --name "$name"; done
}

# in_pool NAME COMMAND…: as the application command
in_pool() {
  local name=$1
  shift
  "$local_tool" exec --name "$name" -- "$@"
}

# on_pool_node NAME NUMBER COMMAND…
on_pool_node() {
  local name=$1 number=$2
  shift 2
  "$local_tool" exec --name "$name" --node "$number" -- "$@"
}

# What an MPI job could leave behind on a node, a line each: processes that carry a job's mark, those of MPI, of ours and of
# ssh that do not, the run directory, and MPI's files. What is ending just now counts as well: ask again. A node that
# does not answer is a line too: nobody knows what it has.
leftovers() {
  on_pool_node "$1" "$2" sh -c '
    for process in /proc/[0-9]*; do
      words=$({ tr "\0" " " <"$process/cmdline"; } 2>/dev/null)
      [ -n "$words" ] || continue
      if grep -qz "^SHIPYARD_JOB=" "$process/environ" 2>/dev/null; then
        echo "$words"
        continue
      fi
      case ${words%% *} in
        *orted|*prted|*mpirun|*mpiexec*|*hydra_*|*orterun|*prterun|*shipyard-*|*/faults|ssh|*/ssh|sleep)
          case $words in *entrypoint*) ;; *) echo "$words" ;; esac ;;
      esac
    done
    ls -d /tmp/shipyard-mpirun.* /tmp/ompi.* /tmp/prte* /dev/shm/*segment* 2>/dev/null
    true' || echo "node $2 cannot be asked"
}

# no_leftovers POOL NODE…
no_leftovers() {
  local pool=$1 node
  shift
  for node in "$@"; do [ -z "$(leftovers "$pool" "$node")" ] || return 1; done
}
