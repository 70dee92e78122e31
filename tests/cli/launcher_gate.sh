#!/bin/bash
# shipyard-mpirun waiting for sshd: nodes are addresses of loopback, and mpirun is one that writes down that it ran.
source "$(dirname "$0")/launcher_common.sh"
command -v perl >/dev/null || { echo "skipped: no perl for the nodes"; exit 77; }

mkdir "$work/fake"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/sh
[ "$*" = --version ] && { echo "mpirun (Open MPI) 4.1.4"; exit 0; }
printf '%s\n' "$@" >"$STARTED"
for word in "$@"; do case $word in "ssh -F "*) cp "${word#ssh -F }" "$STARTED.config" ;; esac; done
exit 1
FAKE
chmod 755 "$work/fake/mpirun"
export STARTED=$work/started PATH=$work/fake:$PATH
program app <<<'exit 0'
cd "$work" || exit 1

# node ADDRESS PORT WORDS: a server that says these words to everyone, and "asked" to the test. Sets port (PORT 0: one
# of the kernel's choice) and node.
node() {
  coproc NODE { exec perl -MSocket -e '
    $| = 1; my ($address, $port, $words) = @ARGV;
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, sockaddr_in($port, inet_aton($address))) or die "bind: $!"; listen($s, 16);
    print +(sockaddr_in(getsockname($s)))[0], "\n";
    open(my $events, ">", $ENV{EVENTS}) or die; select($events); $| = 1;
    my @held;
    while (accept(my $c, $s)) { syswrite($c, $words); print $events "asked\n"; push @held, $c }' "$@"; } 2>/dev/null
  read -r -u "${NODE[0]}" port
  node=$NODE_PID
}
export EVENTS=$work/events
# Ends it; a node may have been asked again in the meantime.
leave() {
  kill "$node" 2>/dev/null
  wait "$node" 2>/dev/null
  while read -r -t 0.01 -u 9; do :; done
}

# Nobody listens on port 1 of loopback (tcpmux).
two=(--hosts "127.0.0.1,127.0.0.2" --oversubscribe --ppn 1)
echo "# a node that is not there"
start refusing "${two[@]}" --ssh-port 1 --wait 300ms ./app
ended 30
check "120" test "$status" -eq 120
check "one line says how many, the port and the time" \
  grep -qx 'shipyard-mpirun: error: 1 of 1 nodes: no sshd answered on port 1 within 0.3 s' "$work/err"
check "one line names the node and what it said" grep -qx '  127.0.0.2: connection refused' "$work/err"
check "a hint says where to look" grep -q '^hint: nothing listens there: did the coordination command' "$work/err"
check "mpirun was not started, nothing is left" eval 'test ! -e "$STARTED" && no_run_directory'
start many --hosts "127.0.0.1$(printf ',127.0.1.%s' {1..40})" --oversubscribe --ppn 1 --ssh-port 1 --wait 100ms ./app
ended 30
check "of many, the first ten are named and the rest counted" \
  eval 'grep -qx "  connection refused, 40 nodes:" "$work/err" && grep -q "^    127.*127.0.1.10 and 30 more$" "$work/err" &&
    test "$(grep -o "127\.0\.1\.[0-9]*" "$work/err" | wc -l)" -eq 10'

echo "# a node that is no sshd"
node 127.0.0.2 0 $'220 mail.example ESMTP\r\n'
start mail "${two[@]}" --ssh-port "$port" --wait 500ms ./app
ended 30
await asked
leave
check "120, and what it said" eval \
  'test "$status" -eq 120 && grep -qx "  127.0.0.2: answers, but is no ssh server: \"220 mail.example ESMTP\"" "$work/err"'
check "a hint at what has the port" grep -q "^hint: something else than the container's sshd has port $port: " "$work/err"

echo "# a terminal"
node 127.0.0.2 0 $'SSH-2.0-OpenSSH_9.2p1\r\n'
cat >"$work/in-terminal" <<END
stty cols 80
exec "$mpirun_tool" --hosts 127.0.0.1,127.0.0.2,127.0.0.3 --oversubscribe --ppn 1 --ssh-port $port --wait 1500ms ./app
END
script --quiet --return --command "bash '$work/in-terminal'" "$work/typescript" >/dev/null </dev/null
status=$?
await asked
leave
# The line is written anew over and over, with a carriage return before it and "erase to the end" behind.
tr '\r' '\n' <"$work/typescript" | sed 's/\x1b\[K$//' >"$work/out"
check "120" test "$status" -eq 120
check "it says how many are ready and how long it goes on waiting" \
  grep -qE '^waiting for sshd: 1 of 2 nodes ready, 2 s left' "$work/out"
check "and who is missing, and why" \
  grep -qx 'waiting for sshd: 1 of 2 nodes ready, 1 s left; 127.0.0.3: connection refused' "$work/out"
