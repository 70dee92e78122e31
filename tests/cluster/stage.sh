#!/bin/bash
# stage.sh SUITE: --stage and --collect on nodes with file systems of their own, and with one that they share: what comes, what is
# left alone, and what is left behind where it is ended in the middle. SUITE: bookworm (Open MPI 4.1), trixie (Open MPI 5.0) or mpich.
# shellcheck disable=SC2016,SC2317  # for the shells of ranks; functions are called by name
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/faults.sh
. "$here/lib/faults.sh"
need_images "$image" shipyard/node:latest
work=$(mktemp -d)
mkdir "$work/shared"
trap 'remove_pools; rm -rf "$work"' EXIT
[ "$suite" = bookworm ] && net=10.213.71 || net=10.213.72
pool=stage-$suite-$$
make_pool "$pool" -n 4 --image "$image" --subnet "$net.0/24" "--run-option=--volume=$work/shared:/shared" \
  --run-option=--tmpfs=/small:size=8m
on() { on_pool_node "$pool" "$@"; }
# each COMMAND…: what it prints on each node but the primary; once, where it is the same.
each() { for node in 1 2 3; do on $node sh -c "$1" 2>&1; done | sort -u; }
# in_directory DIR WORD…: the launcher there, as `run` does.
run_in() {
  struck[run]=$(now)
  in_pool "$pool" sh -c 'cd "$0" && exec "$@"' "$1" shipyard-mpirun "${@:2}" >"$work/run.out" 2>"$work/run.err"
  echo "$? $(now)" >"$work/run.end"
  take_in run
  notes=$(sed -n 's/^shipyard-mpirun: note: //p' "$work/run.err")
}
# found NODE COMMAND: what it prints there, and "that is all" behind it: an exec that fails is no empty directory.
found() { on "$1" sh -c "$2 2>/dev/null; echo that is all" 2>&1; }
no_partial() {
  local node
  for node in 0 1 2 3; do
    [ "$(found "$node" 'ls -d /data/.shipyard-stage.* /data/*/.shipyard-stage.* /small/.shipyard-stage.*')" = "that is all" ] || return 1
  done
}

on 0 sh -c 'mkdir -p /data/case/deep/er "/data/case/a b"; cd /data/case; seq 100000 >deep/er/numbers; printf "#!/bin/sh\necho ran\n" >script
  chmod 750 script; ln -s deep/er/numbers link; : >empty; printf x >"a b/
line"; mkdir nothing'
digest='cd /data/case && find . ! -name "*.shipyard*" -printf "%p %y %m %s %l %T@\n" | grep -v "^\S* d" | sort | md5sum'

echo '# what comes'
run_in /data --ppn 1 --stage case sh -c 'case/script && md5sum <case/link'
check "on all ranks: exit status" "$status" 0
check "the program finds the same everywhere, in a directory that only the primary had" "$(sort "$work/run.out" | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" "4 4 "
check "what is said" "$notes" "case (5 files, 589 kB): brought to 3 nodes"
check "names, modes, links, times" "$(each "$digest")" "$(on 0 sh -c "$digest")"
check "an empty directory" "$(each 'ls -d /data/case/nothing')" /data/case/nothing
run_in /data --ppn 1 --stage case true
check "a second job" "$status $notes" "0 case (5 files, 589 kB): there already on 3 nodes"
on 2 sh -c 'echo own >/data/case/result'
on 0 sh -c 'echo changed >/data/case/empty'
run_in /data --ppn 1 --stage case --report /tmp/report cat case/empty
check "what has changed comes" "$(sort -u "$work/run.out")" changed
check "and a node's own results stay" "$(on 2 cat /data/case/result)" own
check "the report tells of each node" "$(on 0 cat /tmp/report | jq -c '[.stage[0].target, [.stage[0].nodes[].what]]')" \
  '["/data/case",["received","received","received"]]'
run_in /data --ppn 1 --stage case:/tmp/of/it ls /tmp/of/it
check "another target is for the primary, too" "$status $(grep -c script "$work/run.out") $notes" "0 4 case (5 files, 589 kB): brought to 4 nodes"
on 0 sh -c 'cp -r /data/case /shared/case; echo 1 >/shared/case/marker'
run_in /shared --ppn 1 --stage case cat case/marker
check "a directory that all nodes share is left alone" "$status $notes" "0 case (6 files, 589 kB): shared with 3 nodes"
run_in /data --ppn 1 --stage case:/shared/other ls /shared/other
check "a target that all nodes share is brought once" "$status $notes" \
  "0 case (5 files, 589 kB): brought to 1 node, 3 nodes more see what one of these has got"

