#!/bin/bash
# What shellcheck warns of in the project's shell scripts, whether it is their name that says that they are, or their first line: nothing.
#
# usage: shellcheck.sh [SOURCES]
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"
command -v shellcheck >/dev/null || { echo "skipped: shellcheck is not installed: run scripts/setup"; exit 77; }

# Outside of a git checkout all but what was built.
files() {
  git ls-files --cached --others --exclude-standard 2>/dev/null ||
    find . \( -name .git -o -name 'build*' -type d -o -name 'cmake-build-*' \) -prune -o -type f -print
}
shell='^#!.*[/ ](ba|da)?sh( |$)'
scripts=()
while IFS= read -r file; do
  [ -f "$file" ] || continue
  first=
  case ${file##*/} in
    *.sh) scripts+=("$file") ;;
    *.*) ;;
    *)
      IFS= read -r first <"$file" || true
      [[ ! $first =~ $shell ]] || scripts+=("$file")
      ;;
  esac
done < <(files)
echo "${#scripts[@]} scripts"
[ ${#scripts[@]} != 0 ]
printf '%s\0' "${scripts[@]}" |
  xargs -0 -n 8 -P "$(nproc)" shellcheck --external-sources --source-path=SCRIPTDIR --source-path=tests/cluster --severity=warning
