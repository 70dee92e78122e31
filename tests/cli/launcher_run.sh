#!/bin/bash
# shipyard-mpirun with the machine's own Open MPI, on this machine alone.
source "$(dirname "$0")/launcher_common.sh"
need_mpirun
cd "$work" || exit 1
two=(-n 2 --oversubscribe)
host=$(uname -n)
not() { ! "$@"; }
# ends STATUS MESSAGE: of the launch before; mpirun may speak before the launcher does.
ends() {
  if [[ $status -eq $1 && $(grep '^shipyard-mpirun: ' "$work/err") == "shipyard-mpirun: error: $2" ]] && no_run_directory; then
    echo "ok: $1, $2"
  else
    fail "expected exit status $1 and '$2', got $status"
  fi
}

echo "# what a job ends with"
program ok <<<'echo fine'
launch "${two[@]}" ./ok
check "success: 0, the program's output and nothing else" test "$status/$(tr '\n' ' ' <"$work/out")/$(wc -c <"$work/err")" = "0/fine fine /0"
program three <<<'exit 3'
launch -n 1 ./three
ends 3 "./three: rank 0 on $host ended with exit status 3"
program one_of_two <<<'[ "$OMPI_COMM_WORLD_RANK" = 1 ] && exit 9; exec sleep 1000'
launch "${two[@]}" ./one_of_two
ends 9 "./one_of_two: rank 1 on $host ended with exit status 9"
program segv <<<'ulimit -c 0; kill -SEGV $$'
launch -n 1 ./segv
ends 139 "./segv: rank 0 on $host ended with signal 11 (Segmentation fault)"
program killed <<<'kill -KILL $$'
launch -n 1 ./killed
ends 137 "./killed: rank 0 on $host ended with signal 9 (Killed)"
printf '#!/no/such/interpreter\n' >orphan
chmod 755 orphan
launch -n 1 ./orphan
ends 127 "./orphan: not found by rank 0 on $host"
launch -n 1 --wdir "$work/none" ./ok
check "a working directory that is missing: 125" test "$status" -eq 125
check "and it is named" grep -qx "shipyard-mpirun: error: rank 0 on $host cannot enter the working directory $work/none: No such file or directory" "$work/err"
launch -n 1 --mpi-arg --no-such-option ./ok
ends 121 "mpirun could not start the job (exit status 1); what it said is above"
check "and mpirun's own words are there" grep -q -- '--no-such-option' "$work/err"
# Without a hold on the rank's output: on that mpirun itself would wait.
program background <<<'setsid sleep 1000 >/dev/null 2>&1 & exit 0'
start background -n 1 ./background
ended 60
check "what a rank leaves in the background is ended with the job" eval 'test "$status" -eq 0 && none_left background 10'

echo "# output and input"
program bytes <<<'head -c 3000000 /dev/zero | tr "\0" "\377"; printf "\0\r\n\033[31mend"'
launch -n 1 ./bytes
./bytes >expected
check "output passes byte for byte" cmp expected out
check "nothing of the launcher's stands in it" test ! -s err
launch -n 1 -v ./ok
check "-v speaks on stderr alone" eval 'test "$(cat out)" = fine && grep -q "^shipyard-mpirun: " err'
program to_stderr <<<'echo oops >&2'
launch -n 1 ./to_stderr
check "stderr stays stderr" test "$(cat out)/$(cat err)" = /oops
timeout 60 "$mpirun_tool" -n 1 cat >out 2>err <<<'for nobody'
check "standard input is /dev/null" test "$?/$(wc -c <out)" = 0/0
timeout 60 "$mpirun_tool" -n 1 --stdin cat >out 2>err <<<'for rank 0'
check "--stdin: rank 0 reads it" test "$?/$(cat out)" = "0/for rank 0"
program who_reads <<<'echo "$OMPI_COMM_WORLD_RANK:$(cat)"'
timeout 60 "$mpirun_tool" "${two[@]}" --stdin ./who_reads >out 2>err <<<'x'
check "--stdin: nobody else does" test "$(sort out | tr '\n' ' ')" = "0:x 1: "
launch "${two[@]}" --tag-output ./ok
check "--tag-output: the rank before each line" eval 'test "$(grep -c "^\[1,[01]\].*fine$" out)" -eq 2'
timeout 60 "$mpirun_tool" -n 1 ./ok <&- >out 2>err
check "a closed standard input is none" test "$?/$(cat out)" = 0/fine
timeout 60 "$mpirun_tool" -n 1 ./bytes 2>err </dev/null | head -c 10 >out
check "a reader that goes away ends the job" test "${PIPESTATUS[0]}" -ne 124