check "in less than the terminal's width" eval '! grep -qE "^waiting.{73}" "$work/out"'
# shown: what stands on the terminal in the end, without colours.
shown() {
  perl -ne 's/\r*\n$//; s/\e\[[0-9;]*m//g; my ($line, $at) = ("", 0);
    for (split /(\r|\e\[K)/) {
      if ($_ eq "\r") { $at = 0 } elsif ($_ eq "\e[K") { substr($line, $at) = "" }
      else { substr($line, $at, length) = $_; $at += length } }
    print "$line\n"' "$work/typescript"
}
check "in the end the error stands in its place" eval \
  '! shown | grep -q waiting && shown | grep -qx "shipyard-mpirun: error: 1 of 2 nodes: no sshd answered on port $port within 1.5 s"'

echo "# a node that comes up late, and a terminal"
node 127.0.0.2 0 $'SSH-2.0-OpenSSH_9.2p1\r\n'
first=$node
sed -i 's/--wait 1500ms/--wait 60s/; s/--ssh-port [0-9]*/--ssh-port '"$port"'/' "$work/in-terminal"
marks+=(late)
LAUNCHER_TEST=$$.late script --quiet --return --flush --command "bash '$work/in-terminal'" "$work/typescript" >/dev/null </dev/null &
launcher=$!
await asked
end=$((SECONDS + 30))
until grep -q '1 of 2 nodes ready, .* s left; 127.0.0.3: connection refused' "$work/typescript" || ((SECONDS > end)); do pause; done
check "it is said to be missing" grep -q '1 of 2 nodes ready, .* s left; 127.0.0.3: connection refused' "$work/typescript"
node 127.0.0.3 "$port" $'SSH-2.0-OpenSSH_9.2p1\r\n' 2>/dev/null  # bash warns of a second coprocess
end=$((SECONDS + 30))
until [[ -e $STARTED ]] || ((SECONDS > end)); do pause; done
check "mpirun is started" test -e "$STARTED"
kill "$first"  # else ssh, which asks them why this mpirun failed, waits for them
leave
ended 60
check "and of the wait nothing stands on the terminal" eval '! shown | grep -q -e waiting -e asking'
rm -f "$STARTED"

echo "# nodes that are ready"
node 127.0.0.2 0 $'SSH-2.0-OpenSSH_9.2p1\r\n'
start ready "${two[@]}" --ssh-port "$port" --wait 60s -v ./app
ended 60
await asked
leave
check "mpirun is started" test -e "$STARTED"
check "-v says how long it took" grep -qE '1 nodes ready after [0-9]+ ms' "$work/err"
check "mpirun's ssh has a config of the job's own" grep -q '^ssh -F .*/ssh_config$' "$STARTED"
check "which ssh itself reads as meant" \
  eval 'ssh -G -F "$STARTED.config" 127.0.0.2 | grep -qx "port $port"'
check "this node was not asked" test -z "$(grep -h '127.0.0.1' "$work/err" | grep -v mpirun)"
rm -f "$STARTED"
start alone --hosts 127.0.0.1 --ssh-port 1 --wait 100ms -n 1 ./app
ended 30
check "a job on this node alone waits for nobody" test -e "$STARTED"
rm -f "$STARTED"

export GO=$work/go
mkfifo "$GO"
# A queue whose other end this shell holds open: its end is the end of standard input.
mkfifo "$work/life"

for signal in INT:130 TERM:143 HUP:129; do
  echo "# SIG${signal%:*} while nodes are waited for"
  node 127.0.0.2 0 ''
  start cancelled "${two[@]}" --ssh-port "$port" --wait 10m ./app
  await asked
  kill -"${signal%:*}" "$launcher"
  ended 20
  leave
  check "${signal#*:}" test "$status" -eq "${signal#*:}"
  check "one line says so" \
    grep -qx "shipyard-mpirun: error: SIG${signal%:*} received while waiting for the nodes: nothing was started" "$work/err"
  check "nothing was started, nothing is left" eval 'test ! -e "$STARTED" && no_run_directory && none_left cancelled 5'
done

echo "# the end of the lifeline while nodes are waited for"
node 127.0.0.2 0 ''
exec 7<>"$work/life"
input=$work/life SHIPYARD_LIFELINE=stdin start lifeline "${two[@]}" --ssh-port "$port" --wait 10m ./app 7>&-
await asked
exec 7>&-
ended 20
leave
check "143" test "$status" -eq 143
check "nothing was started" test ! -e "$STARTED"

echo "# a child of the former life of this process"
# `exec shipyard-mpirun` in a shell with a background job: that one's end is none of the launcher's business.
node 127.0.0.2 0 ''
marks+=(orphan)
env "LAUNCHER_TEST=$$.orphan" bash -c 'exec 8<>"$GO"; { read -r -u 8; echo orphan >"$EVENTS"; } & exec "$@" 8<&-' - \
  "$mpirun_tool" "${two[@]}" --ssh-port "$port" --wait 2s ./app >"$work/out" 2>"$work/err" </dev/null &
launcher=$!
await asked
echo >"$GO"
await orphan
ended 30
leave
check "its end does not end the wait" test "$status" -eq 120

echo "# nohup"
node 127.0.0.2 0 ''
marks+=(nohup)
LAUNCHER_TEST=$$.nohup nohup "$mpirun_tool" "${two[@]}" --ssh-port "$port" --wait 2s ./app >"$work/out" 2>"$work/err" </dev/null &
launcher=$!
await asked
kill -HUP "$launcher"
ended 30
leave
check "SIGHUP is ignored where it was" test "$status" -eq 120
check "without a terminal nothing is said of the wait" eval '! grep -q "sshd: " "$work/err"'

done_testing
