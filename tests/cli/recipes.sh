#!/bin/bash
# The scripts of recipes, without containers: they end where the launcher refuses its options, with its words and its exit status and
# without a trace; and a pool whose nodes differ is not accepted.
# Usage: recipes.sh ROOT
set -u
root=$1
export PATH=${SHIPYARD_BUILD_DIR:?}/bin:$PATH
unset AZ_BATCH_TASK_SHARED_DIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
for words in 'openfoam/pitzdaily 30 --pnn 1' 'hpl/hpl 64M --pnn 1'; do
  rm -rf "$work/here"
  mkdir "$work/here"
  # shellcheck disable=SC2086  # several words
  (cd "$work/here" && sh "$root"/recipes/$words) >"$work/out" 2>"$work/err" </dev/null
  status=$?
  said=$(head -n 1 "$work/err") left=$(ls -A "$work/here")
  if [ "$status:$said:$left:$(cat "$work/out")" = "125:shipyard-mpirun: error: unknown option '--pnn'::" ]; then
    echo "ok    $words"
  else
    echo "FAIL  $words: exit status $status, left: $left"
    sed 's/^/      /' "$work/err" "$work/out"
    failures=$((failures + 1))
  fi
done

# accepts VERDICT STATUS SUMMARY: with a launcher whose --check says so and ends with that status.
accepts() {
  printf '#!/bin/sh\n[ "$1" = --check ] || exit 0\necho "the table"\necho "%s"\nexit %s\n' "$3" "$2" >"$work/bin/shipyard-mpirun"
  (cd "$work/here" && PATH=$work/bin:$PATH sh "$root/recipes/benchmarks/acceptance") >"$work/out" 2>&1 </dev/null
  said="$(grep -c '^the table$' "$work/out") $(grep '^nodes' "$work/out" | tr -s ' ') $(tail -n 1 "$work/out")"
  if [ "$said" = "$1" ]; then
    echo "ok    acceptance: $3"
  else
    echo "FAIL  acceptance: $3: $said"
    failures=$((failures + 1))
  fi
}
mkdir "$work/bin"
touch "$work/bin/shipyard-mpirun"
chmod +x "$work/bin/shipyard-mpirun"
accepts "0 nodes ok 4 nodes, all alike: nothing is in the way of a job accepted" 0 "4 nodes, all alike: nothing is in the way of a job"
accepts "1 nodes NO 4 nodes: 10.0.0.5 differs not accepted: nodes" 0 "4 nodes: 10.0.0.5 differs"
accepts "1 nodes NO 4 nodes: a job would fail on 10.0.0.5 not accepted: nodes" 120 "4 nodes: a job would fail on 10.0.0.5"
exit $((failures > 0))
