#!/bin/bash
# client_docs.sh DOCS: what the documents say of shipyard-submit is what it says itself: the keys of job files, the JSON
# Schema, the options and variables of the man page.
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
  check "the man page has $command" grep -q "^\.B shipyard\\\\-submit $command\$" "$docs/shipyard-submit.1"
done
check "no line of a help is wider than 80" test -z "$(awk 'length > 80' "$work/help")"
sed -e 's/\\-/-/g' "$docs/shipyard-submit.1" >"$work/page"
awk '/^\.SH OPTIONS/{ on = 1 } /^\.SH EXIT STATUS/{ on = 0 } on && after { print } { after = /^\.TP/ }' "$work/page" |
  grep -oE -- '--[a-z][a-z-]*' | sort -u >"$work/in_page"
grep -E '^ +(-[a-zA-Z], )?--' "$work/help" | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u >"$work/in_help"
check "the help has its options" test "$(wc -l <"$work/in_help")" -gt 20
check "the man page has the same options" diff "$work/in_help" "$work/in_page"
if command -v man >/dev/null; then
  LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$docs/shipyard-submit.1" 2>"$work/err" >/dev/null
  check "man(1) has nothing to complain about" test ! -s "$work/err"
fi
exit $((failures > 0))
