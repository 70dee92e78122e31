#!/bin/bash
# The ssh config in the eyes of the real ssh: `ssh -G` prints the settings that it would use for a host.
set -u
command -v ssh >/dev/null || { echo 'ssh is not installed'; exit 77; }
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-hostfile
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# setting CONFIG HOST KEYWORD
setting() { ssh -T -G -F "$1" "$2" 2>err | awk -v key="$3" '$1 == key { sub(/^[^ ]+ /, ""); print }'; }

# expect CONFIG HOST KEYWORD VALUE
expect() {
  local got
  got=$(setting "$1" "$2" "$3")
  [ "$got" = "$4" ] || fail "$1, $2: $3 is '$got', expected '$4'"
  [ -s err ] && fail "$1, $2: ssh says: $(cat err)"
  return 0
}

"$tool" --hosts 10.0.0.4,10.0.0.5 --format ssh-config -o two || fail 'two hosts'
for host in 10.0.0.4 10.0.0.5; do
  expect two "$host" port 23
  expect two "$host" stricthostkeychecking false
  expect two "$host" userknownhostsfile /dev/null
  expect two "$host" globalknownhostsfile /dev/null
  expect two "$host" batchmode yes
  expect two "$host" loglevel ERROR
  expect two "$host" preferredauthentications publickey
  expect two "$host" forwardagent no
  expect two "$host" forwardx11 no
  expect two "$host" compression no
  expect two "$host" connecttimeout 10
  expect two "$host" serveraliveinterval 15
  expect two "$host" serveralivecountmax 3
  case $(setting two "$host" kexalgorithms) in
    curve25519-sha256,*) ;;
    *) fail "$host: the key exchange does not begin with curve25519" ;;
  esac
  case $(setting two "$host" ciphers) in
    aes128-gcm@openssh.com,*) ;;
    *) fail "$host: the cipher is not AES-GCM" ;;
  esac
done
for host in 10.0.1.4 10.0.0 172.16.3.4 example.com; do expect two "$host" port 22; done

"$tool" --hosts 10.0.0.4,10.1.0.5,172.16.3.4,fd00::4,node-1.example --format ssh-config -o mixed || fail mixed
for host in 10.0.0.4 10.1.0.5 10.9.9.9 172.16.3.4 fd00::4 node-1.example; do expect mixed "$host" port 23; done
for host in 172.16.3.5 fd00::5 node-2.example; do expect mixed "$host" port 22; done

"$tool" --hosts 10.0.0.4 --format ssh-config --ssh-port 2222 --ssh-user alice --ssh-host-pattern '10.*' -o own ||
  fail own
expect own 10.200.0.1 port 2222
expect own 10.200.0.1 user alice

# A key in a directory of an odd name is found: ssh has read its type (3: ed25519; -1: no such file).
odd="$work/a b/\"c'd\\e%f#g"
mkdir -p "$odd" && ssh-keygen -q -t ed25519 -N '' -f "$odd/id" || fail 'ssh-keygen'
"$tool" --hosts 127.0.0.1 --format ssh-config --ssh-key "$odd/id" --ssh-port 1 -o key || fail key
expect key 127.0.0.1 identitiesonly yes
ssh -v -F key -o LogLevel=DEBUG1 -o ProxyCommand=true 127.0.0.1 true 2>&1 | grep -q 'identity file .*/id type 3[[:space:]]*$' ||
  fail 'ssh does not read the key of an odd path'
(cd / && "$tool" --hosts 127.0.0.1 --format ssh-config --ssh-key etc/key) | grep -qF 'IdentityFile "/etc/key"' ||
  fail 'a relative key is not made absolute'

# ~/.ssh/config: read with -F, since ssh itself looks up the home of the user and not HOME.
export HOME=$work/home
mkdir -p "$HOME/.ssh"
printf 'ForwardAgent yes\nHost other\n  Port 99\nHost *\n  Port 22\n  StrictHostKeyChecking yes\n  ProxyJump bastion\n  LogLevel VERBOSE' \
  >"$HOME/.ssh/config"
cp "$HOME/.ssh/config" before
"$tool" --hosts 10.0.0.4,10.0.0.5 --install-ssh-config -o hostfile 2>/dev/null || fail install
config=$HOME/.ssh/config
expect "$config" 10.0.0.4 port 23
expect "$config" 10.0.0.4 stricthostkeychecking false
expect "$config" 10.0.0.4 forwardagent no
expect "$config" 10.0.0.4 loglevel ERROR
[ -z "$(setting "$config" 10.0.0.4 proxyjump)" ] || fail 'the jump host of the user stands before a node'
for host in other example.com 10.0.1.4; do
  ssh -T -G -F before "$host" >expected
  ssh -T -G -F "$config" "$host" >got
  cmp -s expected got || fail "$host: other settings than before: $(diff expected got)"
done
cp "$config" once
"$tool" --hosts 10.0.0.4,10.0.0.5 --install-ssh-config -o hostfile 2>/dev/null || fail 'second install'
cmp -s once "$config" || fail 'the second time changes the file'
"$tool" --remove-ssh-config 2>/dev/null || fail remove
cmp -s before "$config" || fail 'removal does not give the former file back'

sed -i 's/$/\r/' "$config"
"$tool" --hosts 10.0.0.4,10.0.0.5 --install-ssh-config -o hostfile 2>/dev/null || fail 'install with CRLF'
expect "$config" 10.0.0.4 port 23
expect "$config" other port 99

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
  chmod 755 "$work" && mkdir "$work/readonly" && chmod 555 "$work/readonly"
  HOME=$work/readonly setpriv --reuid 65534 --clear-groups "$tool" --hosts a --install-ssh-config >out 2>err
  [ $? -eq 1 ] || fail 'a home that cannot be written is a failure'
  [ "$(cat err)" = "shipyard-hostfile: error: cannot make $work/readonly/.ssh: Permission denied" ] || fail "$(cat err)"
fi

[ "$failures" -eq 0 ]