echo "# arguments and environment"
program arguments <<<'printf "%s\0" "$@"'
words=('' ' ' 'a b' "it's" '"q"' '$HOME `id` \' $'two\nlines' '--' '-n' '-np 4' '*' ':' '-x=y' $'\xff' '#no' '{}')
launch -n 1 ./arguments "${words[@]}"
printf '%s\0' "${words[@]}" >expected
check "arguments reach the program untouched" cmp expected out
launch -n 1 -- ./arguments --help
check "also behind --" eval 'printf "%s\0" --help | cmp - out'
program variable <<<'echo "${1}=$(printenv "$1")"; exit 0'
launch -n 1 -x 'GIVEN=a b,c=d;e' ./variable GIVEN
check "-x NAME=VALUE" test "$(cat out)" = 'GIVEN=a b,c=d;e'
OMPI_MCA_btl=self,tcp launch -n 1 ./variable OMPI_MCA_btl
check "OMPI_MCA_* of the user's" test "$(cat out)" = OMPI_MCA_btl=self,tcp
for name in SHIPYARD_LIFELINE SHIPYARD_REPORT_TO; do
  exec 7<>"$work/events"
  timeout 60 env SHIPYARD_LIFELINE=stdin "$mpirun_tool" -n 1 ./variable "$name" >out 2>err <&7
  exec 7>&-
  check "$name is nothing for a rank" test "$(cat out)" = "$name="
done
mkdir sub
program where <<<'pwd; echo "$PWD"'
launch -n 1 --wdir sub "$work/where"
check "--wdir: the ranks' directory, and their PWD" test "$(tr '\n' ' ' <out)" = "$work/sub $work/sub "
launch -n 1 ./where
check "otherwise this one" test "$(head -n 1 out)" = "$work"

echo "# hardware"
program cpus <<<'sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status'
read -r cpu _ < <(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')
launch --dry-run --explain ./ok
all=$(sed -n 's/^# \([0-9]*\) ranks\{0,1\}: one on each of .*/\1/p' out)
check "a rank per core that this process may use" test "$all" -ge 1 -a "$all" -le "$(nproc)"
timeout 60 taskset -c "$cpu" "$mpirun_tool" ./cpus >out 2>err </dev/null
check "taskset: one rank on that core" test "$?/$(cat out)" = "0/$cpu"
check "taskset: --explain says so" eval \
  'test "$(nproc)" -eq 1 || taskset -c "$cpu" "$mpirun_tool" --dry-run --explain ./ok | grep -q "CPU affinity allows 1 of"'
if ((all > 1)); then
  launch -n 2 ./cpus
  check "two ranks, each on a core of its own" test "$(sort -u out | wc -l)" -eq 2
  launch -n $((all + 1)) ./ok
  check "more ranks than cores: refused with both numbers" \
    eval 'test "$status" -eq 125 && grep -qE "^shipyard-mpirun: error: $((all + 1)) ranks on a node that has $all cores" err'
fi
launch "${two[@]}" --bind-to none ./cpus
check "--bind-to none: not bound" test "$(sort -u out)" = "$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)"

echo "# an ordinary user"
if [[ $(id -u) -eq 0 ]] && command -v setpriv >/dev/null; then
  # Their own copy: the build directory need not be open to them.
  mkdir "$work/bin"
  cp "$bin"/shipyard-{mpirun,rank,connect,source,ssh} "$work/bin"
  chmod -R a+rX "$work/bin"
  as_nobody() { timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent "$work/bin/shipyard-mpirun" "$@" >out 2>err </dev/null; }
  program id <<<'id -u'
  as_nobody "${two[@]}" ./id
  check "runs as that user" test "$?/$(sort -u out)" = 0/65534
  as_nobody --dry-run ./id
  check "without --allow-run-as-root" not grep -q allow-run-as-root out
  launch --dry-run ./id
  check "which is there for root" grep -q -- --allow-run-as-root out
  mkdir -m 700 closed
  cp ok closed/ok
  as_nobody -n 1 "$work/closed/ok"
  check "a program that they cannot see is not found" test "$?" -eq 127
fi

echo "# MPI programs"
if command -v mpicc >/dev/null; then
  cat >mpi.c <<'SOURCE'
#include <mpi.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, size = 0, sum = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (argc > 1 && strcmp(argv[1], "abort") == 0) {
    if (rank == 0) MPI_Abort(MPI_COMM_WORLD, 42);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0) printf("%d ranks, sum %d\n", size, sum);
  MPI_Finalize();
  return 0;
}
SOURCE
  if mpicc -DOMPI_SKIP_MPICXX -o mpi mpi.c 2>err; then
    launch "${two[@]}" ./mpi
    check "ranks find each other" test "$status/$(cat out)" = "0/2 ranks, sum 1"
    launch "${two[@]}" ./mpi abort
    check "MPI_Abort(42): 42" test "$status" -eq 42
    check "and one line says so" test "$(grep -c '^shipyard-mpirun: error: ./mpi: ' err)" -eq 1
    HWLOC_XMLFILE=/no/such.xml launch -n 1 ./variable HWLOC_XMLFILE
    check "HWLOC_XMLFILE reaches no rank" test "$(cat out)" = HWLOC_XMLFILE=
    SHIPYARD_N=2 SHIPYARD_OVERSUBSCRIBE=1 launch ./mpi
    check "SHIPYARD_N does what -n does" test "$(cat out)" = "2 ranks, sum 1"
    launch -n 1 "$mpirun_tool" -n 1 ./mpi
    check "the launcher does not start itself" test "$status" -eq 125
    program nested <<<'exec "'"$mpirun_tool"'" -n 1 ./mpi'
    launch -n 1 ./nested
    check "nor does it start inside of mpirun" eval 'test "$status" -eq 125 && grep -q "Open MPI cannot be nested" err'
  else
    echo "skipped: mpicc does not compile: $(head -n 1 err)"
  fi
else
  echo "skipped: MPI programs (no mpicc)"
fi

check "no run directory is left" no_run_directory
done_testing
