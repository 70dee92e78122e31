#!/bin/bash
# shipyard-mpirun told to end, on this machine alone: in bounded time, with nothing left.
source "$(dirname "$0")/launcher_common.sh"
cd "$work" || exit 1
export EVENTS=$work/events
two=(-n 2 --oversubscribe)

# Announces itself; what mpirun's SIGTERM does to it is the test's choice.
program waits <<<'echo ready >"$EVENTS"; exec sleep 1000'
program says_bye <<<'trap "echo bye >\"$EVENTS\"; exit 0" TERM; echo ready >"$EVENTS"; while :; do sleep 1000 & wait; done'
program stubborn <<<'trap "" TERM INT HUP; echo ready >"$EVENTS"; while :; do sleep 1000; done'
# An mpirun that does not end, with a rank beside it.
mkdir fake
cat >fake/mpirun <<'FAKE'
#!/bin/bash
[[ $* == --version ]] && { echo "mpirun (Open MPI) 5.0.7"; exit 0; }
trap 'echo term >"$EVENTS"' TERM
trap 'echo int >"$EVENTS"' INT
while [[ $1 != */shipyard-rank ]]; do shift; done
OMPI_COMM_WORLD_RANK=0 setsid "$@" &
while :; do wait; sleep 1000 & done
FAKE
chmod 755 fake/mpirun

# gone MARK LIMIT: the launcher has ended, and nothing of it is left.
gone() {
  check "no process is left" none_left "$1" "$2"
  check "no run directory is left" no_run_directory
}
# says LINE: the launcher's own word.
says() { check "it says: $1" grep -qx "shipyard-mpirun: error: $1" err; }

if mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
  for signal in TERM:143 INT:130 HUP:129 QUIT:131; do
    echo "# SIG${signal%:*}"
    start "sig${signal%:*}" "${two[@]}" ./waits
    await ready
    await ready
    kill -"${signal%:*}" "$launcher"
    ended 25
    check "${signal#*:}" test "$status" -eq "${signal#*:}"
    says "SIG${signal%:*} received: the job was ended"
    gone "sig${signal%:*}" 15
  done

  echo "# a program with a handler"
  start handler -n 1 ./says_bye
  await ready
  kill -TERM "$launcher"
  await bye
  ended 25
  check "143, though the program ended with 0" test "$status" -eq 143
  gone handler 15

  echo "# a program that ignores SIGTERM"
  start stubborn "${two[@]}" --kill-after 2s ./stubborn
  await ready
  await ready
  kill -TERM "$launcher"
  ended 30
  check "143" test "$status" -eq 143
  gone stubborn 15

  echo "# nobody reads standard error"
  program prattles <<<'head -c 1000000 /dev/zero | tr "\0" x | fold -w 3000 >&2 & echo ready >"$EVENTS"; exec sleep 1000'
  mkfifo stalled
  exec 6<>stalled
  marks+=(stalled)
  env --default-signal=INT,QUIT "LAUNCHER_TEST=$$.stalled" "$mpirun_tool" "${two[@]}" --node-timeout 1s ./prattles >out 2>stalled </dev/null &
  launcher=$!
  await ready
  await ready
  # Longer than nodes may be silent: the ranks must still be there.
  read -r -t 3 <>never
  check "the job goes on" eval '[[ $(survivors stalled | wc -l) -gt 3 ]]'
  kill -TERM "$launcher"
  ended 25
  check "and ends when it is told to: 143" test "$status" -eq 143
  exec 6>&-
  gone stalled 15

  echo "# nobody reads standard error, and what mpirun has said is to be shown there"
  mkdir talks
  printf '#!/bin/bash\n[[ $* == --version ]] && { echo "mpirun (Open MPI) 5.0.7"; exit 0; }\nhead -c 200000 /dev/zero | tr "\\0" x | fold >&2\nexit 7\n' >talks/mpirun
  chmod 755 talks/mpirun
  exec 6<>stalled
  marks+=(unread)
  env --default-signal=INT,QUIT "LAUNCHER_TEST=$$.unread" PATH="$work/talks:$PATH" "$mpirun_tool" -n 1 true >out 2>stalled </dev/null &
  launcher=$!
  read -r -t 2 <>never
  check "it waits for a reader" kill -0 "$launcher"
  kill -TERM "$launcher"
  ended 15
  check "and ends when it is told to, with the status of the failure: 121" test "$status" -eq 121
  exec 6>&-
  gone unread 15

  echo "# SIGKILL for the launcher"
  start killed "${two[@]}" ./waits
  await ready
  await ready
  kill -KILL "$launcher"
  wait "$launcher" 2>/dev/null
  check "its ranks and mpirun are gone within 15 s" none_left killed 15
  rm -rf "$TMPDIR"/shipyard-mpirun.*

  echo "# SIGKILL for mpirun"
  start mpirun_killed "${two[@]}" ./waits
  await ready
  await ready
  for pid in $(survivors mpirun_killed); do
    [[ $(cat "/proc/$pid/comm") =~ ^(mpirun|orterun|prterun) ]] && kill -KILL "$pid"
  done
  ended 30
  check "no success" test "$status" -ne 0
  gone mpirun_killed 15

  echo "# the lifeline"
  mkfifo life
  exec 7<>life
  input=$work/life SHIPYARD_LIFELINE=stdin start lifeline "${two[@]}" ./waits 7>&-
  await ready
  await ready
  echo "words do not matter" >&7
  exec 7>&-
  ended 25
  check "143 at its end" test "$status" -eq 143
  says 'standard input ended (SHIPYARD_LIFELINE): the job was ended'
  gone lifeline 15
else
  echo "skipped: the real mpirun's part (no Open MPI in PATH)"
fi

export PATH=$work/fake:$PATH
echo "# an mpirun that does not end"
start frozen -n 1 --kill-after 500ms ./waits
await ready
kill -TERM "$launcher"
await term
ended 25
check "it is killed after --kill-after: 143" test "$status" -eq 143
gone frozen 15

echo "# a second signal"
start hurried -n 1 --kill-after 1h ./waits
await ready
kill -INT "$launcher"
await term
kill -INT "$launcher"
ended 25
check "it is killed at once: 130" test "$status" -eq 130
gone hurried 15

echo "# an mpirun that does not end, and a rank that does not either"
start both -n 1 --kill-after 500ms ./stubborn
await ready
kill -TERM "$launcher"
await term
ended 30
check "143" test "$status" -eq 143
gone both 15

echo "# a rank that is lost while mpirun goes on"
program loses <<<'echo ready >"$EVENTS"; kill -KILL $PPID; exec sleep 1000'
start lost -n 1 --kill-after 500ms ./loses
await ready
await term
ended 40
check "122" test "$status" -eq 122
check "the rank is named" grep -q '^shipyard-mpirun: error: rank 0 on .* never said how it ended: it was killed, and shipyard-rank beside it$' err
gone lost 15

done_testing