echo '# programs that come, and a task of Batch, which starts in a directory of the primary alone'
on 0 sh -c 'mkdir /data/tools; printf "#!/bin/sh\necho \$0 in \$PWD\n" >/data/tools/say; chmod +x /data/tools/say'
run_in /data --ppn 1 --stage tools:/mnt/tools tools/say
check "a program of DIR runs from TARGET" "$status $(sort "$work/run.out" | uniq -c | tr -s ' ')" "0  4 /mnt/tools/say in /data"
run_in /data --ppn 1 --stage tools:/mnt/other /mnt/other/say
check "a program that is in TARGET alone" "$status $(sort "$work/run.out" | uniq -c | tr -s ' ')" "0  4 /mnt/other/say in /data"
run_in /data --ppn 1 --stage tools:/mnt/third --wdir /mnt/third ./say
check "and where it is the ranks' directory" "$status $(sort "$work/run.out" | uniq -c | tr -s ' ')" "0  4 /mnt/third/say in /mnt/third"
run_in /data --ppn 1 --stage tools:/mnt/fourth --check /mnt/fourth/say
check "--check does not ask the nodes for what comes" "$status $said" "0 "
run_in /data --ppn 1 --stage tools:/mnt/fourth --wdir /mnt/fourth --preflight 20s ./say
check "nor does --preflight" "$status $(sort -u "$work/run.out")" "0 /mnt/fourth/say in /mnt/fourth"
task=$(on 0 sh -c 'echo "$AZ_BATCH_TASK_SHARED_DIR"')
on 0 sh -c 'cp -r /data/tools "$AZ_BATCH_TASK_WORKING_DIR"'
run_in "$(on 0 sh -c 'echo "$AZ_BATCH_TASK_WORKING_DIR"')" --ppn 1 --stage tools --collect 'rank.*' sh -c 'tools/say && echo x >rank.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}'
check "a relative DIR goes to where the ranks run" "$status $(sort "$work/run.out" | uniq -c | tr -s ' ')" "0  4 tools/say in $task"
check "what is collected is where the task's files are brought to storage from" \
  "$(on 0 sh -c 'cd "$AZ_BATCH_TASK_WORKING_DIR/collected" && ls -d */rank.*' | wc -l)" 4
for node in 0 1 2 3; do on $node rm -rf /data/tools /data/collected; done

echo '# what cannot come'
run_in /data --stage cas true
check "a directory that is not there" "$status $said" "125 --stage: cas is not there"
on 0 sh -c 'head -c 9000000 /dev/urandom >/data/case/big'
run_in /data --ppn 1 --stage case:/small/case true
check "no room: nothing is sent" "$status $said" "125 --stage: no room for 9.6 MB at /small/case on this node (8.4 MB free), $net.5 (8.4 MB free), $net.6 (8.4 MB free) and $net.7 (8.4 MB free)"
check "nor left" "$(found 1 'ls -A /small')" "that is all"
on 3 sh -c 'rm -rf /data/case; echo mine >/data/case'
run_in /data --ppn 1 --stage case true
check "a file in its place" "$status $said" "125 --stage: /data/case cannot be brought to $net.7: /data/case is not a directory"
check "is still there" "$(on 3 cat /data/case)" mine
check "and nothing was started" "$(wc -c <"$work/run.out")" 0
on 3 sh -c 'rm /data/case; mkdir -p /data/case/empty'
run_in /data --ppn 1 --stage case true
check "a directory where a file should be: said by the node" "$status $said" \
  "125 --stage: /data/case cannot be brought to $net.7: /data/case/empty is a directory there, and none here"
check "nothing of the rest is there" "$(on 3 ls /data/case)" empty
on 3 rm -rf /data/case

