#!/bin/bash
# shipyard-ssh alone: what it tells mpirun and the launcher of an ssh that failed.
source "$(dirname "$0")/launcher_common.sh"
cd "$work" || exit 1
mkdir run theirs
program ssh <<<'printf "%s\n" "$@" >asked; exit "${STATUS:-0}"'
ssh=$test_directory/../../launcher/connect/shipyard-ssh

# through STATUS WORD…: by a parent that says whether it was told.
through() {
  rm -f run/* theirs/*
  STATUS=$1 PATH=$work:$PATH bash -c 'trap "told=told" TERM; "$@"; echo "$? ${told:-}"' bash "$ssh" "${@:2}" >out 2>err
}
# left WANTED: the lines of lost_nodes, and nothing said.
left() { [[ $(cat run/lost_nodes 2>/dev/null) == "$1" && -z $(ls theirs) && ! -s err ]]; }

through 0 -F run/config -x 10.0.0.5 daemon --port 7
check "the words are ssh's" test "$(tr '\n' ' ' <asked)" = "-F run/config -x 10.0.0.5 daemon --port 7 "
check "all is well: nobody is told" test "$(cat out)" = "0 "
check "and nothing is left" left ""
through 7 -F run/config -x 10.0.0.5 daemon
check "a daemon that fails: mpirun is told" test "$(cat out)" = "7 told"
check "the node is not lost" left ""
through 255 -F run/config -x 10.0.0.5 daemon -F daemons
check "ssh itself fails: mpirun is told" test "$(cat out)" = "255 told"
check "and the launcher, which node it is" left 10.0.0.5
through 255 -F run/config -p 23 -o User=bob -i key -l bob -q -vv -p24 -F theirs/config -x bob@10.0.0.6 daemon
check "the user's options are none" left 10.0.0.6
through 255 -x 10.0.0.5 daemon
check "without our config nothing is left" left ""
done_testing
