#!/bin/bash
# shipyard-mpirun: what it says about itself and what it refuses before it starts anything.
source "$(dirname "$0")/launcher_common.sh"

# An mpirun that must never be asked for more than its version.
mkdir "$work/fake"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/sh
[ "$*" = --version ] && { echo "mpirun (Open MPI) 4.1.4"; exit 0; }
echo "started: $*" >>"$STARTED"
exit 99
FAKE
chmod 755 "$work/fake/mpirun"
export STARTED=$work/started PATH=$work/fake:$PATH
program app <<<'exit 0'
cd "$work" || exit 1

echo "# help and version"
launch --help
check "--help: exit status 0, on stdout" test "$status/$(wc -c <"$work/err")" = 0/0
check "--help fits in 80 columns" awk 'length($0) > 80 { exit 1 }' "$work/out"
check "--help names usage, examples and exit statuses" \
  awk '/^Usage: shipyard-mpirun \[options\] \[--\] program \[arguments\]$/ { n++ } /^Examples:$/ { n++ } /^Exit status:/ { n++ } END { exit n != 3 }' "$work/out"
launch -h
check "-h does the same" test "$status" -eq 0
launch --version
check "--version: one line" grep -qxE 'shipyard-mpirun [0-9]+\.[0-9]+\.[0-9]+' "$work/out"
launch ./app --help
check "a --help behind the program is the program's" test ! -s "$work/out"
rm -f "$STARTED"

echo "# wrong words"
refused 125 "unknown option '--dryrun'" --dryrun ./app
check "the nearest option is named" grep -qxF "hint: did you mean '--dry-run'? Try 'shipyard-mpirun --help'" "$work/err"
refused 125 "no program given"
refused 125 "option '-n' needs a value: N" -n
refused 125 "-n: 'four' is not a whole number from 1 to 10000000" -n four ./app
refused 125 "--wait: 'soon' is not a time" --wait soon ./app
SHIPYARD_PPN=x refused 125 "SHIPYARD_PPN: 'x' is not among: a number, core, hwthread, l3, numa, socket, gpu" ./app
refused 125 "--json goes with --dry-run or --check" --json ./app
refused 125 "--collect-to: there is no --collect" --collect-to results ./app
refused 125 "-x NOT_SET_ANYWHERE: not set here" -x NOT_SET_ANYWHERE ./app

echo "# where it does not belong"
refused 125 "the program is 'mpirun' itself: shipyard-mpirun starts mpirun for you" mpirun -np 2 ./app
refused 125 "the program is 'mpiexec' itself: shipyard-mpirun starts mpirun for you" /usr/bin/mpiexec ./app
OMPI_COMM_WORLD_RANK=0 refused 125 "started by mpirun itself (OMPI_COMM_WORLD_RANK is set): Open MPI cannot be nested" ./app
AZ_BATCH_IS_CURRENT_NODE_MASTER=false refused 125 \
  "this node is not the primary of the task (AZ_BATCH_IS_CURRENT_NODE_MASTER=false)" ./app
AZ_BATCH_IS_CURRENT_NODE_MASTER=true launch --dry-run ./app
check "on the primary it goes on" test "$status" -eq 0