echo '# the end in the middle'
# Without its random bytes again it would be there at once.
prepare() { on 0 sh -c 'head -c 900000000 /dev/zero >/data/case/big'; }
receiving() { on 3 sh -c 'ls -d /data/.shipyard-stage.*' >/dev/null 2>&1; }
prepare
for signal in INT KILL; do
  { run_in /data --ppn 1 --stage case true; } &
  background=$!
  wait_until 60 receiving
  on 0 sh -c "pkill -$signal -x shipyard-mpirun"
  wait $background
  take_in run
  [ $signal = KILL ] || check "SIG$signal: the line" "$status $said" "130 SIGINT received while staging: nothing was started"
  wait_until 30 no_partial
  check "SIG$signal: nothing is left" "$(found 3 'ls -A /data')" "that is all"
done
{ run_in /data --ppn 1 --stage case true; } &
background=$!
wait_until 60 receiving
on 2 sh -c 'pkill -KILL -x tar'
wait $background
take_in run
check "a node that fails ends it" "$status $said" "125 --stage: /data/case cannot be brought to $net.6: tar: signal 9 (Killed)"
wait_until 30 no_partial
check "and no other keeps anything" "$(found 3 'ls -A /data')" "that is all"
# Of the attempt before it may have got all, or nothing.
check "nor it" "$(found 2 'find /data/case -size +100M')" "that is all"
{ run_in /data --ppn 1 --stage case --node-timeout 3s true; } &
background=$!
wait_until 60 receiving
freeze "$(task 3)"
wait $background
take_in run
docker unpause "$(task 3)" >/dev/null
check "a node that freezes ends it, too" "$status" 120
check_contains "and is named" "$said" "cannot be brought to $net.7: "
check_at_most "in time" "$seconds" 40
wait_until 60 no_partial
check "what it had is gone once it goes on" "$(found 3 'ls -A /data')" "that is all"
on 0 rm /data/case/big

echo '# what comes back'
run_in /data --ppn 1 --stage case --collect 'case/out.*' --collect '*.none' sh -c 'echo ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} >case/out.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}'
check "exit status" "$status" 0
check "a directory for each node" "$(on 0 sh -c 'cd /data/collected; for f in */case/*; do echo "$f $(cat $f)"; done')" \
  "$(for i in 0 1 2 3; do echo "$net.$((i + 4))/case/out.$i $i"; done)"
check "their modes are those of any directory" "$(on 0 sh -c 'cd /data/collected && stat -c %a . *' | sort -u)" 755
check_contains "it is said where" "$notes" "results of 4 nodes are in /data/collected"
run_in /data --ppn 1 --collect 'case/out.*' true
check "what is there is not mixed with other results" "$status $said" "125 --collect: /data/collected has something in it already"
run_in /data --ppn 1 --collect '*' --collect-to of/this sh -c 'test ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} = 2 && exit 3; echo x >only.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; sleep 2'
check "after a program that fails, too" "$status $(on 0 sh -c 'cd /data/of/this; ls -d */case | wc -l')" "3 4"
check "not what was collected before itself" "$(found 0 'ls -d /data/of/this/*/of/this')" "that is all"
run_in /data --ppn 1 --collect 'only.none' --collect-to none true
check "nothing matches" "$status $notes" "0 --collect: nothing matches on $net.4, $net.5, $net.6 and $net.7"
check "no empty directory" "$(found 0 'ls -d /data/none')" "that is all"
run_in /shared --ppn 1 --collect 'case/marker' true
check_contains "of a directory that is shared nothing is brought" "$notes" "3 nodes share this directory"
on 1 sh -c 'touch /data/case/secret; chmod 000 /data/case/secret; rm /bin/tar'
run_in /data --ppn 1 --collect 'case/out.*' --collect-to other true
check "a node that cannot send fails the job, and is named" "$status $said" \
  "125 --collect: not brought: $net.5: there is no tar"
check "the others' results are there, and nothing half" "$(on 0 ls -A /data/other | tr '\n' ' ')" "$net.4 $net.6 $net.7 "
start lost 3 --nodes 3 --ppn 1 --wdir /data --collect 'case/out.*' --collect-to /data/after sh -c 'echo started; sleep 60'
strike lost
docker kill "$(task 2)" >/dev/null
ends lost
check "a node that is lost" "$status" 122
check_contains "is named" "$(cat "$work/lost.err")" " and $net.6: "
check "the primary's results are there" "$(on 0 ls "/data/after/$net.4/case")" out.0
finish
