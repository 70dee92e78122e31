# Sourced by the tests of shipyard-mpirun: a directory of the test's own, checks, and ways to wait for an event.
# shellcheck shell=bash disable=SC2034  # what is set is for the tests
set -u

bin=${SHIPYARD_BUILD_DIR:?}/bin
mpirun_tool=$bin/shipyard-mpirun
test_directory=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/launcher.XXXXXX")
# What the launcher and mpirun put into TMPDIR is seen there, and nobody else's.
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
chmod 755 "$work"
chmod 1777 "$TMPDIR"
failures=0
marks=()

# The machine's own settings must not decide what is tested.
for name in $(compgen -e | grep -E '^(SHIPYARD_|AZ_BATCH_|CCP_NODES|OMPI_|PRTE_|PMIX_|OPAL_|HWLOC_)'); do
  unset "$name"
done

# survivors MARK: the processes of this script that carry this mark in their environment; other scripts run at the same
# time.
survivors() {
  local environ pid
  for environ in $(grep -lzaFx "LAUNCHER_TEST=$$.$1" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${environ#/proc/}
    pid=${pid%/environ}
    # A zombie is gone, and so is one that has ended since.
    [[ $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) =~ ^[^Z]$ ]] && echo "$pid"
  done
}

cleanup() {
  local mark pid
  for mark in "${marks[@]}"; do
    for pid in $(survivors "$mark"); do kill -KILL "$pid" 2>/dev/null; done
  done
  rm -rf "$work"
}
trap cleanup EXIT

# One server that greets as an sshd does, for all nodes: on a port of its own, which is in `port`.
greet_for_all_nodes() {
  coproc NODES { exec perl -MSocket -e '
    $| = 1; socket(my $s, PF_INET, SOCK_STREAM, 0) or die; bind($s, sockaddr_in(0, INADDR_ANY)) or die; listen($s, 16);
    print +(sockaddr_in(getsockname($s)))[0], "\n";
    my @held; while (accept(my $c, $s)) { syswrite($c, "SSH-2.0-OpenSSH_9.2p1\r\n"); push @held, $c }'; } 2>/dev/null
  nodes=$NODES_PID
  read -r -u "${NODES[0]}" port
  trap 'kill "$nodes" 2>/dev/null; cleanup' EXIT
}

fail() {
  echo "FAILED: $*"
  [[ -e $work/out ]] && head -c 4000 "$work/out" | sed 's/^/  stdout| /'
  [[ -e $work/err ]] && head -c 4000 "$work/err" | sed 's/^/  stderr| /'
  failures=$((failures + 1))
}

# check DESCRIPTION COMMAND…: the command is to succeed.
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then echo "ok: $what"; else fail "$what: $*"; fi
}

# launch ARGUMENTS…: shipyard-mpirun to its end. Sets status; fills out and err.
launch() {
  timeout --kill-after=5 100 "$mpirun_tool" "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}

# start MARK ARGUMENTS…: shipyard-mpirun in the background, as process $launcher. A shell has its background jobs
# ignore SIGINT, which is not how a terminal starts it.
start() {
  local mark=$1
  shift
  marks+=("$mark")
  env --default-signal=INT,QUIT "LAUNCHER_TEST=$$.$mark" "$mpirun_tool" "$@" >"$work/out" 2>"$work/err" <"${input:-/dev/null}" &
  launcher=$!
}

# ended LIMIT: waits for $launcher at most that many seconds. Sets status.
ended() {
  local end=$((SECONDS + $1))
  while [[ -d /proc/$launcher && $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$launcher/status" 2>/dev/null) != Z ]]; do
    if ((SECONDS > end)); then
      status=still-running
      kill -KILL "$launcher"
      wait "$launcher" 2>/dev/null
      return
    fi
    pause
  done
  wait "$launcher"
  status=$?
}

# none_left MARK LIMIT: no process with this mark is left, at most that many seconds from now.
none_left() {
  local end=$((SECONDS + $2))
  while [[ -n $(survivors "$1") ]]; do
    ((SECONDS <= end)) || return 1
    pause
  done
  return 0
}

# For loops that look for an event again and again: nothing is decided by its length.
pause() { read -r -t 0.05 <>"$work/never" || true; }
mkfifo "$work/never"

# A queue on which programs of the job announce themselves, and which the test reads.
mkfifo "$work/events"
exec 9<>"$work/events"
# await WORD: the next announcement is to be this one.
await() {
  local word=
  read -r -t 90 -u 9 word
  [[ $word == "$1" ]] || fail "waited for '$1', got '$word'"
}

no_run_directory() { [[ -z $(find "$TMPDIR" -maxdepth 1 -name 'shipyard-mpirun.*') ]]; }

# refused STATUS MESSAGE ARGUMENTS…: this exit status, this error in the first line, and nothing else done.
refused() {
  local expected=$1 message=$2
  shift 2
  launch "$@"
  if [[ $status -eq $expected && ! -s $work/out && $(head -n 1 "$work/err") == "shipyard-mpirun: error: $message" ]] &&
    no_run_directory; then
    echo "ok: $expected, $message"
  else
    fail "expected exit status $expected and '$message', got $status"
  fi
}

# program NAME: a shell script in $work from standard input.
program() {
  { echo '#!/bin/sh'; cat; } >"$work/$1"
  chmod 755 "$work/$1"
}

# need_mpirun: skips where no Open MPI is installed.
need_mpirun() {
  mpirun --version 2>/dev/null | grep -q 'Open MPI' || { echo "skipped: no Open MPI in PATH"; exit 77; }
}

done_testing() {
  ((failures == 0)) || echo "$failures failed"
  exit $((failures > 0))
}
