#!/bin/bash
# The scripts of recipes end where the launcher refuses its options: with its words and its exit status, and without a trace.
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
exit $((failures > 0))
