#!/bin/bash
# --stage and --collect on two nodes without a container: each ssh runs its command in a mount namespace in which the directory of
# the job is that node's own; sshd is a banner, and mpirun starts the ranks here.
if [[ ${STAGE_TEST_NAMESPACE:-} != own ]]; then
  [[ $(id -u) -eq 0 ]] || { echo "skipped: mounts of the test's own need root"; exit 77; }
  why=$(unshare --mount mount -t tmpfs none /mnt 2>&1) || { echo "skipped: no mounts in a namespace: $why"; exit 77; }
  # What is mounted here goes with the last process.
  STAGE_TEST_NAMESPACE=own exec unshare --mount bash "$0" "$@"
fi
source "$(dirname "$0")/launcher_common.sh"
command -v perl >/dev/null || { echo "skipped: no perl for the nodes"; exit 77; }

# A copy that ordinary users can run, too.
cp -r "$bin" "$work/bin"
chmod -R a+rX "$work/bin"
mpirun_tool=$work/bin/shipyard-mpirun
mkdir "$work/fake" "$work/job" "$work/node"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/bash
[[ $* == --version ]] && { echo "mpirun (Open MPI) 4.1.4"; exit 0; }
while [[ $# -gt 0 && $1 != */shipyard-rank ]]; do shift; done
for ((rank = 0; rank < ${RANKS:-2}; rank++)); do OMPI_COMM_WORLD_RANK=$rank "$@" </dev/null || exit; done
FAKE
# ssh … HOST COMMAND. ON_NODE is a command of the test's that the node runs before.
cat >"$work/fake/ssh" <<'FAKE'
#!/bin/sh
for word; do last=$word; done
export COMMAND="$last"
exec unshare --mount sh -c 'mount --rbind "$NODE" "$JOB" && eval "${ON_NODE:-:}" && cd / && exec $AS_USER sh -c "$COMMAND"'
FAKE
: >"$work/fake/orted"
chmod 755 "$work"/fake/*
export NODE=$work/node JOB=$work/job PATH=$work/fake:$PATH AS_USER=''
program app <<<'exit "${APP_STATUS:-0}"'
cd "$JOB" || exit 1

greet_for_all_nodes
two=(--hosts "127.0.0.1,127.0.0.2" --ssh-port "$port" --oversubscribe --ppn 1 --bind-to none)
# The directories of both nodes as new.
anew() { find "$JOB" "$NODE" -mindepth 1 -delete; }
said() { grep -v '^shipyard-mpirun: note: host keys are not checked' "$work/err"; }
job() { launch "${two[@]}" "$@" "$work/app"; }
# says STATUS LINE…: of the job before, its exit status and all that it has said.
says() {
  local expected
  expected=$(printf '%s\n' "${@:2}")
  if [[ $status == "$1" && $(said) == "$expected" ]]; then
    echo "ok: $*"
  else
    fail "expected $1 and: $expected"
  fi
}
error='shipyard-mpirun: error:' note='shipyard-mpirun: note:'

echo "# there and back"
anew
mkdir -p case/deep
echo text >case/deep/file
job --stage case
says 0 "$note case (1 file, 5 bytes): brought to 1 node"
check "is on the node" test "$(cat "$NODE/case/deep/file")" = text
echo result >"$NODE/case/out"
job --stage case --collect 'case/out'
check "comes back" test "$status/$(cat "$JOB/collected/127.0.0.2/case/out")" = 0/result

echo "# a node that ends without a word"
anew
mkdir case
cat >"$work/mute" <<'MUTE'
mkdir "$COUNT" 2>/dev/null || { cat >/dev/null; exit 127; }
MUTE
COUNT=$work/mute.asked ON_NODE=". $work/mute" job --stage case
same='hint: the same version of shipyard-mpirun must be installed on every node'
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: it ended with exit status 127" "$same"

echo "# nodes that cannot be asked"
ON_NODE='echo "shipyard-mpirun: error: unknown option --node-stage" >&2; exit 125' job --stage case
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: shipyard-mpirun: error: unknown option --node-stage" "$same"
gone='echo "ssh: connect to host 127.0.0.2 port 22: No route to host" >&2; exit 255'
ON_NODE=$gone job --stage case
says 120 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: no route to host"
# One of two has this one's problem.
ON_NODE='mkdir "$COUNT" 2>/dev/null && exit 127; '$gone COUNT=$work/one.asked \
  launch --hosts 127.0.0.1,127.0.0.2,127.0.0.3 "${two[@]:2}" --stage case "$work/app"
check "each problem has its nodes, and one that stays ends it" eval 'test "$status" = 125 &&
  said | head -n 1 | sed "s/127.0.0.[23]/N/g; s/.* brought //" | tr ";" "\n" | sed "s/^ //" | sort | tr "\n" "|" |
  grep -qx "to N: it ended with exit status 127|to N: no route to host|"'

echo "# a login shell that prints without a line end"
anew
mkdir case
echo result >"$NODE/out"
ON_NODE='printf hello' job --stage case --collect out
check "is no harm" test "$status" = 0 -a -d "$NODE/case" -a -e collected/127.0.0.2/out

echo "# more entries than a pipe holds of what is asked about them"
anew
mkdir many
(cd many && seq 20000 | xargs touch)
job --stage many
says 0 "$note many (20000 files, 0 bytes): brought to 1 node"
job --stage many
says 0 "$note many (20000 files, 0 bytes): there already on 1 node"

echo "# what is there already"
anew
mkdir -p case/deep
echo text | tee case/file case/deep/file >/dev/null
job --stage case
echo result >"$NODE/case/deep/result"
job --stage case
says 0 "$note case (2 files, 10 bytes): there already on 1 node"
chmod 700 "$NODE/case/deep"
job --stage case
says 0 "$note case (2 files, 10 bytes): brought to 1 node"
check "results stay" test "$(cat "$NODE/case/deep/result")/$(stat -c %a "$NODE/case/deep")" = "result/$(stat -c %a case/deep)"
job --stage case
says 0 "$note case (2 files, 10 bytes): there already on 1 node"

echo "# a directory that changes while it is read"
anew
mkdir case "$work/changed"
echo text >case/file
# What tar says and how it ends where a file has become longer or shorter: its archive is whole.
cat >"$work/changed/tar" <<'TAR'
#!/bin/sh
/bin/tar "$@" || exit
[ "$1" != --create ] || { echo "tar: ./file: file changed as we read it" >&2; exit 1; }
TAR
chmod 755 "$work/changed/tar"
PATH=$work/changed:$PATH job --stage case
says 125 "$error --stage: $JOB/case cannot be read: ./file: file changed as we read it" "hint: DIR must not change meanwhile"
check "leaves nothing there" test -z "$(ls -A "$NODE")"

echo "# names"
anew
latin=$'caf\xe9'
mkdir "$latin" a:b
touch "$latin/file"
job --stage "$latin"
check "one that is no UTF-8 is the same there" test "$status" = 0 -a -e "$NODE/$latin/file"
job --stage "$latin:$JOB/t/$latin" --collect "$latin"
check "as a target, and as a pattern" test "$status" = 0 -a -e "$NODE/t/$latin/file" -a -e "collected/127.0.0.2/$latin/file"
rm -r collected
job --stage ./a:b
says 125 "$error --stage: ./a is not there: a colon ends DIR" "hint: ln -s ./a:b LINK; --stage LINK:TARGET"
job --stage a:b:/mnt/x
says 125 "$error --stage: a is not there: a colon ends DIR" "hint: ln -s a:b LINK; --stage LINK:/mnt/x"
ln -s ./a:b link
job --stage link:a:b
check "by a link" test "$status" = 0 -a -d "$NODE/a:b"

echo "# what is no file"
anew
mkdir -p case
mkfifo case/pipe
mknod case/device c 1 3
perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un("case/socket")) or die'
printf x | tee "case/-n" "case/*" "case/new
line" >/dev/null
job --stage case
says 0 "$note case (3 files, 3 bytes): brought to 1 node"
check "is left out, and nothing else" test "$(ls "$NODE/case" | tr '\n' ' ')" = "$(cd case && rm pipe device socket && ls | tr '\n' ' ')"
job --stage nosuch
says 125 "$error --stage: nosuch is not there" "hint: DIR of --stage DIR[:TARGET] is a directory on this node"
job --stage case:case/in
says 125 "$error --stage: one of $JOB/case and $JOB/case/in is within the other" "hint: give a TARGET beside it"
mkdir "$work/no-tar"
for tool in sh mount; do ln -s "$(command -v $tool)" "$work/no-tar"; done
ON_NODE="PATH=$work/no-tar" job --collect none
says 125 "$note --collect: nothing matches on 127.0.0.1" "$error --collect: not brought: 127.0.0.2: there is no tar" \
  "hint: install tar in the image; the program has ended well, and its results are still on these nodes"

echo "# a target that a link leads into the directory"
anew
mkdir -p case/sub other
ln -s "$JOB/case/sub" link
ln -s "$JOB/other" beside
job --stage case:"$JOB/link"
says 125 "$error --stage: one of DIR and $JOB/link is within the other on this node" \
  "hint: a link or a mount leads there: give a TARGET beside it"
job --stage case:"$JOB/beside/it"
check "one that leads beside it is fine" test "$status" = 0 -a -d "$JOB/other/it/sub" -a -d "$NODE/beside/it/sub"

echo "# a disk that fills"
anew
mkdir "$JOB/case" "$NODE/full" "$JOB/full"
head -c 3000000 /dev/urandom >"$JOB/case/big"
# Between the question and the sending somebody else has taken the room.
cat >"$work/take" <<'TAKE'
mkdir "$COUNT" 2>/dev/null || head -c 3500000 /dev/zero >"$JOB/full/other"
TAKE
mount -t tmpfs -o size=4m none "$NODE/full"
COUNT=$work/asked ON_NODE=". $work/take" job --stage case:"$JOB/full/case"
check "nothing is left" test "$(ls -A "$NODE/full")" = other
umount "$NODE/full"
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: no room left in $JOB/full/case" \
  "hint: --stage DIR:TARGET with a TARGET on a larger disk; on Azure Batch \$AZ_BATCH_NODE_SHARED_DIR is on the VM's"
anew
mkdir "$JOB/full"
# A name is no cause.
head -c 3000000 /dev/urandom >"$NODE/EOF.dat"
mount -t tmpfs -o size=2m none "$JOB/full"
job --collect EOF.dat --collect-to full/results
check "nothing half" test -z "$(ls -A "$JOB/full")"
umount "$JOB/full"
says 125 "$note --collect: nothing matches on 127.0.0.1" \
  "$error --collect: not brought: 127.0.0.2: no room left in $JOB/full/results on this node" \
  "hint: --collect-to names a directory on a larger disk; the program has ended well, and its results are still on these nodes"

anew
mkdir "$JOB/case" "$NODE/full" "$JOB/full"
head -c 2500000 /dev/urandom >"$JOB/case/big"
mount -t tmpfs -o size=4m none "$NODE/full"
mkdir "$NODE/full/case" "$NODE/full/"{,case/}.shipyard-stage.abcdef
for left in "$NODE/full/"{,case/}.shipyard-stage.abcdef/half; do head -c 1000000 /dev/zero >"$left"; done
job --stage case:"$JOB/full/case"
says 0 "$note case (1 file, 2.5 MB): brought to 2 nodes"
check "what killed ones have left beside and in the target has gone before" test "$(ls -A "$NODE/full" "$NODE/full/case" | tr '\n' ' ')" = \
  "$NODE/full: case  $NODE/full/case: big "
umount "$NODE/full"

echo "# an ordinary user"
user='setpriv --reuid=65534 --regid=65534 --clear-groups'
anew
mkdir -p case/a case/b case/ro/deep
touch case/ro/deep/file
echo new | tee case/a/f case/b/f >/dev/null
chmod 555 case/ro case/ro/deep
AS_USER=$user job --stage case
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: cannot write into $JOB: Permission denied" \
  "hint: give a TARGET that can be written to there"
mkdir -p "$NODE/case/a" "$NODE/case/b"
echo old | tee "$NODE/case/a/f" "$NODE/case/b/f" >/dev/null
chown -R 65534 "$NODE/case"
AS_USER=$user job --stage case
check "gets read-only directories, also where the target is there" \
  test "$status/$(cat "$NODE/case/a/f")/$(stat -c %a/%U "$NODE/case/ro/deep")" = 0/new/555/nobody
echo more >case/ro/deep/file
AS_USER=$user job --stage case
check "and again" test "$status/$(cat "$NODE/case/ro/deep/file")/$(stat -c %a "$NODE/case/ro/deep")" = 0/more/555
echo old >"$NODE/case/a/f"
chown root "$NODE/case/b"
echo newer | tee case/a/f case/b/f >/dev/null
AS_USER=$user job --stage case
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: cannot write $JOB/case/b: Permission denied" \
  "hint: give a TARGET that can be written to there"
check "a directory that is not theirs: nothing is half there, and nothing is left" test \
  "$(cat "$NODE/case/a/f")/$(find "$NODE" -name '.ship*')" = old/
mount --bind "$NODE/case/b" "$NODE/case/b"
job --stage case
umount "$NODE/case/b"
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: $JOB/case/b is a file system of its own there" \
  "hint: give another TARGET, or that directory one of its own: --stage may be repeated"
check "a mount below: nothing is half there" test "$(cat "$NODE/case/a/f")" = old
# fill_both: files of that name here, and older ones there.
fill_both() {
  anew
  mkdir -p case "$NODE/case"
  for name in a b c; do echo newer >"case/$name" && echo old >"$NODE/case/$name"; done
}
fill_both
chmod 1777 "$NODE/case"
chown 65534 "$NODE/case/a" "$NODE/case/c"
AS_USER=$user job --stage case
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: cannot write $JOB/case/b: Operation not permitted" \
  "hint: give a TARGET that can be written to there"
check "another user's file: nothing is half there" test "$(cat "$NODE/case/a")" = old
fill_both
mount --bind "$NODE/case/b" "$NODE/case/b"
job --stage case
umount "$NODE/case/b"
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: $JOB/case/b is mounted there" "hint: give another TARGET"
check "a file that is mounted: nothing is half there" test "$(cat "$NODE/case/a")" = old
anew
mkdir -p case "$NODE/case/lost+found"
echo text >case/file
chown 65534 "$NODE/case"
chmod 700 "$NODE/case/lost+found"
AS_USER=$user job --stage case
says 0 "$note case (1 file, 5 bytes): brought to 1 node"
AS_USER=$user job --stage case
says 0 "$note case (1 file, 5 bytes): there already on 1 node"
anew
mkdir -p case "$NODE/roots"
AS_USER=$user job --stage case:"$JOB/roots/new/case"
says 125 "$error --stage: $JOB/case cannot be brought to 127.0.0.2: cannot make $JOB/roots/new: Permission denied" \
  "hint: give a TARGET that can be written to there"
anew
mkdir -p case
touch case/closed
chmod 000 case/closed
chmod 755 "$JOB"
timeout 60 $user "$mpirun_tool" -n 1 --bind-to none --stage case:"$TMPDIR/theirs" "$work/app" >"$work/out" 2>"$work/err" </dev/null
status=$?
says 125 "$error --stage: $JOB/case cannot be read: ./closed: Cannot open: Permission denied" \
  "hint: who starts the job must be able to read all of DIR"
check "nothing is left" test -z "$(find "$TMPDIR" -name '.ship*' -o -name theirs)"

echo "# a launcher that was killed while results came"
anew
mkdir -p collected/.shipyard-stage.127.0.0.2.abc/half
echo x >"$NODE/out"
job --collect out
check "is no reason to refuse the next" test "$status/$(ls -A collected)" = 0/127.0.0.2
job --collect out
says 125 "$error --collect: $JOB/collected has something in it already" \
  "hint: move it away, or name another with --collect-to: results of two jobs are not mixed"

echo "# the directory that results go to"
for to in 'res[1]' 'r*' link/results "$work/job/beside/../results"; do
  anew
  mkdir real beside
  ln -s real link
  touch file
  job --collect . --collect '*' --collect 'link/*' --collect "$JOB/r*" --collect-to "$to"
  check "is not among them: $to" test "$status/$(cd "$to/127.0.0.1" && find . -name '.ship*' -o -name '127*' -o -name file | sort | tr '\n' ' ')" = "0/./file "
done

echo "# links"
anew
mkdir "$NODE/big" "$NODE/empty"
echo result | tee "$NODE/big/result" "$NODE/log.1" >/dev/null
ln -s big "$NODE/out"
ln -s log.1 "$NODE/log"
ln -s result "$NODE/big/link"
ln -s nowhere "$NODE/dangling"
job --collect out --collect log --collect 'l?g' --collect dangling
check "one that is named leads to what is brought" test \
  "$status/$(cat collected/127.0.0.2/log)/$(cat collected/127.0.0.2/out/link)/$(find collected -type l | tr '\n' ' ')" = \
  "0/result/result/collected/127.0.0.2/out/link "
rm -r collected
job --collect 'o*' --collect 'l*g'
check "one that a pattern has is brought itself" test "$status/$(find collected -type l | wc -l)" = 0/2
rm -r collected
job --collect dangling
says 0 "$note --collect: nothing matches on 127.0.0.1 and 127.0.0.2"

echo "# two results with one name"
anew
job --collect log --collect '{a,../log}'
says 125 "$error --collect: '..' in '{a,../log}': what it leads to could have the name of another result" \
  "hint: give an absolute pattern"
mkdir -p "$NODE$JOB" {"$JOB","$NODE"}/elsewhere
echo inner | tee "$NODE$JOB/log" >"$NODE/.hidden"
echo outer >"$NODE/log"
job --collect "${JOB#/}" --collect "$JOB/l*"
says 125 "$note --collect: nothing matches on 127.0.0.1" \
  "$error --collect: not brought: 127.0.0.2: $JOB/log and ${JOB#/} would have one name in the results" \
  "hint: collect them by two jobs, or keep one under another name; the program has ended well, and its results are still on these nodes"
job --wdir "$JOB/elsewhere" --collect '.*/.h*' --collect "$JOB/log" --collect-to "$JOB/c"
check "from the root they are below the node's name, and nothing leads up" test "$status/$(find c -type f)" = "0/c/127.0.0.2$JOB/log"

echo "# where nothing is brought"
anew
mkdir -p collected/earlier
job --dry-run --stage nosuch:/mnt/it --collect 'out*' --collect log
check "--dry-run says what would be" eval 'test "$status" = 0 &&
  grep -qx "# --stage: nosuch, as /mnt/it, is brought to every node that lacks it, before" "$work/out" &&
  grep -qx "# --collect: what matches .out\*. log is brought to collected after this." "$work/out"'
job --dry-run --json --stage nosuch:/mnt/it --collect 'out*'
check "so does --json" test "$status/$(jq -c '[.stage, .collect]' "$work/out")" = \
  '0/[[{"directory":"'"$JOB"'/nosuch","target":"/mnt/it"}],{"patterns":["out*"],"directory":"collected"}]'
rm -r collected
job --explain --collect 'out*'
check "and --explain before the job" grep -qx "# --collect: what matches .out\*. is brought to collected after this." "$work/err"
mkdir -p collected/earlier
SHIPYARD_COLLECT='out*' job --check
check "--check has no need for an empty directory" eval '! grep -q "has something in it" "$work/err" && grep -q "nothing is in the way" "$work/out"'

echo "# a signal while the directory is listed"
anew
mkdir -p case/hung
export EVENTS=$work/events
# A file system that never answers: whoever asks it waits.
cat >"$work/hang" <<'HANG'
require "syscall.ph";
sysopen(my $fuse, "/dev/fuse", 2) or exit 1;
my ($source, $at, $type, $options) = ("none", "$ENV{JOB}/case/hung", "fuse", "fd=" . fileno($fuse) . ",rootmode=40000,user_id=0,group_id=0");
syscall(SYS_mount(), $source, $at, $type, 0, $options) == 0 or exit 1;
open(my $events, ">", $ENV{EVENTS}); print $events "hangs\n"; close $events;
sleep;
HANG
perl "$work/hang" 2>"$work/hang.err" &
hang=$!
read -r -t 10 -u 9 word
if [[ $word == hangs ]]; then
  # LeakSanitizer would wait for the thread that waits.
  ASAN_OPTIONS=detect_leaks=0 start listing "${two[@]}" --stage case "$work/app"
  # Who waits for that file system is in state D.
  end=$((SECONDS + 20))
  until grep -qs '^State:.D' "/proc/$launcher/task/"*/status || ((SECONDS > end)); do pause; done
  kill -TERM "$launcher"
  ended 20
  says 143 "$error SIGTERM received while DIR of --stage was listed: nothing was started"
  kill "$hang"
  umount "$JOB/case/hung"
else
  echo "skipped: no FUSE here"
fi

echo "# a signal while results come"
anew
# An archive that begins and never ends, from a node that says so.
mkdir "$work/endless"
printf '#!/bin/sh\n/bin/tar -cf - /etc/passwd | head -c 600\necho sending >"$EVENTS"\nexec sleep 100\n' >"$work/endless/tar"
chmod 755 "$work/endless/tar"
many=127.0.0.1
for ((i = 2; i <= 20; i++)); do many+=,127.0.0.$i; done
touch "$NODE/out"
RANKS=20 ON_NODE="PATH=$work/endless:\$PATH" start ended --hosts "$many" "${two[@]:2}" --collect out --report "$work/report" "$work/app"
await sending
kill -TERM "$launcher"
ended 20
check "is what has ended the job" test "$status/$(jq -r .outcome.name "$work/report")" = 143/terminated
check "is said, with the nodes" grep -q "^$error SIGTERM received while results were brought: not brought: 127.0.0.10: ended before, 127.0.0.11: " "$work/err"
check "with what can be done" grep -qx 'hint: the program has ended well, and its results are still on these nodes' "$work/err"
check "all nodes are named, also those that had not been asked yet" test "$(jq '.collect | [.failed, .brought, .nothing, .shared] | flatten | length' "$work/report")" = 20
check "nothing is left" eval 'none_left ended 10 && test ! -e "$JOB/collected" && no_run_directory'
done_testing
