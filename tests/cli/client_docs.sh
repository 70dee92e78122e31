#!/bin/bash
# client_docs.sh DOCS: what the documents say of shipyard-submit is what it says itself: the keys of job files, the JSON
# Schema. Its man page is made from what it says.
set -u
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-submit
docs=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
check() {  # WHAT COMMAND…
  local what=$1
  shift
  if "$@"; then echo "ok    $what"; else echo "FAIL  $what"; failures=$((failures + 1)); fi
}

"$tool" schema --markdown >"$work/table"
sed -n '/^<!-- shipyard-submit schema --markdown -->$/,/^<!-- end -->$/p' "$docs/submit.md" | grep '^|' >"$work/in_docs"
check "docs/submit.md has the keys that 'schema --markdown' prints" diff "$work/in_docs" "$work/table"
"$tool" schema >"$work/schema"
check "docs/job-file.schema.json is what 'schema' prints" diff "$docs/job-file.schema.json" "$work/schema"

"$tool" --help >"$work/help"
for command in run submit render status logs terminate diagnose cleanup 'pool create' 'pool status' 'pool resize' \
  'pool delete' convert schema; do
  # shellcheck disable=SC2086  # two words
  "$tool" $command --help >>"$work/help" || echo "FAIL $command"
done
check "no line of a help is wider than 80" test -z "$(awk 'length > 80' "$work/help")"
exit $((failures > 0))
