#!/bin/bash
# shipyard-local against an engine without containers.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-local
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/podman" "$work/none"
ln -s "$here/local_fake_engine" "$work/bin/docker"
ln -s "$here/local_fake_engine" "$work/podman/podman"
failures=0

fail() {
  echo "FAILED: $*"
  for file in out err log; do [ -s "$FAKE/$file" ] && sed "s/^/  $file| /" "$FAKE/$file"; done
  failures=$((failures + 1))
}
check() {
  local what=$1
  shift
  if "$@"; then echo "ok: $what"; else fail "$what: $*"; fi
}
# fresh: an engine that has nothing, and an empty TMPDIR.
cases=0
fresh() {
  cases=$((cases + 1))
  export FAKE=$work/fake.$cases TMPDIR=$work/tmp.$cases
  mkdir -p "$FAKE/containers" "$FAKE/networks" "$TMPDIR"
  : >"$FAKE/log"
}
local_tool() { PATH=$work/bin:$PATH timeout --kill-after=5 60 "$tool" "$@" >"$FAKE/out" 2>"$FAKE/err" </dev/null; status=$?; }
run() { local_tool run --image app --node-image vm "$@"; }
# start ARGUMENTS…: in the background; sets pid. Signals go to the tool itself.
start() {
  (PATH=$work/bin:$PATH; exec "$tool" run --image app --node-image vm "$@" >"$FAKE/out" 2>"$FAKE/err" </dev/null) &
  pid=$!
}
finish() { wait "$pid"; status=$?; }
await() { # await FILE REGEX: at most half a minute.
  local end=$((SECONDS + 30))
  until grep -qE -- "$2" "$FAKE/$1" 2>/dev/null; do
    [ $SECONDS -lt $end ] || { fail "no '$2' in $1"; return 1; }
    sleep 0.02
  done
}
settled() { while compgen -G "$FAKE/held*" >/dev/null; do sleep 0.02; done; }
# names_in DIRECTORY…: of all that is there, sorted
names_in() { find "$@" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd ' '; }
nothing_left() { [ -z "$(names_in "$FAKE/containers" "$FAKE/networks" "$TMPDIR")" ]; }
calls() { grep -cE -- "$1" "$FAKE/log"; }
says() { grep -qxF -- "$1" "$FAKE/err"; }

# --- a run ---
fresh
echo 'echo "$#:$1:$2"; exit 3' >"$FAKE/app"
run -n 2 -- ./my-app 'two words'
check "the exit status is the application's" [ $status = 3 ]
check "its output streams through, arguments whole" [ "$(cat "$FAKE/out")" = "2:./my-app:two words" ]
check "everything is removed" nothing_left
check "two nodes, two tasks" [ "$(calls '^docker run --detach')" = 4 ]
check "the application runs on the primary with the lifeline" \
  [ "$(calls '^docker exec --interactive --env SHIPYARD_LIFELINE=stdin shipyard-run-[0-9a-f]{8}-task-0 ./my-app two words$')" = 1 ]

# --- the key ---
# An engine's client that also shows what it was handed.
mkdir "$work/spy"
printf '%s\n' '#!/bin/bash' '[ "$1" != run ] || printf "%s\n" "${SHIPYARD_SSH_KEY:-none}" >>"$FAKE/keys"' \
  "exec $work/bin/docker \"\$@\"" >"$work/spy/docker"
