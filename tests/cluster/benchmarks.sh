#!/bin/bash
# benchmarks.sh SUITE: every benchmark, quickly, on a pool of three nodes under shipyard-mpirun. SUITE: bookworm (Open MPI
# 4.1), trixie (5.0), or mpich, where they run on one node under its own mpirun as well.
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
command -v jq >/dev/null || skip "no jq here"
trap 'remove_pools; rm -rf "$work"' EXIT
work=$(mktemp -d)
pool=benchmarks-$suite-$$
make_pool "$pool" -n 3 --image "$image" --subnet 10.213.11.0/24

# bench LAUNCHER OPTIONS-OF-THE-LAUNCHER PROGRAM ARGUMENT…: sets status, fills out, err and report.json.
bench() {
  local launcher=$1 options=$2
  shift 2
  # shellcheck disable=SC2086  # several options
  in_pool "$pool" timeout -k 5 100 $launcher $options "$@" --quick --time-limit 10s --out /tmp/report.json >"$work/out" 2>"$work/err"
  status=$?
  in_pool "$pool" cat /tmp/report.json >"$work/report.json" 2>/dev/null
  in_pool "$pool" rm -f /tmp/report.json
}
# verdict WHAT FABRIC
verdict() {
  local complete
  complete=$(jq -r '(.benchmarks | length > 0) and (.benchmarks | all((.error_occurred or .skipped) | not)) and
    .context.measurements == (.benchmarks | length | tostring)' "$work/report.json" 2>/dev/null)
  [ "$status" = 0 ] || sed 's/^/      /' "$work/err" "$work/out" | tail -n 20
  check "$1: exit status" "$status" 0
  check "$1: its report is complete" "$complete" true
  [ -z "$2" ] || check "$1: the fabric" "$(jq -r .context.fabric "$work/report.json")" "$2"
}

programs=('pingpong:--ppn 1:tcp' 'bandwidth:--ppn 1:tcp' 'msgrate:-n 4 --oversubscribe:' 'collectives:--ppn 1:tcp'
  'allpairs:--ppn 1:tcp' 'limits:--ppn 1:tcp' 'noise:--ppn 1:')
for one in "${programs[@]}"; do
  IFS=: read -r program options fabric arguments <<<"$one"
  # shellcheck disable=SC2086  # several arguments
  bench shipyard-mpirun "$options" "$program" $arguments
  verdict "$program on three nodes" "$fabric"
  check "$program: the MPI" "$(jq -r '.context.mpi_library | test("'"$([ "$suite" = mpich ] && echo MPICH || echo 'Open MPI')"'")' "$work/report.json")" true
done
bench 'mpirun -np 2' "$([ "$suite" = mpich ] || echo '--allow-run-as-root --oversubscribe')" pingpong
# MPICH has UCX choose, which takes TCP where it may not read the other process's memory.
verdict "pingpong on one node, under plain mpirun" "$([ "$suite" = mpich ] || echo shm)"

in_pool "$pool" timeout -k 5 100 launch --nodes 1,3 --quick --out /tmp/report.json >"$work/out" 2>"$work/err"
check "launch: exit status" $? 0
check "launch: an entry for each count" \
  "$(in_pool "$pool" cat /tmp/report.json | jq -r '[.benchmarks[].name] | join(" ")')" "launch/1 launch/3"
finish
