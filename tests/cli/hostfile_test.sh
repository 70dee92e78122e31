#!/bin/bash
# shipyard-hostfile as a program: streams, exit statuses, files.
set -u
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-hostfile
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset AZ_BATCH_HOST_LIST AZ_BATCH_NODE_LIST CCP_NODES
failures=0

# expect NAME STATUS STDOUT STDERR COMMAND…
expect() {
  local name=$1 status=$2 output=$3 errors=$4
  shift 4
  "$@" >out 2>err </dev/null
  local got=$?
  if [ "$got" -ne "$status" ] || [ "$(cat out)" != "$output" ] || [ "$(cat err)" != "$errors" ]; then
    printf 'FAILED: %s\n  status %s, expected %s\n--- stdout\n%s\n--- expected\n%s\n--- stderr\n%s\n--- expected\n%s\n' \
      "$name" "$got" "$status" "$(cat out)" "$output" "$(cat err)" "$errors"
    failures=$((failures + 1))
  fi
}

check() {
  local name=$1
  shift
  if ! "$@"; then
    echo "FAILED: $name"
    failures=$((failures + 1))
  fi
}

expect 'AZ_BATCH_HOST_LIST becomes a hostfile' 0 $'10.0.0.4 slots=8\n10.0.0.5 slots=8' '' \
  env AZ_BATCH_HOST_LIST=10.0.0.4,10.0.0.5 "$tool" --slots 8
expect 'AZ_BATCH_NODE_LIST is next' 0 $'10.0.0.4:1\n10.0.0.5:1' '' \
  env 'AZ_BATCH_NODE_LIST=10.0.0.4;10.0.0.5' 'CCP_NODES=1 10.9.9.9 1' "$tool" --format hydra
expect 'CCP_NODES gives slots' 0 $'10.0.0.4 slots=1\n10.0.0.5 slots=16' '' \
  env 'CCP_NODES=2 10.0.0.4 1 10.0.0.5 16' "$tool"

expect 'a typo is shown under a caret' 2 '' \
  "shipyard-hostfile: error: AZ_BATCH_HOST_LIST: entry 2 is not an IPv4 address: each of its numbers is from 0 to 255
  10.0.0.4,10.0.0.256
                  ^" \
  env AZ_BATCH_HOST_LIST=10.0.0.4,10.0.0.256 "$tool" -o hostfile
expect 'a value that looks like an option is a value' 2 '' \
  "shipyard-hostfile: error: --hosts: entry 1 begins with '-', as an option of ssh does
  -oProxyCommand=touch
  ^" \
  "$tool" --hosts -oProxyCommand=touch -o hostfile
check 'nothing is written for bad input' test ! -e hostfile

head -c 1048576 /dev/zero | tr '\0' , >commas
"$tool" --hostfile commas -o hostfile >out 2>err
check 'a megabyte of commas is refused' test $? -eq 2
check 'and in few words' test "$(wc -c <err)" -lt 500
check 'and nothing is written' test ! -e hostfile

printf '10.0.0.4 slots=2\n10.0.0.5:3\n' >hosts
check 'a hostfile comes from standard input' \
  test "$("$tool" --hostfile - --format openmpi <hosts)" = $'10.0.0.4 slots=2\n10.0.0.5 slots=3'
check 'also from a pipe' \
  test "$(cat hosts | "$tool" --hostfile -)" = $'10.0.0.4 slots=2\n10.0.0.5 slots=3'

umask 077
"$tool" --hosts 10.0.0.4 -o hostfile
check 'the hostfile can be read by everyone' test "$(stat -c %a hostfile)" = 644
"$tool" --hosts 10.0.0.4 --format ssh-config -o config
check 'the ssh config by its owner only' test "$(stat -c %a config)" = 600

echo kept >old
expect 'a failure leaves the old file' 2 '' "shipyard-hostfile: error: --hosts: entry 2 is empty
  a,
    ^
hint: write HOST or HOST:SLOTS, with commas between" \
  "$tool" --hosts a, -o old
check 'as it was' test "$(cat old)" = kept

"$tool" --hosts a >/dev/full 2>err
check 'a full device is a failure' test $? -eq 1
check 'and is named' test "$(cat err)" = 'shipyard-hostfile: error: cannot write to standard output'
"$tool" --hosts "$(seq -f 10.0.1.%g -s , 1 250)" 2>err | true
check 'a reader that goes away ends it without a signal' \
  test "${PIPESTATUS[0]}" -ne 141
check '/dev/stdout is written to' test "$("$tool" --hosts a -o /dev/stdout | cat)" = 'a slots=1'
{ echo first; "$tool" --hosts a -o /dev/stdout; echo last; } >three
check 'also where it is a file' test "$(cat three)" = $'first\na slots=1\nlast'
"$tool" --hosts a -o /dev/null
check '/dev/null stays a device' test -c /dev/null

expect 'narrow terminals get a short excerpt' 2 '' \
  "shipyard-hostfile: error: --hosts: entry 4 is not an IP address or host name
  ...3,10.0.0.4;10.0.0.5,1...
               ^
hint: write HOST or HOST:SLOTS, with commas between" \
  env COLUMNS=30 "$tool" --hosts '10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4;10.0.0.5,10.0.0.6'

"$tool" --help >out 2>err
check 'help is a success' test $? -eq 0
check 'on standard output' test -s out -a ! -s err

[ "$failures" -eq 0 ]
