#!/bin/bash
# shipyard-mpirun with an mpirun that writes down what it got, for what a real one on this machine cannot do.
source "$(dirname "$0")/launcher_common.sh"

# FAKE_VERSION is what it is. It starts FAKE_RANKS of the ranks (0 where not set) and ends with FAKE_STATUS.
mkdir "$work/fake" "$work/record"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/bash
if [[ $* == --version ]]; then
  echo "mpirun (Open MPI) ${FAKE_VERSION:-4.1.4}"
  exit 0
fi
printf '%s\0' "$0" "$@" >"$RECORD/argv"
env -0 >"$RECORD/env"
readlink /proc/self/fd/0 >"$RECORD/stdin"
for ((i = 1; i < $#; i++)); do [[ ${!i} == --hostfile ]] && { n=$((i + 1)); cp "${!n}" "$RECORD/hostfile"; stat -c '%a %n' "${!n}" "${!n%/*}" >"$RECORD/modes"; }; done
while [[ $# -gt 0 && $1 != */shipyard-rank ]]; do shift; done
for ((rank = 0; rank < ${FAKE_RANKS:-0}; rank++)); do OMPI_COMM_WORLD_RANK=$rank "$@" </dev/null; done 2>>"$RECORD/ranks.err"
exit "${FAKE_STATUS:-0}"
FAKE
chmod 755 "$work/fake/mpirun"
export RECORD=$work/record
original_path=$PATH
export PATH=$work/fake:$PATH
program app <<<'exit "${APP_STATUS:-0}"'
cd "$work" || exit 1

words() { tr '\0\n' '\n~' <"$RECORD/argv"; }
# says WORDS…: side by side in mpirun's command.
says() {
  local joined
  joined=$(printf '%s\n' "$@")
  [[ $'\n'$(words)$'\n' == *$'\n'"$joined"$'\n'* ]]
}
variable() { tr '\0' '\n' <"$RECORD/env" | grep -qx "$1"; }
not() { ! "$@"; }

# expect STATUS MESSAGE: of the launch before.
expect() {
  if [[ $status -eq $1 && ! -s $work/out && $(head -n 1 "$work/err") == "shipyard-mpirun: error: $2" ]] && no_run_directory; then
    echo "ok: $1, $2"
  else
    fail "expected exit status $1 and '$2', got $status"
  fi
}
host=$(uname -n)

echo "# what counts is what the ranks say"
# The stand-in binds nothing.
FAKE_RANKS=2 launch -n 2 --oversubscribe --bind-to none ./app
check "all ranks ended with 0: completed, without a word" test "$status/$(cat "$work/out" "$work/err" | wc -c)" = 0/0
FAKE_RANKS=1 launch -n 2 --oversubscribe ./app
expect 122 "1 of 2 ranks never said how they ended"
FAKE_VERSION=5.0.7 FAKE_RANKS=0 launch -n 2 --oversubscribe ./app
expect 122 "2 of 2 ranks never said how they ended"
APP_STATUS=3 FAKE_RANKS=1 launch -n 1 ./app
expect 3 "./app: rank 0 on $host ended with exit status 3"
APP_STATUS=3 FAKE_RANKS=1 FAKE_STATUS=183 FAKE_VERSION=5.0.7 launch -n 1 ./app
expect 3 "./app: rank 0 on $host ended with exit status 3"
FAKE_STATUS=213 launch -n 1 ./app
expect 121 "mpirun could not start the job (exit status 213); what it said is above"
program vanish <<<'kill -KILL $PPID'
FAKE_STATUS=205 FAKE_RANKS=1 launch -n 1 ./vanish
expect 122 "rank 0 on $host never said how it ended: it was killed, and shipyard-rank beside it"
printf '#!/no/such/interpreter\n' >"$work/orphan"
chmod 755 "$work/orphan"
FAKE_STATUS=132 FAKE_RANKS=1 launch -n 1 ./orphan
expect 127 "./orphan: not found by rank 0 on $host"
printf 'no program\n' >"$work/garbage"
chmod 755 "$work/garbage"
FAKE_STATUS=126 FAKE_RANKS=1 launch -n 1 ./garbage
expect 126 "./garbage: rank 0 on $host cannot execute it: Exec format error"
FAKE_STATUS=125 FAKE_RANKS=1 launch -n 1 --wdir "$work/none" ./app
expect 125 "rank 0 on $host cannot enter the working directory $work/none: No such file or directory"

echo "# what mpirun gets"
launch -n 2 --oversubscribe ./app 'a b' --
check "the run directory is its owner's alone, and so is the hostfile" \
  test "$(awk '{ print $1 }' "$RECORD/modes" | tr '\n' ' ')" = "600 700 "
check "a hostfile with slots" grep -qx 'localhost slots=2' "$RECORD/hostfile"
check "standard input is /dev/null" grep -qx /dev/null "$RECORD/stdin"
check "the address for reports, which no command line shows" variable 'SHIPYARD_REPORT_TO=127\.0\.0\.1:[0-9]*'
check "a token of 128 bits" variable 'SHIPYARD_JOB_TOKEN=[0-9a-f]\{32\}'
token=$(tr '\0' '\n' <"$RECORD/env" | sed -n 's/^SHIPYARD_JOB_TOKEN=//p')
check "the token stands in no command line" not grep -qF "$token" "$RECORD/argv"
check "the program by its whole path, and its arguments" says -- "$work/app" 'a b' --
SHIPYARD_LIFELINE='' HWLOC_XMLFILE='' HWLOC_SYNTHETIC='' launch -n 1 ./app
check "nothing that describes another machine" not variable 'HWLOC_.*'
launch -n 1 -x 'GIVEN=a b,c=d' ./app
check "-x: the variable in mpirun's environment, its name in the command" \
  eval "variable 'GIVEN=a b,c=d' && says -x GIVEN && ! says 'GIVEN=a b,c=d'"

echo "# the user's own word wins"
OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_mapping_policy=node launch --explain -n 1 ./app
check "OMPI_MCA_*: --bind-to and --map-by are left out" eval '! says --bind-to && ! says --map-by'
check "OMPI_MCA_*: handed on" variable OMPI_MCA_hwloc_base_binding_policy=none
check "--explain says so" grep -qx -- '# --bind-to core: left alone: you have set it yourself' "$work/err"
launch -n 1 --mpi-arg --bind-to --mpi-arg socket --mpi-arg=--mca --mpi-arg=btl --mpi-arg=self ./app
check "--mpi-arg: once, and last" eval 'says --bind-to socket --mca btl self "$bin/shipyard-rank" && ! says --bind-to core'

echo "# --dry-run prints what is done"
launch --dry-run -n 2 --oversubscribe -x GIVEN=1 ./app "it's" '$HOME' $'two\nlines'
check "it starts nothing and leaves nothing" eval 'test "$status" -eq 0 && no_run_directory'
cp "$work/out" "$work/script"
launch -n 2 --oversubscribe -x GIVEN=1 ./app "it's" '$HOME' $'two\nlines'
words | sed 's/shipyard-mpirun\.[a-z0-9]*/RUN/g' >"$work/real"
rm "$RECORD"/*
sh "$work/script" >"$work/out" 2>"$work/err"
words | sed 's/shipyard-mpirun\.[a-z0-9]*/RUN/g' >"$work/printed"
check "the printed script starts the same command" cmp "$work/real" "$work/printed"
check "and cleans up after itself" no_run_directory
check "and gives the variable" variable GIVEN=1
if command -v jq >/dev/null; then
  launch --dry-run --json -n 1 ./app
  check "--json: one object with the plan's parts" \
    jq -e 'keys_unsorted == ["nodes","command","environment","files","stage","collect","reasons"] and .nodes[0].ranks == 1' "$work/out"
fi
launch --dry-run --explain -n 1 ./app
check "--explain: a line a decision, within 80 columns where words allow" \
  eval 'grep -qx -- "# 1 rank: 1 (-n) dealt out over 1 node" "$work/out"'
launch -v -n 1 ./app
check "-v: the command on stderr" grep -qF -- '-np 1 --map-by ' "$work/err"
FAKE_STATUS=1 launch -q -n 1 ./app
check "-q still shows errors" grep -q '^shipyard-mpirun: error: ' "$work/err"

echo "# one dialect for each version"
hosts=(--hosts "127.0.0.1,127.0.0.2" --oversubscribe --ppn 1)
FAKE_VERSION=4.1.7a1 launch --dry-run --explain "${hosts[@]}" ./app
check "4.1.7a1: plm_rsh_agent" grep -qF -- "--mca plm_rsh_agent 'ssh -F $TMPDIR/shipyard-mpirun." "$work/out"
check "4.1.7a1: named" grep -qF 'Open MPI 4.1.7a1' "$work/out"
FAKE_VERSION=5.0.7 launch --dry-run "${hosts[@]}" ./app
check "5.0.7: plm_ssh_agent and an interface's name" \
  grep -qF -- "--prtemca prte_if_include lo" "$work/out"
check "5.0.7: its own names alone" not grep -qE 'plm_rsh|oob_tcp' "$work/out"

echo "# an Open MPI that lives elsewhere"
mkdir -p "$work/opt/bin"
cp "$work/fake/mpirun" "$work/opt/bin/mpirun"
cat >"$work/init.sh" <<INIT
export PATH=$work/opt/bin:\$PATH FROM_SCRIPT='a b'
echo chatter
INIT
PATH=$original_path launch --mpi-env init.sh -n 1 ./app
check "--mpi-env: the mpirun that the script puts into PATH" says "$work/opt/bin/mpirun"
check "--mpi-env: its variables" variable 'FROM_SCRIPT=a b'
check "--mpi-env: its chatter is not on stdout" test ! -s "$work/out"
launch --mpi-env init.sh --dry-run "${hosts[@]}" ./app
check "--mpi-env: daemons source it by its whole path" \
  grep -qE -- "--mca orte_launch_agent 'env SHIPYARD_JOB=[0-9a-f]{16} $bin/shipyard-source $work/init.sh orted'" "$work/out"
PATH=$original_path launch --mpirun opt -n 1 ./app
check "--mpirun: the directory above its bin" says "$work/opt/bin/mpirun"
check "--mpirun: OPAL_PREFIX, PATH and LD_LIBRARY_PATH follow it" \
  eval 'variable "OPAL_PREFIX=$work/opt" && variable "PATH=$work/opt/bin:.*" && variable "LD_LIBRARY_PATH=$work/opt/lib.*"'
cat >"$work/bad.sh" <<<'echo "no licence" >&2; exit 3'
launch --mpi-env bad.sh -n 1 ./app
expect 125 "--mpi-env: $work/bad.sh ended with exit status 3"

echo "# Batch"
mkdir -p "$work/batch/wd" "$work/shared"
cd "$work/batch/wd" || exit 1
AZ_BATCH_TASK_WORKING_DIR=$work/batch/wd AZ_BATCH_TASK_SHARED_DIR=$work/shared AZ_BATCH_NODE_ID=tvm-1 \
  AZ_BATCH_TASK_ID=t launch --dry-run "${hosts[@]}" ../../app
check "ranks on several nodes stand in the shared directory" grep -qF -- "--directory $work/shared" "$work/out"
check "what is the task's goes to all nodes, what is this node's does not" \
  eval 'grep -q -- "-x AZ_BATCH_TASK_ID" "$work/out" && ! grep -q "AZ_BATCH_NODE_ID\|AZ_BATCH_TASK_WORKING_DIR" "$work/out"'
AZ_BATCH_HOST_LIST=127.0.0.1,127.0.0.2 AZ_BATCH_NODE_LIST='10.0.0.4;' launch --dry-run --explain --oversubscribe --ppn 1 ../../app
check "AZ_BATCH_HOST_LIST goes first" grep -qx -- '# 2 nodes: AZ_BATCH_HOST_LIST' "$work/out"
CCP_NODES='2 127.0.0.1 1 127.0.0.2 1' launch --dry-run --explain ../../app
check "CCP_NODES counts nodes, not cores" \
  eval 'grep -qx -- "# 2 nodes: CCP_NODES" "$work/out" && grep -q "ranks\{0,1\}: one on each of this node" "$work/out"'

done_testing
