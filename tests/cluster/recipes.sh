#!/bin/bash
# recipes.sh [NAME…]: the commands of recipes/NAME/README.md, word for word: the image is built, the program runs on four nodes, and
# its result is right; the job file becomes the requests of a job, and shipyard-local serve runs it. All recipes without a name.
# shellcheck disable=SC2317  # functions are called by name
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
# shellcheck source=tests/cluster/lib/recipes.sh
. "$here/lib/recipes.sh"
need_images shipyard/openmpi:{bookworm,bookworm-dev} shipyard/node:latest
cd "$here/../.." || exit
all=(hello mpi4py hybrid hpl lammps benchmarks openfoam)
work=$(mktemp -d)
trap 'end_service; remove_tags; remove_recipe_images; rm -rf "$work"' EXIT
export PATH=$SHIPYARD_BUILD_DIR/bin:$PATH

# --- What each must print. $output is what came out, $readme what the README says of it.
is_near() { awk -v a="$1" -v b="$2" -v by="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && d <= by) }'; }
# near NAME ACTUAL EXPECTED TOLERANCE
near() { check "$1: '$2' is within $4 of $3" "$(is_near "$2" "$3" "$4" && echo near)" near; }
# as_shown NAME PATTERN: one line that is the same in README and output
as_shown() {
  local shown
  shown=$(grep -E "$2" <<<"$readme")
  check "$1" "$(grep -E "$2" <<<"$output")" "${shown:-a line like $2 in the README}"
}

result_of_hello() {
  check "a rank on each node" "$(grep '^rank' <<<"$output" | sort)" "$(for i in 0 1 2 3; do echo "rank $i of 4 on node-$i"; done)"
  check "their sum" "$(grep '^sum' <<<"$output")" "sum of the ranks: 6"
  as_shown "as the README shows it" '^sum'
}
result_of_mpi4py() {
  check "objects go around the ring" "$(head -1 <<<"$output")" "4 ranks on 4 nodes; around the ring: 0 1 2 3"
  as_shown "as the README shows it" '^4 ranks'
  near "pi" "$(sed -n 's/^pi = .*, off by //p' <<<"$output")" 0 1e-12
}
result_of_hybrid() {
  local threads
  threads=$(sed -n 's/^4 ranks of \([0-9]*\) threads, .*/\1/p' <<<"$output")
  check "a line for each rank" "$(grep -c '^rank [0-3] on node-[0-3]: ' <<<"$output")" 4
  check "each thread has one CPU, which no other of its rank has" \
    "$(sed -n 's/^rank [0-9]* on node-[0-9]*: //p' <<<"$output" | awk '{ delete seen; n = 0; for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]+$/ && !($i in seen)) { seen[$i]; n++ } print n }' | uniq)" "$threads"
  near "the sum" "$(sed -n 's/^sum \([0-9.]*\),.*/\1/p' <<<"$output")" "$(sed -n 's/.* 1\/terms \([0-9.]*\),.*/\1/p' <<<"$output")" 1e-8
  near "pi^2/6" "$(sed -n 's/^sum \([0-9.]*\),.*/\1/p' <<<"$output")" 1.64493407 2e-8
}
result_of_hpl() {
  check_contains "N from memory, grid from ranks" "$(cat "$work/err")" "N 576 on a grid of 2 x 2 ranks, 4 nodes"
  check "HPL ran so" "$(awk '/^WR/ { print $2, $3, $4, $5 }' <<<"$output")" "576 192 2 2"
  check "HPL's own verdict" "$(sed -n 's/^||Ax.* //p' <<<"$output")" PASSED
  near "its scaled residual" "$(sed -n 's/^||Ax.*= *\([0-9.]*\) .*/\1/p' <<<"$output")" 0.008 0.008
  check "what the others measured is shown" "$(grep -cE '^[A-Za-z_]+=[0-9.e+-]+$' <<<"$output")" "$(grep -cE '^[A-Za-z_]+=[0-9.e+-]+$' <<<"$readme")"
}
result_of_lammps() {
  local total
  total=$(awk '$1 == 100 && NF == 6 { print $5 }' <<<"$output")
  # Of the same input in LAMMPS' own documentation, on whatever machine.
  near "total energy after 100 steps" "$total" -4.6223613 2e-6
  near "pressure" "$(awk '$1 == 100 && NF == 6 { print $6 }' <<<"$output")" 0.20726105 2e-5
  as_shown "the first step" '^ +0 +1.44'
  check_contains "all atoms" "$output" "for 100 steps with 32000 atoms"
}
result_of_benchmarks() {
  check "every question has its answer" "$(awk '$2 == "ok" { print $1 }' <<<"$output" | tr '\n' ' ')" "nodes links bytes noise "
  check "the end" "$(tail -1 <<<"$output")" accepted
  as_shown "bytes are compared" '^bytes'
  # The recipe's other answer.
  shipyard-local run -q -n 2 --env ACCEPT_LATENCY=1ns --image shipyard/recipe-benchmarks -- acceptance --quick >"$work/refused" 2>&1
  check "a pool that is slower than it should be: exit status" $? 1
  check_contains "is not accepted" "$(tail -1 "$work/refused")" "not accepted: links"
  check_contains "and why" "$(cat "$work/refused")" "allpairs: error: --expect-latency"
}
result_of_openfoam() {
  local inlet outlet
  check "cells, ranks" "$(head -2 <<<"$output")" "$(printf '12225 cells\n4 ranks on 4 nodes')"
  check_contains "the case was staged" "$(cat "$work/err")" "brought to 3 nodes"
  check_contains "the results were collected" "$(cat "$work/err")" "results of 4 nodes are in"
  inlet=$(sed -n 's/^flow through the inlet: -\([0-9.]*\) .*/\1/p' <<<"$output")
  outlet=$(sed -n 's/^flow through the outlet: \([0-9.]*\) .*/\1/p' <<<"$output")
  near "10 m/s through 0.254 cm2" "$inlet" 0.000254 1e-9
  near "what flows in flows out" "$outlet" "$inlet" 2e-6
  near "residual of Ux after 30 iterations" "$(sed -n 's/^iteration 30, .*Ux \([0-9.e-]*\),.*/\1/p' <<<"$output")" 0.0110721 0.001
}

# --- The job files, on nodes of the service. They ask for the work of many cores, or for InfiniBand: here with less in a line
# for each ";".
declare -A less=([mpi4py]='s/ 1000000000$/ 10000000/;' [hybrid]='s/ 1000000000000$//;' [openfoam]='s/ 2000 / 10 /;'
                 [hpl]='s/ 80% / 1M /;' [lammps]='s/ -var scale 8$//;' [benchmarks]='/^command/s/$/ --quick/; /^environment: {ACCEPT/d;')
job_of_hello() {
  local ranks
  ranks=$(grep -c '^rank [0-9]* of [0-9]* on node-' <<<"$output")
  check "ranks on all nodes" "$(sed -n 's/^rank .* on //p' <<<"$output" | sort -u | tr '\n' ' ')" "node-0 node-1 node-2 node-3 "
  check "their sum, of $ranks" "$(grep '^sum' <<<"$output")" "sum of the ranks: $((ranks * (ranks - 1) / 2))"
}
job_of_mpi4py() { near "pi" "$(sed -n 's/^pi = .*, off by //p' <<<"$output")" 0 1e-11; }
job_of_hybrid() { near "pi^2/6" "$(sed -n 's/^sum \([0-9.]*\),.*/\1/p' <<<"$output")" 1.64493407 2e-8; }
job_of_hpl() { check "HPL's own verdict" "$(sed -n 's/^||Ax.* //p' <<<"$output")" PASSED; }
job_of_lammps() { near "total energy after 100 steps" "$(awk '$1 == 100 && NF == 6 { print $5 }' <<<"$output")" -4.6223613 2e-6; }
job_of_benchmarks() { check "the end" "$(tail -1 <<<"$output")" accepted; }
job_of_openfoam() { near "residual of Ux after 10 iterations" "$(sed -n 's/^iteration 10, .*Ux \([0-9.e-]*\),.*/\1/p' <<<"$output")" 0.0382889 0.001; }

service=
serve() {
  mkdir "$work/storage"
  HOME=$work shipyard-local serve --listen 127.0.0.1:0 --state "$work/state" --storage "$work/storage" >"$work/service.env" 2>"$work/service.err" </dev/null &
  service=$!
  wait_until 60 grep -q ACCESS_KEY_FILE "$work/service.env" || { cat "$work/service.err"; exit 1; }
}
# Its containers and networks, by the label that all of a service's carry.
end_service() {
  local label
  [ -n "$service" ] || return 0
  kill -TERM "$service" && wait "$service"
  label=label=shipyard.service=$(printf %s "$work/state" | sha256sum | cut -c1-8)
  docker ps --all --quiet --filter "$label" | xargs -r docker rm --force --volumes >/dev/null
  docker network ls --quiet --filter "$label" | xargs -r docker network rm >/dev/null
}
# What a name of the job file stood for before is kept.
declare -A tags=()
remove_tags() {
  local tag
  for tag in "${!tags[@]}"; do
    if [ -n "${tags[$tag]}" ]; then docker tag "${tags[$tag]}" "$tag"; else docker rmi "$tag"; fi >/dev/null 2>&1
  done
}

job() {
  local name=$1 tagged=$2 line status=0 changed
  tags[$tagged]=$(docker image inspect -f '{{.Id}}' "$tagged" 2>/dev/null)
  [ -n "$service" ] || serve
  start=$(now)
  mkdir -p "$work/less/recipes/$name"
  sed "${less[$name]:-}" "recipes/$name/job.yaml" >"$work/less/recipes/$name/job.yaml"
  changed=$(diff "recipes/$name/job.yaml" "$work/less/recipes/$name/job.yaml" | grep -c '^<')
  check "the job file: lines that ask for less" "$changed" "$(tr -cd ';' <<<"${less[$name]:-}" | wc -c)"
  # The service takes images of this machine, so nothing is pushed.
  while IFS= read -r line; do
    (cd "$work/less" && . "$work/service.env" && HOME=$work timeout 300 bash -c "$line") </dev/null >"$work/out" 2>"$work/err" || status=$?
  done < <(commands "$name" 'On Azure Batch' | grep -v '^docker push ')
  output=$(cat "$work/out")
  check "shipyard-submit run, with shipyard-local serve: exit status" "$status" 0
  [ "$status" = 0 ] || sed 's/^/      /' "$work/err" "$work/out" "$work/service.err"
  "job_of_$name"
  echo "      $(seconds_since "$start") s"
}

# What stands behind a "$ " in a README; node.xml and the like are not to lie in the project.
result_of_commands_of_hybrid() { check_contains "ranks for each L3 cache of that type" "$(cat "$work/out")" "ranks 0-15, 6 cores each"; }
shown_commands() {
  local name=$1 line status=0
  [ -n "$(shown "$name")" ] || return 0
  mkdir -p "$work/shown"
  ln -sfn "$PWD/scripts" "$work/shown/scripts"
  : >"$work/out"
  while IFS= read -r line; do
    (cd "$work/shown" && bash -c "$line") </dev/null >>"$work/out" 2>"$work/err" || status=$?
  done < <(shown "$name")
  check "other commands of the README: exit status" "$status $(cat "$work/err")" "0 "
  "result_of_commands_of_$name"
}

recipe() {
  local name=$1 line status tagged
  readme=$(cat "recipes/$name/README.md")
  echo "# $name"
  build_recipe "$name"
  check "the image builds" $? 0
  start=$(now)
  rm -f "$work/out" "$work/err"
  status=0
  while IFS= read -r line; do
    bash -c "$line" </dev/null >>"$work/out" 2>>"$work/err" || status=$?
  done < <(commands "$name" Here)
  output=$(cat "$work/out")
  check "it runs here: exit status" "$status" 0
  [ "$status" = 0 ] || sed 's/^/      /' "$work/err" "$work/out"
  check "what a newcomer sees beside the output" "$(grep -vE '^(shipyard-local|shipyard-mpirun): note: |^N [0-9]' "$work/err")" ""
  "result_of_$name"
  echo "      $(seconds_since "$start") s"

  # The image that is tagged is the one of the job file, and the file that is submitted is this recipe's.
  tagged=$(commands "$name" 'On Azure Batch' | sed -n 's/^docker tag .* //p')
  check "the commands for Batch" "$(commands "$name" 'On Azure Batch')" \
    "$(printf 'docker tag shipyard/recipe-%s %s\ndocker push %s\nshipyard-submit run recipes/%s/job.yaml' "$name" "$tagged" "$tagged" "$name")"
  HOME=$work shipyard-submit render --json "recipes/$name/job.yaml" >"$work/requests" 2>"$work/err"
  check "the job file renders" "$? $(cat "$work/err")" "0 "
  check "a task on four nodes" "$(jq '[.requests[].body | .. | .numberOfInstances? // empty] | unique[]' "$work/requests")" 4
  check_contains "of that image" "$(jq -r '.requests[].body.commandLine? // empty, .requests[].body.jobPreparationTask?.commandLine? // empty' "$work/requests")" "$tagged"
  job "$name" "$tagged"
  shown_commands "$name"
}

for name in "${@:-${all[@]}}"; do recipe "$name"; done
if [ $# = 0 ]; then
  check "no other recipe" "$(find recipes -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)" "$(printf '%s\n' "${all[@]}" | sort)"
  check "the table has them all" "$(sed -n 's/^| \[\([a-z0-9]*\)\].*/\1/p' recipes/README.md)" "$(printf '%s\n' hello mpi4py hybrid hpl lammps benchmarks openfoam)"
fi
finish
