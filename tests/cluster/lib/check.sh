# Sourced by the cluster tests. A check prints what it found and what it wanted, and the script goes on to the next one;
# finish ends with 1 where any failed.
# shellcheck shell=bash
failures=0
checks=0

# check NAME ACTUAL EXPECTED
check() {
  checks=$((checks + 1))
  if [ "$2" = "$3" ]; then
    printf 'ok    %s\n' "$1"
  else
    failures=$((failures + 1))
    printf 'FAIL  %s\n  wanted: %s\n  found:  %s\n' "$1" "$3" "$2"
  fi
}

# check_contains NAME TEXT PART
check_contains() {
  checks=$((checks + 1))
  case "$2" in
    *"$3"*) printf 'ok    %s\n' "$1" ;;
    *)
      failures=$((failures + 1))
      printf 'FAIL  %s\n  wanted, as a part: %s\n  found: %s\n' "$1" "$3" "$2"
      ;;
  esac
}

# check_at_most NAME ACTUAL LIMIT (seconds; only where it bounds a hang)
check_at_most() {
  checks=$((checks + 1))
  if awk -v a="$2" -v b="$3" 'BEGIN{exit !(a <= b)}'; then
    printf 'ok    %s: %s s (at most %s)\n' "$1" "$2" "$3"
  else
    failures=$((failures + 1))
    printf 'FAIL  %s: %s s (at most %s)\n' "$1" "$2" "$3"
  fi
}

finish() {
  printf '%s checks, %s failed\n' "$checks" "$failures"
  [ "$checks" -gt 0 ] && [ "$failures" -eq 0 ]
  exit
}

skip() {
  printf 'skipped: %s\n' "$1"
  exit 77
}

now() { date +%s.%N; }
seconds_since() { awk -v a="$1" -v b="$(now)" 'BEGIN{printf "%.1f", b - a}'; }

# wait_until SECONDS COMMAND…: polls a condition; false when the time is over.
wait_until() {
  local end
  end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# freeze CONTAINER: docker pause, again where the engine has given up ("unable to freeze": processes are made as fast as they stop).
freeze() {
  local try
  for try in 1 2 3 4; do
    if docker pause "$1" >/dev/null 2>&1; then return; fi
    sleep $((try - 1))
  done
  docker pause "$1" >/dev/null
}
