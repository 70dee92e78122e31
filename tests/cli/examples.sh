#!/bin/bash
# The examples that are installed are those of the documents.
# Usage: examples.sh ROOT
set -u
root=$1
failures=0
# block FILE LANGUAGE NUMBER: the text of a block of code.
block() { awk -v mark="\`\`\`$2" -v wanted="$3" '$0 == mark && ++n == wanted { on = 1; next } /^```$/ { on = 0 } on' "$1"; }
same() {  # EXAMPLE DOCUMENT LANGUAGE NUMBER
  if diff "$root/package/examples/$1" <(block "$root/$2" "$3" "$4"); then
    echo "ok    $1"
  else
    echo "FAIL  $1 is not what $2 has"
    failures=$((failures + 1))
  fi
}
same pi.c README.md c 1
same Dockerfile README.md dockerfile 2
same job.yaml docs/submit.md yaml 1
exit $((failures > 0))
