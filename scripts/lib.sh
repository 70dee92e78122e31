# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # used by the scripts
logs=$root/build/logs

note() { printf '%s: %s\n' "${0##*/}" "$1" >&2; }

fail() {  # MESSAGE [HINT]
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

# What runs at the moment of a Ctrl-C has had the signal too, and cleans up after itself.
interrupted() {  # SIGNAL
  printf '\n%s: %s\n' "${0##*/}" "$([ "$1" = INT ] && echo interrupted || echo terminated)"
  exit $((128 + $(kill -l "$1")))
}
trap 'interrupted INT >&2' INT
trap 'interrupted TERM >&2' TERM

usage_of() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }

usage_error() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  printf "Try '%s --help'\n" "$0" >&2
  exit 2
}

# The container engine that answers: docker, or podman where docker does not. Fails silently where none does.
# It is asked for its containers, because the exit status of `docker info` differs between versions.
find_engine() {
  local candidate
  for candidate in docker podman; do
    if command -v "$candidate" >/dev/null && timeout 20 "$candidate" ps --quiet >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

require_engine() {
  find_engine || fail 'neither docker nor podman answers' 'run scripts/setup: it installs and starts an engine'
}

# debian12 -> bookworm, debian13 -> trixie
suite_of() {
  case $1 in
    debian12) echo bookworm ;;
    debian13) echo trixie ;;
    *) return 1 ;;
  esac
}

# The base image of a Debian suite: what is here, else from the registry, else made from the package mirror.
base_image() {  # ENGINE SUITE
  local engine=$1 suite=$2 image
  for image in "debian:$suite-slim" "shipyard-base:$suite"; do
    if "$engine" image inspect "$image" >/dev/null 2>&1; then echo "$image"; return; fi
  done
  note "pulling debian:$suite-slim"
  if timeout --foreground 60 "$engine" pull "docker.io/library/debian:$suite-slim" >"$logs/pull-$suite.log" 2>&1; then
    echo "docker.io/library/debian:$suite-slim"
    return
  fi
  note "no registry answers; making shipyard-base:$suite from the package mirror (half a minute)"
  "$root/scripts/make-base-image" "$suite"
}

project_version() { sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt"; }
