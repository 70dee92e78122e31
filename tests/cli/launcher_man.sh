#!/bin/bash
# Every option, variable and exit status of shipyard-mpirun --help stands in the man page, and the other way round.
# Usage: launcher_man.sh MAN-PAGE
source "$(dirname "$0")/launcher_common.sh"
page=$1

# Text without the marks of man(7): "\-\-ppn" is "--ppn".
sed -e 's/^\.[A-Z]*//' -e 's/\\f.//g' -e 's/\\-/-/g' "$page" >"$work/page"
launch --help
# Only the list: prose and examples name options of other programs, too.
awk '/^Every /{ exit } { print }' "$work/out" >"$work/help"
awk '/^\.SH OPTIONS/{ on = 1 } /^\.SH EXIT STATUS/{ on = 0 } on && after { print } { after = /^\.TP/ }' "$page" |
  sed -e 's/\\-/-/g' >"$work/tags"

# options FILE: at the heads of entries.
options() { grep -oE '(^|[ ,])--?[a-z][a-z-]*' "$1" | tr -d ' ,' | sort -u; }
grep -E '^ +-' "$work/help" | sed -E 's/^( +(-[a-zA-Z], )?--?[a-z-]+).*/\1/' >"$work/heads"
# An alias has no entry of its own in the help.
options "$work/tags" | grep -vx -- -np >"$work/in_page"
options "$work/heads" >"$work/in_help"
check "the help has its options" test "$(wc -l <"$work/in_help")" -gt 25
check "the same options: $(diff "$work/in_help" "$work/in_page" | grep '^[<>]' | tr '\n' ' ')" \
  cmp "$work/in_help" "$work/in_page"

variables() { grep -oE 'SHIPYARD_[A-Z_]+' "$1" | sort -u; }
variables "$work/help" >"$work/in_help"
variables "$work/page" | grep -vxE 'SHIPYARD_(LIFELINE|ATTEMPT|METADATA_URL)' >"$work/in_page"
check "the same variables: $(diff "$work/in_help" "$work/in_page" | grep '^[<>]' | tr '\n' ' ')" \
  cmp "$work/in_help" "$work/in_page"

grep -oE '^ +12[0-9] .*' "$work/out" | grep -oE '\b12[0-9]\b' | sort >"$work/in_help"
awk '/^\.SH EXIT STATUS/{ on = 1 } /^\.SH ENVIRONMENT/{ on = 0 } on' "$page" | grep -oE '^\.B 12[0-9]$' | tr -d '.B ' | sort >"$work/in_page"
check "the help has its exit statuses" test "$(wc -l <"$work/in_help")" -eq 8
check "the same exit statuses: $(diff "$work/in_help" "$work/in_page" | grep '^[<>]' | tr '\n' ' ')" \
  cmp "$work/in_help" "$work/in_page"

if command -v man >/dev/null; then
  LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>"$work/err" >/dev/null
  check "man(1) has nothing to complain about" test ! -s "$work/err"
fi
done_testing