chmod +x "$work/spy/docker"
spied() { PATH=$work/spy:$PATH timeout --kill-after=5 60 "$tool" "$@" >"$FAKE/out" 2>"$FAKE/err" </dev/null; status=$?; }
fresh
SHIPYARD_SSH_KEY=of-somebody spied run -v -n 2 --image app --node-image vm -- ./my-app
check "a run makes one key for all nodes" [ "$status:$(sort -u "$FAKE/keys" | wc -l)" = 0:1 ]
sort -u "$FAKE/keys" | base64 -d >"$FAKE/key" && chmod 600 "$FAKE/key"
check "an ed25519 key without a passphrase" grep -q '^ssh-ed25519 ' <(ssh-keygen -y -P '' -f "$FAKE/key")
check "tasks get it by its name" [ "$(calls '^docker run .*--env SHIPYARD_SSH_KEY --label')" = 2 ]
check "no command line and no message has it" [ "$(cat "$FAKE/log" "$FAKE/err" "$FAKE/out" | grep -cF "$(sort -u "$FAKE/keys")")" = 0 ]
check "nor does a file stay" nothing_left
cp "$FAKE/keys" "$work/former"
fresh
spied run -n 1 --image app --node-image vm -- ./my-app
check "the next run has another one" [ -s "$FAKE/keys" ] && ! cmp -s <(sort -u "$FAKE/keys") <(sort -u "$work/former")
fresh
spied run -v -n 1 --image app --node-image vm --env SHIPYARD_SSH_KEY=bXkgb3du -- ./my-app
check "the user's own key is handed over in its place" [ "$(sort -u "$FAKE/keys")" = bXkgb3du ]
check "and not on a command line either" [ "$(cat "$FAKE/log" "$FAKE/err" | grep -c bXkgb3du)" = 0 ]
fresh
ln -sf "$(command -v bash)" "$work/none/bash"
for program in cat sed grep basename ls touch rm mkdir env; do ln -sf "$(command -v $program)" "$work/none/$program"; done
PATH=$work/bin:$work/none "$tool" run -n 1 --image app --node-image vm -- ./my-app >"$FAKE/out" 2>"$FAKE/err" </dev/null
check "no ssh-keygen: what to do" diff "$FAKE/err" - <<'END'
shipyard-local: error: ssh-keygen is not installed, which makes the pool's key
hint: ./scripts/setup installs it (Debian's package openssh-client)
END
check "and nothing is left" nothing_left
rm "$work"/none/*

# --- failure at each step of the start ---
for step in 'network create' 'run .*node-1 ' 'exec .*node-0 ' 'run .*task-1 ' 'exec shipyard-.*task-1 '; do
  fresh
  echo "$step" >"$FAKE/fail"
  echo 'docker: Error response from daemon: no luck today.' >"$FAKE/says"
  run -n 2 --coordination true -- ./my-app
  check "failure at '$step': 125" [ $status = 125 ]
  check "failure at '$step': the engine's words" says '  no luck today.'
  check "failure at '$step': nothing is left" nothing_left
  check "failure at '$step': the application does not run" [ "$(calls 'exec --interactive')" = 0 ]
done
fresh
echo 'run .*task-1 ' >"$FAKE/fail"
echo 'docker: Error response from daemon: no luck today.' >"$FAKE/says"
echo 125 >"$FAKE/status"
run -n 2 -- ./my-app
check "the whole message of a failed start" diff -u "$FAKE/err" - <<END
shipyard-local: error: node 1: start the container of the task: exit status 125
  no luck today.
the log of $(grep -oE 'shipyard-run-[0-9a-f]+-task-1' "$FAKE/log" | head -1):
  sshd: Address already in use
hint: the image's entrypoint must stay: sshd in the foreground on port 23, as in images FROM shipyard/openmpi
END

# --- a container that dies at its start ---
fresh
local_tool up -n 2 --image app --node-image vm --name dying
grep -oE 'shipyard-dying-task-1' "$FAKE/log" | head -1 >"$work/dead"
fresh
cp "$work/dead" "$FAKE/dead"
local_tool up -n 2 --image app --node-image vm --name dying
check "a dead container is an error" [ $status = 125 ]
check "that says how it ended" says 'shipyard-local: error: shipyard-dying-task-1 has ended (exit status 7)'
check "and what it said" says '  sshd: Address already in use'
check "and leaves nothing" nothing_left

# --- interruptions ---
for step in 'network create' 'run .*node-0 ' 'exec .*node-1 ' 'run .*task-1 '; do
  for signal in INT TERM HUP; do
    fresh
    echo "$step" >"$FAKE/hold"
    start -n 2 -- ./my-app
    await log "$step" || break
    kill -s $signal "$pid"
    # Time for a tool that does not wait for the engine to go wrong.
    sleep 0.1
    touch "$FAKE/release"
    finish
    settled
    check "SIG$signal at '$step' ends by that signal" [ "$(kill -l $status 2>/dev/null)" = $signal ]
    check "SIG$signal at '$step' leaves nothing" nothing_left
    check "SIG$signal at '$step' starts no application" [ "$(calls 'exec --interactive')" = 0 ]
  done
done

fresh
echo 'run .*task-1 ' >"$FAKE/hold"
start -n 2 -- ./my-app
if await log 'run .*task-1 '; then
  kill -INT "$pid"
  kill -TERM "$pid"
  finish
  check "a second signal ends the wait for an engine that hangs" [ $status = 130 ]
  touch "$FAKE/release"
  settled
  run -n 1 -- ./my-app
  check "what the engine made too late is found by the next run" nothing_left
fi

fresh
echo 'echo up; cat; echo told; exit 9' >"$FAKE/app"
start -n 1 -- ./my-app
if await out up; then
  kill -TERM "$pid"
  finish
  check "SIGTERM closes the application's standard input" grep -qx told "$FAKE/out"
  check "the tool ends by SIGTERM" [ $status = 143 ]
  check "and leaves nothing" nothing_left
fi

fresh
echo 'echo up; exec sleep 600' >"$FAKE/app"
start -n 1 --kill-after 1 -- ./my-app
if await out up; then
  kill -INT "$pid"
  finish
  check "an application that does not end is left after --kill-after" [ $status = 130 ]
  check "with a note" says 'shipyard-local: note: SIGINT: the application has 1 s to end; a second one ends the wait'
  check "and nothing is left" nothing_left
fi

# --- subnets ---
fresh
echo 'network create' >"$FAKE/fail"
touch "$FAKE/once"
echo 'Error response from daemon: Pool overlaps with other one on this address space' >"$FAKE/says"
run -n 1 -- ./my-app
check "a subnet that somebody was quicker to take is replaced by another" \
  [ "$status:$(grep -oE 'network create --subnet [0-9./]+' "$FAKE/log" | sort -u | wc -l)" = 0:2 ]
fresh
echo 'network create' >"$FAKE/fail"
echo 'Error response from daemon: Pool overlaps with other one on this address space' >"$FAKE/says"
run -n 1 --subnet 10.99.0.0/24 -- ./my-app
check "a subnet of the user's is not" says 'shipyard-local: error: --subnet: 10.99.0.0/24 overlaps 10.99.0.0/24 (a network of docker)'
fresh
printf '{"Name":"office","Labels":{},"IPAM":{"Config":[{"Subnet":"10.99.0.0/16"}]}}' >"$FAKE/networks/office"
run -n 1 --subnet 10.99.3.0/24 -- ./my-app
check "an overlap is said before anything is made" \
  [ "$status:$(calls create):$(cat "$FAKE/err" | head -1)" = "125:0:shipyard-local: error: --subnet: 10.99.3.0/24 overlaps 10.99.0.0/16 (network 'office')" ]

# --- engines ---
fresh
echo ' ' >"$FAKE/fail"
echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >"$FAKE/says"
run --engine docker -- ./my-app
check "an engine that does not answer" diff -u "$FAKE/err" - <<'END'
shipyard-local: error: docker does not answer: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
hint: ./scripts/setup installs docker and starts it
END
check "is 125" [ $status = 125 ]
fresh
echo '^docker ' >"$FAKE/fail"
PATH=$work/podman:$PATH run -n 1 -- ./my-app
check "podman serves where docker does not answer" [ "$status:$(calls '^podman run')" = 0:2 ]
fresh
PATH=$work/none "$tool" run --image app -- ./my-app 2>"$FAKE/err"
check "no engine installed" says 'shipyard-local: error: neither docker nor podman is installed'

# --- images ---
fresh
echo app >"$FAKE/missing"
echo pull >"$FAKE/fail"
echo 'Error response from daemon: pull access denied for app' >"$FAKE/says"
run -- ./my-app
check "an image that cannot be had" says "shipyard-local: error: image 'app' is not on this machine and cannot be pulled:"
check "with the registry's answer" says '  pull access denied for app'
fresh
echo app >"$FAKE/missing"
run -n 1 -- ./my-app
check "an image that is elsewhere is pulled" [ "$status:$(calls '^docker pull --quiet app$')" = 0:1 ]
fresh
echo shipyard/node:latest >"$FAKE/missing"
local_tool run --image app -- ./my-app
check "our own images are built, not pulled" [ "$status:$(calls pull --quiet)" = 125:0 ]

# --- dry run ---
fresh
run -n 2 --dry-run -- ./my-app
check "a dry run asks the engine nothing" [ "$status:$(wc -l <"$FAKE/log")" = 0:0 ]
check "and makes nothing" nothing_left
check "and shows the application's command" grep -qE -- '-task-0 ./my-app$' "$FAKE/out"

fresh
mkdir "$TMPDIR/relative"
(cd "$TMPDIR" && TMPDIR=relative run -n 1 --dry-run -- ./my-app)
check "a relative TMPDIR becomes absolute: engines mount nothing else" \
  grep -q "type=bind,source=$TMPDIR/relative/shipyard-run-" "$FAKE/out"

# --- leftovers ---
leave() { # leave POOL KIND OWNER
  printf '{"Name":"shipyard-%s","Labels":{"shipyard.pool":"%s","shipyard.kind":"%s","shipyard.owner":"%s","shipyard.directory":"%s","shipyard.nodes":"1"},"IPAM":{"Config":[]}}' \
    "$1" "$1" "$2" "$3" "$TMPDIR/shipyard-$1" >"$FAKE/networks/shipyard-$1"
  printf '{"Name":"/c-%s","State":{"Running":true},"Config":{"Labels":{"shipyard.pool":"%s","shipyard.kind":"%s","shipyard.owner":"%s","shipyard.directory":"%s"}}}' \
    "$1" "$1" "$2" "$3" "$TMPDIR/shipyard-$1" >"$FAKE/containers/c-$1"
  mkdir -p "$TMPDIR/shipyard-$1/node-0/wd"
  touch "$TMPDIR/shipyard-$1/node-0/wd/file"
}
boot=$(cat /proc/sys/kernel/random/boot_id)
namespace=$(readlink /proc/self/ns/pid)
mine=$(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)
fresh
leave run-gone run "$boot/$namespace/$$/1"
leave run-live run "$boot/$namespace/$$/$mine"
leave kept up "$boot/$namespace/$$/1"
run -n 1 -- ./my-app
check "a later run removes the pool of a dead process, and no other" \
  [ "$(names_in "$FAKE/containers" "$TMPDIR")" = "c-kept c-run-live shipyard-kept shipyard-run-live" ]
check "and says so" says "shipyard-local: note: removed pool 'run-gone', left behind by process $$"
local_tool down --name run-live
check "down leaves a run that goes on alone" says \
  "shipyard-local: error: pool 'run-live' belongs to a running 'shipyard-local run', process $$"
local_tool status
check "status tells them apart" [ "$(awk 'NR > 1 { print $1, $3 }' "$FAKE/out" | tr '\n' ' ')" = "kept incomplete run-live incomplete " ]
fresh
leave run-gone run "$boot/$namespace/$$/1"
mkdir "$work/precious"
sed -i "s,$TMPDIR/shipyard-run-gone,$work/precious," "$FAKE"/*/*run-gone
local_tool down
check "a label does not decide which directory is removed" [ -d "$work/precious" ]

# --- up, exec, down ---
fresh
local_tool up -n 2 --image app --node-image vm
check "up says where the nodes are" grep -qE "^pool 'pool': ([0-9]+\.[0-9]+\.[0-9]+)\.4 \1\.5$" "$FAKE/out"
local_tool up -n 2 --image app --node-image vm
check "a second one of that name is refused" says "shipyard-local: error: there is a pool 'pool' already"
echo 'echo "$*"; exit 4' >"$FAKE/app"
local_tool exec --node 1 -- ./my-app -x
check "exec runs on the node asked for" [ "$status:$(cat "$FAKE/out"):$(calls 'exec --interactive --env SHIPYARD_LIFELINE=stdin shipyard-pool-task-1 ')" = "4:./my-app -x:1" ]
local_tool exec --node 2 -- ./my-app
check "there is no third node" says "shipyard-local: error: --node: pool 'pool' has the nodes 0 to 1"
echo cat >"$FAKE/app"
echo hello | PATH=$work/bin:$PATH "$tool" exec -i -- cat >"$FAKE/out" 2>"$FAKE/err"
check "exec -i hands on the input" [ "$(cat "$FAKE/out")" = hello ]
echo hello >"$work/input"
echo true >"$FAKE/app"
PATH=$work/bin:$PATH "$tool" exec -- ./my-app <"$work/input" >"$FAKE/out" 2>"$FAKE/err"
check "without it a file that nobody reads is said to be none" [ "$(grep -c 'note: standard input is not handed on to the command: -i does that' "$FAKE/err")" = 1 ]
local_tool exec -- ./my-app
check "where there is none, nothing is said" [ "$(grep -c 'standard input' "$FAKE/err")" = 0 ]
local_tool exec --name pol -- ./my-app
check "a typo in the name" says "hint: did you mean 'pool'?"
local_tool down
check "down removes it" [ $status = 0 ] && nothing_left
local_tool down
check "there is nothing to bring down any more" says "shipyard-local: error: there is no pool"

# --- serve: what is wrong is told at its start, before the engine is asked.
refuses() { # refuses WORDS OPTION…
  local words=$1
  shift
  fresh
  local_tool serve --listen 127.0.0.1:0 --state "$work/state.$cases" "$@"
  check "serve: $words" [ "$status:$(grep -cF -- "error: $words" "$FAKE/err"):$(wc -l <"$FAKE/log")" = 125:1:0 ]
}
refuses "--storage: '$work/nowhere' is not a directory" --storage "$work/nowhere"
refuses "--mount: '$work/nowhere' is not there" --mount "$work/nowhere:/data"
(umask 077 && echo 'no base64!' >"$work/bad_key")
refuses "'$work/bad_key': the key is no base64" --key-file "$work/bad_key"

[ $failures = 0 ] || { echo "$failures checks failed"; exit 1; }
