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
image=${SHIPYARD_TEST_IMAGE:-shipyard/openmpi:$suite}
need_images "$image"
prefix=shipyard-test-images-$$
work=$(mktemp -d)

clean_up() {
  docker ps -aq --filter "name=^$prefix" | xargs -r docker rm -f >/dev/null
  docker image ls -q "$prefix-*" | xargs -r docker rmi >/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

# The job's key, and others.
for name in job next stranger; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/$name"; done
SHIPYARD_SSH_KEY=$(base64 -w0 "$work/job")
export SHIPYARD_SSH_KEY
with_key=(-e SHIPYARD_SSH_KEY)
public() { cut -d' ' -f1,2 "$work/$1.pub"; }

# start NAME RUN-OPTION… [-- COMMAND…]: a container that stays, with its sshd up. Without a network there is nothing but
# loopback, which is all that is needed here.
start() {
  local name=$1 options=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# = 0 ] || shift
  docker run -d --name "$prefix-$name" --network none "${with_key[@]}" "${options[@]}" "$image" "$@" >/dev/null || return
  wait_until 20 settled "$name"
  listens "$name" || docker logs "$prefix-$name"
}
listens() { docker exec "$prefix-$1" grep -qE ':(0017|0913) .* 0A ' /proc/net/tcp 2>/dev/null; }
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
  -e HOME=/nowhere -e LD_LIBRARY_PATH=/opt/of/mine/lib "${many[@]}"
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

settings=$(docker exec "$prefix-second" /usr/sbin/sshd -T -f /run/shipyard/sshd_config)
for setting in 'passwordauthentication no' 'kbdinteractiveauthentication no' 'permitemptypasswords no' 'disableforwarding yes' \
  'allowagentforwarding no' 'allowtcpforwarding no' 'allowstreamlocalforwarding no' 'x11forwarding no' 'permittunnel no' \
  'permituserrc no' 'authenticationmethods publickey' 'allowusers root'; do
  check "sshd: $setting" "$(grep -x "$setting" <<<"$settings")" "$setting"
done
check 'sshd: one host key' "$(grep -c '^hostkey ' <<<"$settings")" 1

host_key() { docker exec "$prefix-$1" ssh-keyscan -p 23 127.0.0.1 2>/dev/null | sed -n 's/^[^# ]* //p'; }
check "the job's key is the host key, and the only one" "$(host_key second)" "$(public job)"
start listening -e AZ_BATCH_HOST_LIST=10.0.0.7,127.0.0.1 -e 'AZ_BATCH_NODE_LIST=10.0.0.7;127.0.0.1'
check "it listens at the node's address of Batch's list, and nowhere else" \
  "$(docker exec "$prefix-listening" grep -ch ':0017 .* 0A ' /proc/net/tcp /proc/net/tcp6 | paste -sd' ') $(docker exec "$prefix-listening" grep ^Listen /run/shipyard/sshd_config)" \
  '1 0 ListenAddress 127.0.0.1'
start unlisted -e AZ_BATCH_HOST_LIST=10.0.0.7,127.0.0.11
check 'at every address where the list does not have it' "$(docker exec "$prefix-unlisted" grep -c ':0017 .* 0A ' /proc/net/tcp6)" 1

# --- The key: in memory, and in nobody's environment.
in_container() { local name=$1; shift; docker exec -e SHIPYARD_SSH_KEY= "$prefix-$name" sh -c "$@" 2>&1; }
check 'the private key is in memory, private' \
  "$(in_container second 'cd /run/shipyard; file=$(readlink id_ed25519); stat -f -c %T $file; stat -c %a:%u $file ${file%/*}; ls $file' | sed 's/key\.[^/]*/key.X/' | paste -sd' ')" \
  'tmpfs 600:0 700:0 /dev/shm/shipyard-key.X/id_ed25519'
check 'and nothing else is there' "$(in_container second 'find /dev/shm -type f | wc -l')" 1
# What the launcher and what runs beside sshd see: everything but this shell's own ancestors.
clean='for file in /proc/[0-9]*/environ; do tr "\0" "\n" <$file | grep -q ^SHIPYARD_SSH_KEY=. && echo "$file $(cat ${file%environ}cmdline)"; done; true'
check 'no process has it in its environment' "$(in_container second "$clean")" ''
check 'nor has a login' "$(login second 'env | grep -c SHIPYARD_SSH_KEY')" 0
check 'nor has the file with the environment' "$(in_container second 'grep -c SHIPYARD_SSH_KEY /run/shipyard/sshd_config')" 0
start beside -- sh -c 'exec sleep 1000'
check 'nor has a command beside sshd' "$(in_container beside "$clean")" ''
check 'and nobody finds it in the log' "$(docker logs "$prefix-second" 2>&1 | grep -cF "${SHIPYARD_SSH_KEY:200:40}")" 0

# --- A retry of the job in the same container brings another key.
again() { docker exec "$@" 2>&1; }
pid=$(in_container beside 'cat /run/shipyard/sshd.pid')
check 'the entrypoint once more: sshd runs already' "$(again "$prefix-beside" shipyard-entrypoint true)" \
  'shipyard-entrypoint: note: sshd runs here already, on port 23'
check 'the entrypoint with a new key' "$(again -e SHIPYARD_SSH_KEY="$(base64 -w0 "$work/next")" "$prefix-beside" shipyard-entrypoint echo in)" \
  "$(printf 'shipyard-entrypoint: note: sshd goes on with the new key, on port 23\nin')"
check 'the host key is the new one' "$(host_key beside)" "$(public next)"
check 'a login with the new key' "$(login beside echo in)" in
check 'the sshd is the same' "$(in_container beside 'cat /run/shipyard/sshd.pid')" "$pid"
check 'the old key is gone' "$(in_container beside 'find /dev/shm -name id_ed25519 | wc -l')" 1
docker cp "$work/job" "$prefix-beside:/tmp/job"
check_contains 'and opens nothing' \
  "$(docker exec "$prefix-beside" ssh "${ssh_options[@]}" -F /dev/null -o IdentitiesOnly=yes -i /tmp/job -p 23 root@127.0.0.1 true 2>&1)" \
  'Permission denied (publickey)'

docker exec "$prefix-second" sh -c 'cd /tmp && mkdir -p ompi.$(hostname).0/pid.72 prted.$(hostname).72.0 prterun.$(hostname).72.0 \
  prted.$(hostname).72.4321 prted.another.72.0 ompi.another.0'
begin=$(now)
docker stop -t 10 "$prefix-second" >/dev/null
check_at_most 'docker stop does not wait for its timeout' "$(seconds_since "$begin")" 8
docker start "$prefix-second" >/dev/null
wait_until 20 listens second
check 'a login after a restart of the container' "$(login second echo in)" in
check "a restart removes what this user's daemons have left" \
  "$(docker exec "$prefix-second" ls /tmp | sed "s/$(docker exec "$prefix-second" hostname)/HOST/" | LC_ALL=C sort | paste -sd' ')" \
  'ompi.another.0 prted.HOST.72.4321 prted.another.72.0'

# --- A mounted key, with the owner that it has on a VM.
mkdir "$work/mounted"
cp "$work/next" "$work/mounted/id_ed25519"
chown 1000 "$work/mounted/id_ed25519"
with_key=()
start mounted -v "$work/mounted:/etc/shipyard/ssh:ro"
check 'a mounted key is the one in use' "$(login mounted echo in) $(host_key mounted)" "in $(public next)"
check 'the copy is readable by root alone' "$(docker exec "$prefix-mounted" stat -L -c '%a %u' /root/.ssh/id_ed25519)" '600 0'

cp "$work/stranger.pub" "$work/mounted/authorized_keys"
start listed -v "$work/mounted:/etc/shipyard/ssh:ro" -v "$work/stranger:/stranger:ro"
check_contains 'authorized_keys says who may log in' "$(login listed true)" 'Permission denied (publickey)'
check 'and lets them in' \
  "$(docker exec "$prefix-listed" sh -c "cp /stranger /tmp/key && chmod 600 /tmp/key && ssh ${ssh_options[*]} -i /tmp/key -p 23 root@127.0.0.1 echo in" 2>&1)" in
rm "$work/mounted/authorized_keys"

# --- A key that is part of the image: the classical way.
own_key='mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t $type -N "" -f /root/.ssh/id_ed25519; cat /root/.ssh/id_ed25519.pub >/root/.ssh/authorized_keys; exec shipyard-entrypoint sshd'
for type in ed25519 rsa; do
  docker run -d --name "$prefix-own-$type" --network none -e type=$type --entrypoint sh "$image" -c "$own_key" >/dev/null
  wait_until 20 listens "own-$type"
  check "the image's own $type key: a login" "$(login "own-$type" echo in)" in
  check_contains "and a word about it" "$(docker logs "$prefix-own-$type" 2>&1)" \
    'shipyard-entrypoint: note: the ssh key is part of the image: whoever can pull that can log in here'
done
# The Dockerfile's own last lines, on top of the image: the programs are not built again.
keyed() { { echo "FROM $image"; sed -n '/^ARG SSH_KEY/,/^CMD/p' "$here/../../images/openmpi/Dockerfile"; } |
  docker build -q --network none --force-rm --build-arg "SSH_KEY=$1" -t "$prefix-keyed" - 2>&1; }
check_contains 'SSH_KEY=generate: the image is built' "$(keyed generate)" sha256:
image=$prefix-keyed start built
check_contains 'SSH_KEY=generate: a login, and a word about it' \
  "$(login built echo in) $(docker logs "$prefix-built" 2>&1)" 'in shipyard-entrypoint: note: the ssh key is part of the image'
check 'SSH_KEY=generate: the label by which it is not published' \
  "$(docker image inspect --format '{{index .Config.Labels "shipyard.ssh-key"}}' "$prefix-keyed")" generate
check_contains 'SSH_KEY=yes: no image' "$(keyed yes)" 'SSH_KEY=yes is neither none nor generate'
check 'an RSA key is no host key' "$(host_key own-rsa | cut -d' ' -f1) $(docker exec "$prefix-own-rsa" ls /run/shipyard/id_ed25519 2>&1 | grep -c 'No such')" 'ssh-ed25519 1'
docker run -d --name "$prefix-own" --network none -e SHIPYARD_SSH_KEY -e type=ed25519 --entrypoint sh "$image" -c "$own_key" >/dev/null
wait_until 20 listens own
check_contains "it opens nothing where the job has a key" "$(login own true)" 'Permission denied (publickey)'
check_contains 'and a note says that' "$(docker logs "$prefix-own" 2>&1)" \
  "note: /root/.ssh/id_ed25519, the image's own key, opens nothing here: the job has a key of its own"
with_key=(-e SHIPYARD_SSH_KEY)

docker run -d --name "$prefix-locked" --network none -e SHIPYARD_SSH_KEY --entrypoint sh "$image" \
  -c 'usermod -p "!" root && exec shipyard-entrypoint sshd' >/dev/null
wait_until 20 listens locked
check 'a root account that is locked, as in AlmaLinux' "$(login locked echo in)" in

start readonly --read-only --tmpfs /run
check 'a read-only container with a tmpfs' "$(login readonly -i /run/shipyard/id_ed25519 echo in)" in
check_contains 'and what does not work there' "$(docker logs "$prefix-readonly" 2>&1)" \
  'note: /root/.ssh/id_ed25519 cannot be written: shipyard-mpirun finds the key, ssh by itself does not'
start tmpfs --tmpfs /run/shipyard
check 'a tmpfs for the key' "$(login tmpfs echo in) $(docker exec "$prefix-tmpfs" readlink /run/shipyard/id_ed25519 | sed 's/key\..*//')" \
  'in /run/shipyard/shipyard-'
start disk --ipc none
check_contains 'a container without memory for it' "$(login disk echo in) $(docker logs "$prefix-disk" 2>&1)" \
  "in shipyard-entrypoint: note: the key lies on the container's disk"

# --- The log of sshd, where Batch can fetch it.
mkdir "$work/task"
start logged -v "$work/task:/task" -e AZ_BATCH_TASK_DIR=/task
login logged true
for log in "$(cat "$work/task/shipyard-sshd.log")" "$(docker logs "$prefix-logged" 2>&1)"; do
  check_contains 'the log has the start' "$log" 'Server listening'
  check_contains 'and the logins' "$log" 'Accepted publickey for root'
done
docker rm -f "$prefix-logged" >/dev/null
start logged -v "$work/task:/task" -e AZ_BATCH_TASK_DIR=/task -- sh -c 'exec sleep 1000'
login logged true
check 'it is appended to, by a sshd beside a command too' "$(grep -c 'Accepted publickey' "$work/task/shipyard-sshd.log")" 2

# --- An ordinary user, whom no passwd file knows.
as_user() {  # NAME COMMAND…: over ssh
  local name=$1
  shift
  docker exec "$prefix-$name" ssh "${ssh_options[@]}" -i /tmp/shipyard-4321/id_ed25519 -p 2323 127.0.0.1 "$@" 2>&1
}
start user --user 4321:4322 -e WORD='of the container'
check 'an ordinary user: a login' "$(as_user user 'id -u; id -g; echo "$HOME $WORD"' | paste -sd' ')" '4321 4322 / of the container'
check_contains 'an ordinary user: the port is said' "$(docker logs "$prefix-user" 2>&1)" \
  'note: sshd listens on port 2323, since the container runs as an ordinary user (uid 4321)'
check 'an ordinary user: the key is in memory' "$(docker exec "$prefix-user" stat -f -L -c %T /tmp/shipyard-4321/id_ed25519)" tmpfs
check 'an ordinary user: no process has the key in its environment' "$(in_container user "$clean")" ''
check 'the name is only for this user' "$(docker exec "$prefix-user" getent passwd 4320 0 shipyard | cut -d: -f1,3 | paste -sd' ')" \
  'root:0 shipyard:4321'
check 'and root has none' "$(docker exec --user 0 "$prefix-user" getent passwd shipyard; echo $?)" 2
check_contains 'an ordinary user: no other key' \
  "$(docker exec "$prefix-user" ssh "${ssh_options[@]}" -o IdentityFile=none -p 2323 127.0.0.1 true 2>&1)" 'Permission denied (publickey)'
start user-readonly --read-only --tmpfs /tmp --user 4321:4322
check 'an ordinary user, read-only' "$(as_user user-readonly echo in)" in
start user-tmpfs --tmpfs /run/shipyard --user 4321:4322
check 'an ordinary user, with a tmpfs for the key' \
  "$(docker exec "$prefix-user-tmpfs" ssh "${ssh_options[@]}" -i /run/shipyard/4321/id_ed25519 -p 2323 127.0.0.1 echo in 2>&1)" in
start user-home -e HOME=/tmp --user 4321:4322
check 'an ordinary user: HOME holds for logins too' "$(as_user user-home 'echo $HOME; pwd' | paste -sd' ')" '/tmp /tmp'
{ docker run --rm --network none --entrypoint cat "$image" /etc/passwd; echo alice:x:4321:4322::/tmp:/bin/sh; } >"$work/passwd"
start user-named --user 4321:4322 -v "$work/passwd:/etc/passwd:ro"
check 'a user whom passwd knows, with a plain ssh' "$(docker exec "$prefix-user-named" ssh "${ssh_options[@]}" -p 2323 127.0.0.1 id -un 2>&1)" alice

# --- What goes wrong, in one error with a remedy.
error() { printf 'shipyard-entrypoint: error: %s\nhint: %s' "$1" "$2"; }

network=container:$prefix-second
attempt -e SHIPYARD_SSH_KEY "$image"
network=none
check 'port 23 taken: status' "$status" 1
check_contains 'port 23 taken: message' "$said" \
  "shipyard-entrypoint: error: port 23 is taken: something else listens there, so this node's sshd cannot start"
timeout 20 docker run -d --name "$prefix-elsewhere" --network "container:$prefix-second" -e SHIPYARD_SSH_KEY -e SHIPYARD_SSH_PORT=2323 "$image" >/dev/null
wait_until 20 docker exec "$prefix-elsewhere" grep -q ':0913 .* 0A ' /proc/net/tcp
check 'SHIPYARD_SSH_PORT' \
  "$(docker exec "$prefix-elsewhere" ssh "${ssh_options[@]}" -p 2323 root@127.0.0.1 echo in 2>&1)" in
for port in 99999 0 023 23x; do
  attempt -e SHIPYARD_SSH_KEY -e "SHIPYARD_SSH_PORT=$port" "$image"
  check "SHIPYARD_SSH_PORT=$port" "$status $said" \
    "1 $(error "SHIPYARD_SSH_PORT=$port is not a port" 'it is a number from 1 to 65535; leave it out for 23')"
done

# refused_key NAME WHY REMEDY RUN-OPTION…
refused_key() {
  local name=$1 why=$2 remedy=$3
  shift 3
  attempt "$@" "$image"
  check "$name" "$status $said" "1 $(error "$why" "$remedy")"
}
make_one="make one: ssh-keygen -q -t ed25519 -N '' -f id_ed25519"
mounted_key=/etc/shipyard/ssh/id_ed25519
echo 'no key' >"$work/broken"
chmod 600 "$work/broken"
ssh-keygen -q -t ed25519 -N passphrase -f "$work/locked"
ssh-keygen -q -t rsa -b 2048 -N '' -f "$work/rsa"
for key in broken locked; do
  refused_key "a key that is $key" "$mounted_key is not a private key that can be used without a passphrase" "$make_one" \
    -v "$work/$key:$mounted_key:ro"
done
refused_key 'an RSA key' "$mounted_key is not an ed25519 key" "$make_one" -v "$work/rsa:$mounted_key:ro"
for mode in 640 604 770; do
  cp "$work/job" "$work/open"
  chmod $mode "$work/open"
  refused_key "a key that others can read ($mode)" "others than its owner can read the key $mounted_key (mode $mode)" \
    'chmod 600 it where it comes from; a resource file of Batch: "fileMode": "0600"' -v "$work/open:$mounted_key:ro"
done
refused_key 'an ordinary user and the key of another one' "the key $mounted_key cannot be read" \
  'it must belong to the user of the container (uid 4321), or come as SHIPYARD_SSH_KEY' --user 4321 -v "$work/job:$mounted_key:ro"
refused_key 'a variable that is not base64' 'SHIPYARD_SSH_KEY is not base64' 'export SHIPYARD_SSH_KEY=$(base64 -w0 id_ed25519)' \
  -e 'SHIPYARD_SSH_KEY=-----BEGIN OPENSSH PRIVATE KEY-----'
refused_key 'a variable that is no key' 'SHIPYARD_SSH_KEY is not a private key that can be used without a passphrase' "$make_one" \
  -e SHIPYARD_SSH_KEY=c2VjcmV0Cg==
refused_key 'no key at all' 'there is no ssh key for the nodes to reach each other with' \
  'make one, once, and give it to every node'\''s container in one of two ways
  ssh-keygen -q -t ed25519 -N '\'''\'' -f id_ed25519
  docker run -v "$PWD/id_ed25519:/etc/shipyard/ssh/id_ed25519:ro" …
  SHIPYARD_SSH_KEY=$(base64 -w0 id_ed25519) docker run -e SHIPYARD_SSH_KEY …'
check 'there is no private key in the image' \
  "$(docker run --rm --network none --entrypoint grep "$image" -rIslEx -- '-----BEGIN .*PRIVATE KEY-----' /etc /root /home /opt /srv /var /tmp /usr/local)" ''
refused_key 'an ordinary user and a port that is not for one' \
  'SHIPYARD_SSH_PORT=23 is not for an ordinary user, as whom this container runs (uid 4321)' \
  'leave it out for 2323, or take another one above 1023' \
  --user 4321 --sysctl net.ipv4.ip_unprivileged_port_start=1024 -e SHIPYARD_SSH_KEY -e SHIPYARD_SSH_PORT=23
attempt --entrypoint sh -e SHIPYARD_SSH_KEY "$image" -c 'mkdir /tmp/shipyard-4321 && exec setpriv --reuid 4321 --clear-groups shipyard-entrypoint sshd'
check "a directory that is somebody else's" "$status $said" \
  "1 $(error "/tmp/shipyard-4321 is not this user's own" 'it must belong to the user of the container and have mode 700')"
attempt --entrypoint sh -e SHIPYARD_SSH_KEY "$image" -c \
  'sed -i "s/ shipyard$//" /etc/nsswitch.conf && exec setpriv --reuid 4321 --clear-groups shipyard-entrypoint sshd'
check 'a user without a name' "$status $said" \
  "1 $(error 'uid 4321 has no name, and ssh and sshd work for no such user' \
    'add it in the Dockerfile (useradd), or run the container as root; shipyard/openmpi gives every uid a name')"
attempt --entrypoint sh -e SHIPYARD_SSH_KEY "$image" -c 'sed -i /^sshd:/d /etc/passwd && exec shipyard-entrypoint sshd'
check_contains 'no user for the privilege separation' "$status $said" \
  "1 shipyard-entrypoint: error: this image has no user 'sshd', which sshd's privilege separation needs"
attempt --entrypoint sh -e SHIPYARD_SSH_KEY "$image" -c 'rm /usr/sbin/sshd && exec shipyard-entrypoint sshd'
check_contains 'no sshd' "$status $said" '1 shipyard-entrypoint: error: this image has no sshd, or no ssh-keygen'
attempt --read-only -e SHIPYARD_SSH_KEY "$image"
check 'a read-only container' "$status $said" \
  "1 $(error '/run/shipyard cannot be written' 'for a read-only container: --tmpfs /run')"

# --- A command of the user's own: it gets its arguments and gives its status, with an sshd beside it where that can be.
attempt "$image" sh -c 'test "$1" = "a b" && exit 7' sh 'a b'
check 'a command: its status' "$status" 7
check 'a command without a key, in a single container: nothing is said' "$said" ''
attempt -e AZ_BATCH_HOST_LIST=10.0.0.4,10.0.0.5 "$image" true
check_contains 'a command without a key, on Batch' "$status $said" \
  '0 shipyard-entrypoint: note: no sshd in this container: there is no ssh key for the nodes to reach each other with'
check_contains 'a command without a key, on Batch: what to do' "$said" 'hint: make one, once,'
attempt -e SHIPYARD_SSH_KEY "$image" sh -c "until grep -q ':0017 .* 0A ' /proc/net/tcp; do sleep 0.1; done; ssh ${ssh_options[*]} -p 23 127.0.0.1 echo in"
check 'a command: sshd is there' "$status $(cat "$work/out") $said" '0 in '
attempt --user 1000 -e SHIPYARD_SSH_KEY "$image" sh -c "until grep -q ':0913 .* 0A ' /proc/net/tcp; do sleep 0.1; done; id -u; env | grep -c SHIPYARD_SSH_KEY"
check 'a command as another user' "$(paste -sd' ' "$work/out") $said" '1000 0 '
attempt --user 1000 "$image" id -un
check 'a command as another user, without a key' "$status $(cat "$work/out") $said" '0 shipyard '
attempt "$image" no-such-program
check 'a command that is not there' "$status" 127

finish
