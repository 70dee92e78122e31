#!/bin/bash
# --check on nodes that are addresses of loopback: their sshd is a banner, and ssh a script that runs the command here.
# mpirun is one that only knows its version.
source "$(dirname "$0")/launcher_common.sh"
command -v perl >/dev/null || { echo "skipped: no perl for the nodes"; exit 77; }

mkdir "$work/fake"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/sh
[ "$*" = --version ] && { echo "mpirun (Open MPI) ${VERSION:-4.1.4}"; exit 0; }
echo "$*" >"$STARTED"
exit 1
FAKE
# ssh … HOST COMMAND
cat >"$work/fake/ssh" <<'FAKE'
#!/bin/sh
for word; do host=$last; last=$word; done
case $host in
  $DENIED) echo "root@$host: Permission denied (publickey)." >&2; exit 255 ;;
  $OTHER) export VERSION=4.1.5 ;;
  $FROZEN) echo asking >"$EVENTS"; exec sleep 100 ;;
esac
echo "Welcome to $host"
exec sh -c "$last"
FAKE
: >"$work/fake/orted"
chmod 755 "$work"/fake/*
export EVENTS=$work/events STARTED=$work/started PATH=$work/fake:$PATH
program app <<<'exit 0'
cd "$work" || exit 1

greet_for_all_nodes
three=(--hosts "127.0.0.1,127.0.0.2,127.0.0.3" --ssh-port "$port" --oversubscribe --ppn 1)
# Cells of the matrix, without what depends on this machine.
column() { awk -v name="$1" '$0 == "" { exit } NR == 1 { at = index($0, name) } at { print substr($0, at, 10) }' "$work/out" | sed 's/ *$//'; }

echo "# nodes that are alike"
launch "${three[@]}" --check ./app
check "are asked, and then the ranks are started" test -e "$STARTED"
check "each has a row" test "$(cut -d' ' -f1 "$work/out" | head -4 | paste -sd' ')" = "node 127.0.0.1 127.0.0.2 127.0.0.3"
check "with its MPI" test "$(column 'Open MPI' | paste -sd'|')" = "Open MPI|4.1.4|4.1.4|4.1.4"
check "and a line says that they are" \
  grep -qx '3 nodes, all alike: nothing is in the way of a job' "$work/out"
check "no line is wider than 80 columns" eval '! grep -qE "^.{81}" "$work/out"'
check "no colours without a terminal" eval '! grep -q "$(printf "\033")" "$work/out"'
check "nothing is left" no_run_directory

# What the launcher said, but for its note that these sshds have no key of the job's.
said() { grep -v '^shipyard-mpirun: note: host keys are not checked' "$work/err"; }

echo "# another Open MPI on one"
rm -f "$STARTED"
OTHER=127.0.0.3 launch "${three[@]}" --check ./app
check "is 125" test "$status" -eq 125
check "has a mark" test "$(column 'Open MPI' | paste -sd'|')" = "Open MPI|4.1.4|4.1.4|4.1.5 !"
check "is named in one line" test "$(said)" = \
  "shipyard-mpirun: error: 127.0.0.3: Open MPI 4.1.5, the primary has Open MPI 4.1.4"
check "with its remedy" grep -qx '  hint: does every node run the same image? docker images --digests tells' "$work/out"
check "and nothing is started" test ! -e "$STARTED"

echo "# a node that refuses the key"
DENIED=127.0.0.2 launch "${three[@]}" --check ./app
check "is 121" test "$status" -eq 121
check "has a row that says so" grep -qx '127.0.0.2  permission denied (publickey) !' "$work/out"
check "is named in one line" test "$(said)" = "shipyard-mpirun: error: 127.0.0.2: ssh: permission denied \
(publickey): the node does not accept the job's key"

echo "# a node that does not answer"
launch --hosts 127.0.0.1,127.0.0.2 --ssh-port 1 --wait 100ms --oversubscribe --ppn 1 --check ./app
check "is 120" test "$status" -eq 120
check "has a row" grep -qx '127.0.0.2  connection refused !' "$work/out"

echo "# a signal while nodes are asked"
FROZEN=127.0.0.2 start ended "${three[@]}" --check ./app
await asking
kill -TERM "$launcher"
ended 10
check "is 143" test "$status" -eq 143
check "and one line" test "$(said)" = \
  "shipyard-mpirun: error: SIGTERM received while asking the nodes: nothing was started"
check "leaves no ssh and no files" eval 'none_left ended 10 && no_run_directory'

echo "# as JSON"
OTHER=127.0.0.3 launch "${three[@]}" --check --json ./app
check "is 125, too" test "$status" -eq 125
check "every node's facts" test "$(jq -r '[.check.nodes[] | "\(.host) \(.facts.mpi.version)"] | join("|")' <"$work/out")" = \
  "127.0.0.1 Open MPI 4.1.4|127.0.0.2 Open MPI 4.1.4|127.0.0.3 Open MPI 4.1.5"
check "where they were asked for" test "$(jq -c '[.check.nodes[].facts | .program, .working_directory, .rank_program, .connect_back.problem]' <"$work/out")" = \
  '[0,0,0,"",0,0,0,"",0,0,0,""]'
check "the findings" test "$(jq -c '.check.findings[] | select(.severity == "error") | [.hosts, .what, .status]' <"$work/out")" = \
  '[["127.0.0.3"],"Open MPI 4.1.5, the primary has Open MPI 4.1.4",125]'
check "and what it comes to" test "$(jq -c '.outcome | [.name, .status]' <"$work/out")" = '["config_error",125]'

echo "# the program"
refused 127 "program './missing' not found" "${three[@]}" --check ./missing
launch "${three[@]}" --check
check "need not be given" eval '! grep -q program "$work/out" && grep -q "nothing is in the way" "$work/out"'

echo "# what a node does with a wrong request"
"$mpirun_tool" --node-facts >"$work/out" 2>"$work/err" <<<'{"mpirun":1}'
check "is 125 and an error with its place" test "$?/$(cat "$work/err")" = \
  "125/shipyard-mpirun: error: request for a node's facts: 'mpirun': a text expected"
done_testing
