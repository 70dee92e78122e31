#!/bin/bash
# images_entrypoint.sh SUITE: what a container of shipyard/openmpi is like for those who log in over ssh, and what the
# entrypoint says where it cannot start sshd. SUITE: bookworm (OpenSSH 9) or trixie (OpenSSH 10).
# shellcheck disable=SC2016,SC1003,SC2317  # what a shell would expand is to arrive as it is; functions are called by name
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
image=shipyard/openmpi:$suite
need_images "$image"
prefix=shipyard-test-images-$$
work=$(mktemp -d)

clean_up() {
  docker ps -aq --filter "name=^$prefix" | xargs -r docker rm -f >/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

# start NAME RUN-OPTION… [-- COMMAND…]: a container that stays, with its sshd up. Without a network there is nothing but
# loopback, which is all that is needed here.
start() {
  local name=$1 options=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# = 0 ] || shift
  docker run -d --name "$prefix-$name" --network none "${options[@]}" "$image" "$@" >/dev/null || return
  wait_until 20 settled "$name"
  listens "$name" || docker logs "$prefix-$name"
}
listens() { docker exec "$prefix-$1" grep -q ':0017 .* 0A ' /proc/net/tcp 2>/dev/null; }
settled() { listens "$1" || [ "$(docker inspect -f '{{.State.Running}}' "$prefix-$1")" = false ]; }

# attempt RUN-OPTION…: a container that is expected to end; sets $status and $said.
network=none
attempt() {
  timeout 30 docker run --rm --name "$prefix-attempt" --network "$network" "$@" >"$work/out" 2>"$work/err"
  status=$?
  said=$(cat "$work/err")
  docker rm -f "$prefix-attempt" >/dev/null 2>&1
}

# login NAME COMMAND…: over ssh, as mpirun comes
ssh_options=(-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=10)
login() {
  local name=$1
  shift
  docker exec "$prefix-$name" ssh "${ssh_options[@]}" -p 23 root@127.0.0.1 "$@" 2>&1
}

# --- The environment of the container arrives in a login, whatever is in it.
tab=$(printf '\t')
quotes="it's \"so\" \"\""
backslashes='\ a\\b\n \"c\'
dollars='$HOME `id` $(id) #x; & | > * ~ %h !'
long=$(printf 'x%.0s' {1..20000})
many=()
for i in {1..300}; do many+=(-e "MANY_$i=value $i"); done
start environment -e "SPACES=  a  b " -e "QUOTES=$quotes" -e "BACKSLASHES=$backslashes" -e "DOLLARS=$dollars" \
  -e "TAB=a${tab}b" -e EMPTY= -e "LONG=$long" -e "UTF8=größer — 漢字" -e "#HASH=x" -e "EQUALS==a=b=" \
  -e AZ_BATCH_NODE_ID=tvmps_1 -e PATH=/opt/of/mine:/usr/local/bin:/usr/bin:/bin -e $'LINES=one\ntwo' \
  -e SHIPYARD_SSH_KEY=secret -e HOME=/nowhere -e LD_LIBRARY_PATH=/opt/of/mine/lib "${many[@]}"
variable() { login environment printenv "$1"; }
check 'a value with spaces' "$(variable SPACES)" '  a  b '
check 'a value with quotes' "$(variable QUOTES)" "$quotes"
check 'a value with backslashes' "$(variable BACKSLASHES)" "$backslashes"
check 'a value that a shell would expand' "$(variable DOLLARS)" "$dollars"
check 'a value with a tabulator' "$(variable TAB)" "a${tab}b"
check 'a value with equals signs' "$(variable EQUALS)" '=a=b='
check 'an empty value' "$(variable EMPTY; echo $?)" "$(printf '\n0')"
check 'a value of 20,000 characters' "$(variable LONG)" "$long"
check 'a value in UTF-8' "$(variable UTF8)" 'größer — 漢字'
check "a variable of Batch" "$(variable AZ_BATCH_NODE_ID)" tvmps_1
check 'PATH is the container'\''s' "$(variable PATH)" /opt/of/mine:/usr/local/bin:/usr/bin:/bin
check 'LD_LIBRARY_PATH' "$(variable LD_LIBRARY_PATH)" /opt/of/mine/lib
check '300 variables' "$(login environment env | grep -c '^MANY_[0-9]*=value [0-9]*$')" 300
check 'a value of two lines is left out' "$(variable LINES; echo $?)" 1
check_contains 'and the log says so' "$(docker logs "$prefix-environment" 2>&1)" \
  'note: LINES is not handed to ssh logins: its value has more than one line'
check 'a key in the environment is left out' "$(variable SHIPYARD_SSH_KEY; echo $?)" 1
check 'HOME is that of the login' "$(variable HOME)" /root
check 'the environment is in a file of root alone' \
  "$(docker exec "$prefix-environment" stat -c %a /run/shipyard/sshd_config)" 600

# --- The door: one user, a key, nothing else.
start second
check_contains 'no password, no keyboard' \
  "$(docker exec "$prefix-environment" ssh "${ssh_options[@]}" -o PubkeyAuthentication=no -p 23 root@127.0.0.1 true 2>&1)" \
  'Permission denied (publickey)'
docker exec "$prefix-second" useradd --create-home --password '*' other
docker exec "$prefix-second" sh -c 'mkdir /home/other/.ssh && cp /run/shipyard/authorized_keys /home/other/.ssh/ && chown -R other /home/other/.ssh'
check_contains 'no other user' \
  "$(docker exec "$prefix-second" ssh "${ssh_options[@]}" -p 23 other@127.0.0.1 true 2>&1)" 'Permission denied'
check_contains 'no forwarding' \
  "$(docker exec "$prefix-environment" ssh "${ssh_options[@]}" -o ExitOnForwardFailure=yes -p 23 -W 127.0.0.1:23 root@127.0.0.1 2>&1 </dev/null)" \
  'stdio forwarding failed'
# A readiness check connects often and does not log in; OpenSSH 10 would lock its host out for that.
docker exec "$prefix-environment" bash -c \
  'for i in {1..40}; do exec 3<>/dev/tcp/127.0.0.1/23; read -r -u 3 banner; exec 3>&-; done'
check 'a login after 40 probes' "$(login environment echo in)" in

host_key() { docker exec "$prefix-$1" ssh-keyscan -p 23 127.0.0.1 2>/dev/null | grep -v "^#"; }
check 'each container has one host key' "$(host_key second | grep -c ssh-ed25519)/$(host_key second | wc -l)" 1/1
check 'and not that of another one' "$([ "$(host_key second)" = "$(host_key environment)" ] && echo same)" ''

begin=$(now)
docker stop -t 10 "$prefix-second" >/dev/null
check_at_most 'docker stop does not wait for its timeout' "$(seconds_since "$begin")" 8
docker start "$prefix-second" >/dev/null
wait_until 20 listens second
check 'a login after a restart of the container' "$(login second echo in)" in

# --- A mounted key, with the owner and the mode that it has on a VM.
mkdir "$work/mounted"
ssh-keygen -q -t ed25519 -N '' -f "$work/mounted/id_ed25519"
chmod 666 "$work/mounted/id_ed25519"
chown 1000 "$work/mounted/id_ed25519"
start mounted -v "$work/mounted:/etc/shipyard/ssh:ro"
check 'a mounted key is the one in use' "$(login mounted echo in)" in
check 'it is readable by root alone' "$(docker exec "$prefix-mounted" stat -L -c '%a %u' /root/.ssh/id_ed25519)" '600 0'
check_contains 'the key made at build time is out' \
  "$(login mounted -o IdentitiesOnly=yes 2>&1; docker exec "$prefix-mounted" ssh "${ssh_options[@]}" -F /dev/null -o IdentitiesOnly=yes \
    -i /etc/shipyard/build-key/id_ed25519 -p 23 root@127.0.0.1 true 2>&1)" 'Permission denied (publickey)'

ssh-keygen -q -t rsa -b 2048 -N '' -f "$work/someone"
cat "$work/someone.pub" >"$work/mounted/authorized_keys"
start listed -v "$work/mounted:/etc/shipyard/ssh:ro" -v "$work/someone:/someone:ro"
check_contains 'authorized_keys says who may log in' "$(login listed true)" 'Permission denied (publickey)'
check 'and lets them in' \
  "$(docker exec "$prefix-listed" sh -c "cp /someone /tmp/key && chmod 600 /tmp/key && ssh ${ssh_options[*]} -i /tmp/key -p 23 root@127.0.0.1 echo in" 2>&1)" in

docker run -d --name "$prefix-locked" --network none --entrypoint sh "$image" \
  -c 'usermod -p "!" root && exec shipyard-entrypoint sshd' >/dev/null
wait_until 20 listens locked
check 'a root account that is locked, as in AlmaLinux' "$(login locked echo in)" in

start readonly --read-only --tmpfs /run --tmpfs /root/.ssh
check 'a read-only container with two tmpfs' "$(login readonly echo in)" in
start tmpfs --tmpfs /run/shipyard
check 'a tmpfs for the key' "$(login tmpfs echo in)" in

# --- What goes wrong, in one error with a remedy.
error() { printf 'shipyard-entrypoint: error: %s\nhint: %s' "$1" "$2"; }

network=container:$prefix-second
attempt "$image"
network=none
check 'port 23 taken: status' "$status" 1
check_contains 'port 23 taken: message' "$said" \
  "shipyard-entrypoint: error: port 23 is taken: something else listens there, so this node's sshd cannot start"
timeout 20 docker run -d --name "$prefix-elsewhere" --network "container:$prefix-second" -e SHIPYARD_SSH_PORT=2323 "$image" >/dev/null
wait_until 20 docker exec "$prefix-elsewhere" grep -q ':0913 .* 0A ' /proc/net/tcp
check 'SHIPYARD_SSH_PORT' \
  "$(docker exec "$prefix-elsewhere" ssh "${ssh_options[@]}" -p 2323 root@127.0.0.1 echo in 2>&1)" in
for port in 99999 0 023 23x; do
  attempt -e "SHIPYARD_SSH_PORT=$port" "$image"
  check "SHIPYARD_SSH_PORT=$port" "$status $said" \
    "1 $(error "SHIPYARD_SSH_PORT=$port is not a port" 'it is a number from 1 to 65535; leave it out for 23')"
done

echo 'no key' >"$work/broken"
ssh-keygen -q -t ed25519 -N passphrase -f "$work/locked"
for key in broken locked; do
  attempt -v "$work/$key:/etc/shipyard/ssh/id_ed25519:ro" "$image"
  check "a key that is $key" "$status $said" \
    "1 $(error '/etc/shipyard/ssh/id_ed25519 is not a private key that can be used without a passphrase' \
      "make one: ssh-keygen -t ed25519 -N '' -f id_ed25519")"
done
attempt -v "$work/mounted:/etc/shipyard/ssh:ro" -v "$work/someone:/root/.ssh/id_ed25519:ro" "$image"
check 'two keys' "$status $said" \
  "1 $(error "there are two ssh keys: /etc/shipyard/ssh/id_ed25519 and the image's own /root/.ssh/id_ed25519" \
    'mount none, or remove the one in the image')"
check "the image's own key is as it was" "$(ssh-keygen -y -f "$work/someone" | cut -d' ' -f1,2)" "$(cut -d' ' -f1,2 "$work/someone.pub")"
attempt --entrypoint sh "$image" -c 'rm -r /etc/shipyard && exec shipyard-entrypoint sshd'
check_contains 'no key at all' "$status $said" \
  '1 shipyard-entrypoint: error: there is no ssh key for the nodes to reach each other with'
attempt --entrypoint sh "$image" -c 'sed -i /^sshd:/d /etc/passwd && exec shipyard-entrypoint sshd'
check_contains 'no user for the privilege separation' "$status $said" \
  "1 shipyard-entrypoint: error: this image has no user 'sshd', which sshd's privilege separation needs"
attempt --entrypoint sh "$image" -c 'rm /usr/sbin/sshd && exec shipyard-entrypoint sshd'
check_contains 'no sshd' "$status $said" '1 shipyard-entrypoint: error: this image has no sshd, or no ssh-keygen'
attempt --user 1000 "$image"
check 'not root' "$status $said" \
  "1 $(error 'sshd needs root, and this container runs as uid 1000' 'leave out --user, and USER in the Dockerfile')"
attempt --read-only "$image"
check 'a read-only container' "$status $said" \
  "1 $(error '/run/shipyard cannot be written' 'for a read-only container: --tmpfs /run')"

# --- A command of the user's own: it gets its arguments and gives its status, with an sshd beside it where that can be.
attempt "$image" sh -c 'test "$1" = "a b" && exit 7' sh 'a b'
check 'a command: its status' "$status" 7
check 'a command: nothing is said' "$said" ''
attempt "$image" sh -c "until grep -q ':0017 .* 0A ' /proc/net/tcp; do sleep 0.1; done; ssh ${ssh_options[*]} -p 23 127.0.0.1 echo in"
check 'a command: sshd is there' "$status $(cat "$work/out") $said" '0 in '
attempt --user 1000 "$image" id -u
check 'a command as another user' "$status $(cat "$work/out") $said" \
  '0 1000 shipyard-entrypoint: note: no sshd in this container: sshd needs root, and this container runs as uid 1000'
attempt "$image" no-such-program
check 'a command that is not there' "$status" 127

finish
