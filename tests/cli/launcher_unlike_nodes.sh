#!/bin/bash
# Nodes that differ: each is planned by its own hardware.
source "$(dirname "$0")/launcher_common.sh"
cd "$work" || exit 1

two=(--hosts "127.0.0.1,127.0.0.2" --topology 'package:1 l3:2 core:4 pu:1' --topology '127.0.0.2=package:1 l3:1 core:2 pu:2')
# layouts OPTION…: of each node its ranks' cpusets and threads.
layouts() {
  launch "${two[@]}" "$@" --dry-run --json true
  jq -r '.nodes[] | "\(.host): \(.cpuset | join(" ")) x\(.threads)"' <"$work/out" | paste -sd'|'
}

echo "# each node its own layout"
check "a rank per core" test "$(layouts)" = "127.0.0.1: 0 1 2 3 4 5 6 7 x1|127.0.0.2: 0-1 2-3 x1"
check "a rank per L3" test "$(layouts --ppn l3)" = "127.0.0.1: 0-3 4-7 x4|127.0.0.2: 0-3 x2"
check "ranks in proportion to the cores" test "$(layouts -n 5)" = "127.0.0.1: 0-1 2-3 4-5 6-7 x2|127.0.0.2: 0-3 x2"
layouts --ppn l3 >/dev/null
check "threads go with the layout, rank by rank" \
  test "$(jq -r '.environment | "\(.OMP_NUM_THREADS) \(.SHIPYARD_LAYOUT != null)"' <"$work/out")" = "null true"
check "mpirun does not bind" eval 'jq -r ".command | join(\" \")" <"$work/out" | grep -q -- "--map-by slot --bind-to none"'

echo "# a node that is none of the job's"
launch --hosts 127.0.0.1,127.0.0.2 --topology 'elsewhere=core:2' --dry-run true
check "is refused by name" eval 'test "$status" -eq 125 && grep -q "^shipyard-mpirun: error: --topology: .elsewhere. is no node of this job (--hosts)" "$work/err"'

done_testing