echo "# bad host lists: the place under a caret"
# caret LIST MESSAGE COLUMN
caret() {
  AZ_BATCH_HOST_LIST=$1 refused 125 "AZ_BATCH_HOST_LIST: $2" ./app
  check "the caret is below byte $3" awk -v column="$3" 'NR == 3 { found = index($0, "^") == column + 2 } END { exit !found }' "$work/err"
}
caret '10.0.0.4,,10.0.0.5' 'entry 2 is empty' 10
caret '10.0.0.4,10.0.0.4' 'entry 2 is the same host as entry 1' 10
caret '10.0.0.4,-oProxyCommand=touch x' "entry 2 begins with '-', as an option of ssh does" 10
caret '10.0.0.4,10.0.0;rm' 'entry 2 is not an IP address or host name' 16
check "nothing was carried out" test ! -e "$work/x"
refused 125 "--hosts: entry 1 is not an IPv4 address: each of its numbers is from 0 to 255" --hosts 10.0.0.256 ./app
refused 125 "cannot read $work/none: No such file or directory" --hostfile "$work/none" ./app
refused 125 "host name 'no-such-host.invalid' is not known here: $(getent hosts no-such-host.invalid >/dev/null; python3 -c '
import socket
try: socket.getaddrinfo("no-such-host.invalid", None)
except socket.gaierror as e: print(e.strerror)' 2>/dev/null)" --hosts no-such-host.invalid ./app
AZ_BATCH_HOST_LIST=127.0.0.1 refused 125 "--nodes 2: the job has 1 (AZ_BATCH_HOST_LIST)" --nodes 2 ./app
refused 125 "--subnet 10.9.0.0/16 does not hold this node's address 127.0.0.1" --subnet 10.9.0.0/16 --hosts 127.0.0.1,127.0.0.2 ./app

echo "# programs"
refused 127 "program './none' not found" ./none
check "it says from where it looked" grep -qxF "hint: looked for it from $work" "$work/err"
refused 127 "program 'app' not found" app
check "it says how a program of this directory is written" grep -qF "for one in this directory write ./app" "$work/err"
: >"$work/plain"
refused 126 "$work/plain is not executable" ./plain
check "it says what to do" grep -qxF "hint: chmod +x $work/plain" "$work/err"
mkdir "$work/directory"
refused 127 "program './directory' not found" ./directory
mkdir "$work/sub"
cp "$work/app" "$work/sub/inner"
launch --dry-run --wdir "$work/sub" ./inner
check "a program is looked for in the working directory, too" grep -qF -- "-- $work/sub/inner" "$work/out"

echo "# mpirun"
refused 125 "--mpirun: program '/no/such/mpirun' not found" --mpirun /no/such/mpirun ./app
refused 125 "--mpi-env: cannot read $work/none.sh: No such file or directory" --mpi-env none.sh ./app
program hydra <<<'echo "HYDRA build details:"'
refused 125 "$work/hydra: cannot read the version of MPICH's mpirun (Hydra)" --mpirun ./hydra ./app
program intel <<<'echo "Intel(R) MPI Library for Linux* OS, Version x"'
refused 125 "$work/intel: cannot read the version of Intel MPI from 'Intel(R) MPI Library for Linux* OS, Version x'" --mpirun ./intel ./app
program old <<<'echo "mpirun (Open MPI) 3.1.6"'
refused 125 "$work/old: Open MPI 3.1.6 is too old" --mpirun ./old ./app
program broken <<<'echo "libmpi.so.40: cannot open" >&2; exit 127'
refused 125 "$work/broken --version ended with exit status 127: libmpi.so.40: cannot open" --mpirun ./broken ./app
if ! compgen -G '/usr/local/bin/mpirun' >/dev/null && ! compgen -G '/opt/openmpi*/bin/mpirun' >/dev/null; then
  PATH=$work/directory "$mpirun_tool" "$work/app" >"$work/out" 2>"$work/err" </dev/null
  status=$?
  check "no mpirun at all: 125" test "$status" -eq 125
  check "and it says where one comes from" grep -qF 'no mpirun here: neither in PATH nor in the usual places' "$work/err"
fi

echo "# a terminal and its escapes"
AZ_BATCH_HOST_LIST=$'10.0.0.4,\e]0;x\a' launch ./app
check "control characters are not repeated" test "$(tr -d '\n' <"$work/err" | tr -d '\40-\176' | wc -c)" -eq 0

check "no mpirun was started by any of this" test ! -e "$STARTED"
check "and no file is left" test -z "$(ls -A "$TMPDIR")"
done_testing
