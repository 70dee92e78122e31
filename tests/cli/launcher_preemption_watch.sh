#!/bin/bash
# The watch for preemptions against a metadata service as Azure's, on loopback. Usage: launcher_preemption_watch.sh
# shellcheck source=tests/cli/launcher_common.sh
. "$(dirname "${BASH_SOURCE[0]}")/launcher_common.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
lib=$test_directory/../lib

# A proxy of the environment would answer in the service's place, or nobody.
export http_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 all_proxy=http://127.0.0.1:9

services=()
end_services() {
  for pid in "${services[@]}"; do kill "$pid" 2>/dev/null; done
  cleanup
}
trap end_services EXIT

# serve ARGUMENTS…: sets port, and requests, a descriptor with a line for each.
serve() {
  exec {requests}< <(exec python3 "$lib/fake_metadata.py" --log - "$@")
  services+=($!)
  read -r port <&"$requests"
}

# preempted ID MACHINES: the document with one event.
preempted() {
  cat <<EOF
{"DocumentIncarnation": 2, "Events": [{"EventId": "$1", "EventStatus": "Scheduled", "EventType": "Preempt",
 "ResourceType": "VirtualMachine", "Resources": [$2], "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT",
 "Description": "Spot VM is being deleted.", "EventSource": "Platform", "DurationInSeconds": -1}]}
EOF
}

# put FILE: standard input, at once.
put() { cat >"$1.new" && mv "$1.new" "$1"; }

events="200 /metadata/scheduledevents?api-version=2020-07-01"
asked="200 /metadata/instance/compute/name?api-version=2021-02-01&format=text
$events
$events"
for style in "" --chunked; do
  rm -f "$work/events"
  serve --events "$work/events" --machine pool_7 $style
  preempted other '"pool_70", "pool_8"' | put "$work/events"
  # The event of another comes first: the watch must go on.
  exec {watch}< <(exec "$bin/../tests/watch_preemption" "http://127.0.0.1:$port")
  # Asked for twice already when ours comes.
  for _ in name events events; do read -r -t 60 line <&"$requests" && echo "$line"; done >"$work/log"
  preempted mine '"pool_6", "POOL_7"' | put "$work/events"
  line=$(timeout 60 cat <&"$watch")
  check "an event for this VM is told ${style:-as it is}" \
    [ "$line" = "Preempt mine at 1474309787: Spot VM is being deleted." ]
  check "it has asked for the VM's name once, and then for events" [ "$(<"$work/log")" = "$asked" ]
done

# The stand-in refuses what Azure does.
status_of() { curl -s --noproxy '*' -o /dev/null -w '%{http_code}' "$@"; }
if command -v curl >/dev/null; then
  url="http://127.0.0.1:$port/metadata/scheduledevents?api-version=2020-07-01"
  check "without its header: 400" [ "$(status_of "$url")" = 400 ]
  check "through a proxy: 400" [ "$(status_of -H Metadata:true -H 'X-Forwarded-For: 10.0.0.4' "$url")" = 400 ]
  check "with its header: 200" [ "$(status_of -H Metadata:true "$url")" = 200 ]
fi

exit $((failures > 0))
