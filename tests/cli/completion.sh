#!/bin/bash
# What bash offers at the end of a line, by the completions that are installed.
# Usage: completion.sh DIRECTORY
set -u
scripts=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir data other
touch job.yaml data/hosts
printf '#!/bin/sh\n' >my-program
chmod +x my-program
PATH=$PATH:$work
failures=0

for tool in shipyard-hostfile shipyard-local shipyard-mpirun shipyard-submit; do
  [ -e "$scripts/$tool" ] || continue
  # shellcheck source=/dev/null
  . "$scripts/$tool"
done
# shellcheck disable=SC2317  # called by the completions; the builtin is for those that bash itself has started
compopt() { :; }

# offers EXPECTED WORD…: the last word is the one at the cursor.
offers() {
  local expected=$1 function found
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  function=$(complete -p "$1" | sed 's/.* -F \([^ ]*\) .*/\1/')
  "$function" "$1" "${*: -1}" "${*: -2:1}"
  found=$(printf '%s\n' "${COMPREPLY[@]}" | sort -u | paste -sd ' ')
  if [ "$found" = "$expected" ]; then
    echo "ok    $*: $expected"
  else
    printf 'FAIL  %s\n  wanted: %s\n  found:  %s\n' "$*" "$expected" "$found"
    failures=$((failures + 1))
  fi
}

offers '--ppn' shipyard-mpirun --pp
offers 'core gpu hwthread l3 numa socket' shipyard-mpirun --ppn ''
offers 'l3' shipyard-mpirun --ppn = l
offers 'core gpu hwthread l3 numa socket' shipyard-mpirun --ppn =
offers 'auto' shipyard-mpirun -n 4 --threads ''
offers '' shipyard-mpirun -n ''
offers '' shipyard-mpirun -np ''
offers '--timeout' shipyard-mpirun -v -n 4 --ppn = 2 --timeo
offers 'data job.yaml my-program other' shipyard-mpirun --hostfile ''
offers 'data other' shipyard-mpirun --wdir ''
offers 'SIGUSR1 SIGUSR2' shipyard-mpirun --on-preempt SIGUS
SHIPYARD_TEST_OF_COMPLETION=1; export SHIPYARD_TEST_OF_COMPLETION
offers 'SHIPYARD_TEST_OF_COMPLETION' shipyard-mpirun -x SHIPYARD_TEST_OF
offers 'my-program' shipyard-mpirun --ppn l3 my-prog
offers 'my-program' shipyard-mpirun -n 4 -- my-prog
# Behind the program its own words: files, and nothing of ours.
offers 'job.yaml' shipyard-mpirun -n 4 my-program jo
offers '' shipyard-mpirun -n 4 my-program --ppn
offers '' shipyard-mpirun -- my-program --ppn

if [ -e "$scripts/shipyard-submit" ]; then
  offers 'render' shipyard-submit re
  offers 'create delete resize status' shipyard-submit pool ''
  offers '--shipyard-config' shipyard-submit pool create --shi
  offers 'job.yaml' shipyard-submit pool create jo
  offers 'auto az identity key secret' shipyard-submit run --sign-in ''
  offers 'job.yaml' shipyard-submit run -n 4 jo
  offers 'my-program' shipyard-submit run job.yaml -- my-pro
  offers 'data other' shipyard-submit convert ''
  offers '' shipyard-submit status ''
  offers '--follow' shipyard-submit logs --fo
  offers '' shipyard-submit render --fo
  offers '--help --version down exec run serve status up' shipyard-local ''
  offers 'docker podman' shipyard-local exec --engine ''
  offers 'my-program' shipyard-local run -n 2 --image jo my-pro
  offers '--interactive' shipyard-local exec --inter
  offers '' shipyard-local up --inter
  offers '' shipyard-local no-such-command ''
fi
offers 'hydra json openmpi ssh-config' shipyard-hostfile --format ''
offers 'job.yaml' shipyard-hostfile -o jo
exit $((failures > 0))
