#!/bin/bash
# scripts/publish against a registry with a password, on loopback.
# shellcheck disable=SC2317  # functions are called by name
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
# shellcheck source=tests/cluster/lib/pool.sh
. "$here/lib/pool.sh"
publish=$here/../../scripts/publish
for tool in docker-registry htpasswd curl jq; do
  command -v "$tool" >/dev/null || skip "$tool is not installed: scripts/setup does that"
done
need_images shipyard/openmpi:bookworm shipyard/openmpi:bookworm-dev shipyard/tree:latest
work=$(mktemp -d)
registry_pid=

clean_up() {
  [ -z "$registry_pid" ] || kill "$registry_pid"
  docker image ls --format '{{.Repository}}:{{.Tag}}' | grep "^${registry:-none}/" | xargs -r docker rmi >/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

# Any port that is free: the registry says which one it took.
htpasswd -Bbc "$work/htpasswd" captain 'open sesame' 2>/dev/null
cat >"$work/config.yml" <<END
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/storage}}
http: {addr: 127.0.0.1:0, secret: test}
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
END
docker-registry serve "$work/config.yml" >"$work/registry.log" 2>&1 &
registry_pid=$!
wait_until 20 grep -q 'listening on' "$work/registry.log" || { cat "$work/registry.log"; exit 1; }
registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$work/registry.log")
export DOCKER_CONFIG=$work/docker
mkdir "$DOCKER_CONFIG"
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$here/../../CMakeLists.txt")

run_publish() {
  "$publish" "$@" >"$work/out" 2>"$work/err"
  status=$?
}

run_publish --dry-run "$registry"
check 'a dry run: status' "$status" 0
check 'a dry run: what would be pushed' "$(cat "$work/out")" \
  "shipyard/openmpi:bookworm -> $registry/shipyard/openmpi:$version-bookworm
shipyard/openmpi:bookworm-dev -> $registry/shipyard/openmpi:$version-bookworm-dev
shipyard/openmpi:trixie -> $registry/shipyard/openmpi:$version-trixie
shipyard/openmpi:trixie-dev -> $registry/shipyard/openmpi:$version-trixie-dev
shipyard/mpich:trixie -> $registry/shipyard/mpich:$version-trixie
shipyard/mpich:trixie-dev -> $registry/shipyard/mpich:$version-trixie-dev
shipyard/tree:latest -> $registry/shipyard/tree:$version"
check 'a dry run: nothing was pushed' "$(curl -s -u 'captain:open sesame' "http://$registry/v2/_catalog" | jq -c .repositories)" '[]'

not_logged_in="publish: error: $registry did not let us push $registry/shipyard/openmpi:$version-bookworm
hint: log in with an account that may push: docker login $registry"
run_publish --no-build --base debian12 "$registry"
check 'without a login: status' "$status" 1
check 'without a login: message' "$(tail -n 2 "$work/err")" "$not_logged_in"

docker login --username captain --password-stdin "$registry" <<<'wrong' >/dev/null 2>&1
check 'a wrong password is refused by docker login' $? 1
# A password that was changed after the login: what an expired token is like.
mkdir -p "$DOCKER_CONFIG"
jq -n --arg registry "$registry" --arg auth "$(printf 'captain:old' | base64)" '{auths: {($registry): {auth: $auth}}}' \
  >"$DOCKER_CONFIG/config.json"
run_publish --no-build --base debian12 "$registry"
check 'a wrong password: status' "$status" 1
check 'a wrong password: message' "$(tail -n 2 "$work/err")" "$not_logged_in"

docker login --username captain --password-stdin "$registry" <<<'open sesame' >/dev/null 2>&1
check 'docker login' $? 0
run_publish --no-build --base debian12 "$registry:7.8.9"
check 'a push: status' "$status" 0
check 'a push: images' "$(sed 's/@.*//' "$work/out")" \
  "$registry/shipyard/openmpi:7.8.9-bookworm
$registry/shipyard/openmpi:7.8.9-bookworm-dev
$registry/shipyard/tree:7.8.9"
check 'a push: no name of ours stays in the engine' \
  "$(docker image ls --format '{{.Repository}}' | grep -c "^$registry/")" 0

while read -r reference; do
  image=${reference%@*}
  docker pull -q "$image" >/dev/null
  check "${image#"$registry/"}: the digest that was printed" \
    "$(docker image inspect --format '{{index .RepoDigests 0}}' "$image")" "${image%:*}@${reference#*@}"
done <"$work/out"
check 'what is pulled is what was built' "$(docker image inspect --format '{{.Id}}' "$registry/shipyard/openmpi:7.8.9-bookworm")" \
  "$(docker image inspect --format '{{.Id}}' shipyard/openmpi:bookworm)"

# An image with a key in it goes nowhere.
docker build -q --label shipyard.ssh-key=generate -t shipyard-test/keyed-$$ - <<<'FROM shipyard/tree:latest' >/dev/null 2>&1
mkdir "$work/engine"
printf '%s\n' '#!/bin/bash' 'case "$*" in' "  'image inspect --format '*' shipyard/tree:latest') set -- \"\${@:1:4}\" shipyard-test/keyed-$$ ;;" 'esac' \
  "exec $(command -v docker) \"\$@\"" >"$work/engine/docker"
chmod +x "$work/engine/docker"
PATH=$work/engine:$PATH run_publish --no-build --base debian12 "$registry:7.8.10"
docker rmi shipyard-test/keyed-$$ >/dev/null
check 'an image with a key: refused' "$status $(cat "$work/out")$(tail -n 2 "$work/err")" \
  "1 publish: error: shipyard/tree:latest has a private ssh key in it (--ssh-key generate): whoever can pull it could log in to its containers
hint: build it without: scripts/build-images"

kill "$registry_pid"
wait "$registry_pid" 2>/dev/null
registry_pid=
run_publish --no-build --base debian12 "$registry"
check 'a registry that is not there' "$status $(tail -n 2 "$work/err")" "1 publish: error: $registry cannot be reached
hint: is the name right, and is there a way from this machine?"
run_publish captain
check 'a word that is no host' "$status $(head -n 1 "$work/err")" \
  "2 publish: error: 'captain' is not the name of a host: it has neither a dot nor a port"

finish
