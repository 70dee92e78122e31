#!/bin/bash
# Intel MPI, of which a stand-in (tests/lib/fake_intel_mpi) knows what its reference says: nobody has tried the real one. The
# nodes are addresses of loopback: their sshd is a banner, ssh a script that runs the command here.
source "$(dirname "$0")/launcher_common.sh"
command -v perl >/dev/null || { echo "skipped: no perl for the nodes"; exit 77; }
for name in $(compgen -e | grep -E '^(I_MPI_|FI_|UCX_|HYDRA_|FAKE_)'); do unset "$name"; done

# An installation as oneAPI lays it out.
prefix=$work/oneapi/mpi/2021.11
mkdir -p "$prefix/bin" "$prefix/lib" "$prefix/opt/mpi/libfabric/lib/prov" "$prefix/env" "$work/fake" "$work/record"
for name in mpirun mpiexec.hydra hydra_bstrap_proxy hydra_pmi_proxy; do
  cp "$test_directory/../lib/fake_intel_mpi" "$prefix/bin/$name"
done
cat >"$prefix/env/vars.sh" <<VARS
[ \$# = 0 ] || [ "\$1" = "$prefix/env/vars.sh" ] || return 1
export I_MPI_ROOT=$prefix PATH=$prefix/bin:\$PATH LD_LIBRARY_PATH=$prefix/lib FROM_VARS='a b'
VARS
# ssh … HOST COMMAND
cat >"$work/fake/ssh" <<'FAKE'
#!/bin/sh
echo "$*" >>"$FAKE_RECORD/ssh"
for word; do host=$last; last=$word; done
[ "$host" = "$DENIED" ] && exit 255
exec sh -c "$last"
FAKE
chmod 755 "$work/fake/ssh"
export FAKE_RECORD=$work/record EVENTS=$work/events PATH=$work/fake:$PATH
cd "$work" || exit 1

greet_for_all_nodes
here=(--mpirun "$prefix" --bind-to none --oversubscribe)
nodes=("${here[@]}" --hosts '127.0.0.1,127.0.0.2' --ssh-port "$port" --ppn 2)
output() { sort "$work/out" | paste -sd,; }
errors() { grep '^shipyard-mpirun: error' "$work/err"; }
call() { grep "^mpiexec.hydra" "$work/record/calls" | tail -n 1; }
not() { ! "$@"; }
# --explain's lines as one, whatever they are wrapped at.
explained() { sed -n 's/^# *//p' "$work/out" | paste -sd' ' | sed 's/^/ /'; }
# ends NAME STATUS MESSAGE: of the launch before, whose first line on standard error of ours this is.
ends() {
  if [[ $status -eq $2 && $(errors) == *"$3"* ]] && no_run_directory; then echo "ok: $1: $2"; else
    fail "$1: expected exit status $2 and '$3', got $status"
  fi
}

echo "# ranks on two nodes"
launch "${nodes[@]}" sh -c 'echo "$PMI_RANK of $PMI_SIZE, $MPI_LOCALRANKID"'
check "every rank once, two on each node" test "$status $(output)" = "0 0 of 4, 0,1 of 4, 1,2 of 4, 0,3 of 4, 1"
check "without a word of ours but that of host keys" eval '! grep -v "note: host keys" "$work/err" | grep -q .'
check "mpiexec.hydra is called, not the script around it" test "$(cut -d' ' -f1,2 "$work/record/calls" | head -n 2 | paste -sd,)" = "mpirun --version,mpiexec.hydra -machinefile"
check "ssh gets our config, behind it what Intel's adds" \
  grep -q "^-F $TMPDIR/shipyard-mpirun.[a-z0-9]*/ssh_config -q -x 127.0.0.2 $prefix/bin/hydra_bstrap_proxy" "$work/record/ssh"
check "and only for the other node" test "$(wc -l <"$work/record/ssh")" = 1
seen='env | grep -E "^(I_MPI_|FI_|LD_LIB|UCX_|AZ_|SHIPYARD_|zzzz)" | grep -v "^SHIPYARD_JOB=" | sort | paste -sd" "'
AZ_BATCH_NODE_ID=tvm-1 launch "${nodes[@]}" sh -c "$seen"
check "ranks have what they need, on both nodes, and nothing else" test "$(sort -u "$work/out")" = \
  "FI_PROVIDER_PATH=$prefix/opt/mpi/libfabric/lib/prov FI_TCP_IFACE=lo I_MPI_FABRICS=shm:ofi I_MPI_OFI_PROVIDER=tcp I_MPI_PIN=off I_MPI_ROOT=$prefix LD_LIBRARY_PATH=$prefix/opt/mpi/libfabric/lib:$prefix/lib"
launch "${nodes[@]}" -x 'WORDS=a b,c=d;"e"' --tag-output sh -c 'echo "$WORDS|$1"' sh :
check "a variable with everything in it, a colon, tags" test "$(output)" = \
  "$(for i in 0 1 2 3; do echo "[$i] a b,c=d;\"e\"|:"; done | paste -sd,)"
launch "${nodes[@]}" sh -c 'read line || echo "$PMI_RANK empty"'
check "no rank waits for input" test "$status $(output)" = "0 0 empty,1 empty,2 empty,3 empty"
eighteen=$(for i in $(seq 18); do echo "127.0.0.$i"; done | paste -sd,)
launch "${here[@]}" --hosts "$eighteen" --ssh-port "$port" --ppn 1 sh -c 'echo $PMI_RANK'
check "18 nodes, all reached from this one" test "$status $(wc -l <"$work/out")" = "0 18"

echo "# binding"
if (($(nproc) >= 2)); then
  masks='sed -n "s/^Cpus_allowed_list:[[:space:]]*/$PMI_RANK /p" /proc/self/status'
  bound=(--mpirun "$prefix" -n 2 --bind-to core)
  planned=$("$mpirun_tool" "${bound[@]}" --dry-run --json true 2>/dev/null | jq -r '.nodes[0].cpuset | to_entries[] | "\(.key) \(.value)"' | paste -sd,)
  launch "${bound[@]}" sh -c "$masks"
  check "ranks are bound as planned, not as Intel MPI would pin them" test "$status $(output)" = "0 $planned"
  I_MPI_PIN=on launch "${bound[@]}" --explain sh -c "$masks"
  first=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)
  check "I_MPI_PIN of the user's: Intel MPI pins" test "$status $(output)" = "0 0 $first,1 $first"
fi

echo "# the user's own word wins"
I_MPI_PIN_DOMAIN=omp launch --dry-run --explain "${nodes[@]}" true
check "I_MPI_PIN_DOMAIN: pinning stays on" eval 'grep -qx "# I_MPI_PIN off: left alone: you have set it yourself" "$work/out" && ! grep -q "I_MPI_PIN=" "$work/out"'
I_MPI_FABRICS=shm I_MPI_OFI_PROVIDER=verbs FI_TCP_IFACE=eth7 launch "${nodes[@]}" sh -c "$seen"
check "I_MPI_FABRICS, I_MPI_OFI_PROVIDER, FI_TCP_IFACE" \
  test "$(sort -u "$work/out" | grep -o 'FI_TCP_IFACE.*PIN')" = "FI_TCP_IFACE=eth7 I_MPI_FABRICS=shm I_MPI_OFI_PROVIDER=verbs I_MPI_PIN"
launch "${nodes[@]}" -x I_MPI_FABRICS=ofi sh -c "$seen"
check "-x" grep -q 'I_MPI_FABRICS=ofi' "$work/out"
launch "${nodes[@]}" --mpi-arg=-genv --mpi-arg=I_MPI_OFI_PROVIDER=psm3 sh -c "$seen"
check "-genv" eval 'grep -q "I_MPI_OFI_PROVIDER=psm3" "$work/out" && [[ $(call) == *" -genv I_MPI_OFI_PROVIDER=psm3 -np 4 "* ]]'
FI_PROVIDER=efa launch "${nodes[@]}" sh -c "$seen"
check "FI_PROVIDER" not grep -q I_MPI_OFI_PROVIDER "$work/out"
launch "${nodes[@]}" --mpi-arg=-print-all-exitcodes --mpi-arg=-iface --mpi-arg=lo true
check "global options of theirs stand before local ones" eval '[[ $status = 0 && $(call) == *" -print-all-exitcodes -iface lo -np 4 "* ]]'
I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS='-o LogLevel=DEBUG' launch "${nodes[@]}" true
check "arguments for ssh, behind ours" eval 'tail -n 1 "$work/record/ssh" | grep -q "ssh_config -o LogLevel=DEBUG -q -x"'
refused 125 "--mpi-arg -bootstrap-exec-args: shipyard-mpirun itself says what ssh gets" "${nodes[@]}" --mpi-arg=-bootstrap-exec-args --mpi-arg=-v true
refused 125 "--mpi-arg -genvnone: shipyard-mpirun itself says which variables go to the ranks, and mpirun takes only one such option" \
  "${nodes[@]}" --mpi-arg=-genvnone true

echo "# how it ends"
host=$(uname -n)
launch "${nodes[@]}" sh -c 'exit $((PMI_RANK == 3 ? 3 : 0))'
ends "one rank exits 3" 3 "sh: rank 3 on $host ended with exit status 3"
launch "${nodes[@]}" sh -c '[ "$PMI_RANK" != 1 ] || exit 8; exit $((PMI_RANK == 2 ? 3 : 0))'
check "3 and 8 are one of them, not their bitwise or" eval '[[ $status -eq 3 || $status -eq 8 ]]'
launch "${nodes[@]}" sh -c '[ "$PMI_RANK" != 2 ] || kill -KILL $$; exec sleep 30'
ends "a rank is killed" 137 "sh: rank 2 on $host ended with signal 9"
launch "${nodes[@]}" sh -c '[ "$PMI_RANK" != 1 ] || kill -SEGV $$; exec sleep 30'
ends "a rank dies of SIGSEGV" 139 "sh: rank 1 on $host ended with signal 11"
# As after MPI_Init: all have started.
abort=': >"up.$PMI_RANK"
if [ "$PMI_RANK" = 1 ]; then
  until [ -e up.0 ] && [ -e up.2 ] && [ -e up.3 ]; do sleep 0.05; done
  rm up.*
  eval "echo cmd=abort exitcode=$1 >&$FAKE_PMI_FD"
fi
exec sleep 30'
launch "${nodes[@]}" bash -c "$abort" bash 42
ends "MPI_Abort(42)" 42 "the job was aborted with status 42"
FAKE_STATUS=0 launch "${nodes[@]}" sh -c 'exit $((PMI_RANK == 0 ? 3 : 0))'
ends "mpirun's 0 after a rank's 3" 3 "sh: rank 0 on $host ended with exit status 3"
# The last one ends when the others have been heard of to their end.
program is_lost <<'IS_LOST'
[ "$PMI_RANK" = 3 ] || { echo $PPID >"ended.$PMI_RANK"; exit 0; }
for rank in 0 1 2; do
  until [ -s "ended.$rank" ] && ! kill -0 "$(cat "ended.$rank")" 2>/dev/null; do sleep 0.1; done
done
kill -KILL $PPID
IS_LOST
FAKE_STATUS=0 launch "${nodes[@]}" ./is_lost
ends "mpirun's 0 after a rank is lost" 122 "rank 3 on $host never said how it ended"
FAKE_STATUS=0 launch "${nodes[@]}" bash -c "$abort" bash 0
ends "MPI_Abort(0)" 1 "the job was aborted with status 0"
launch "${nodes[@]}" nosuchprogram
ends "program missing" 127 "program 'nosuchprogram' not found"
cat >"$work/orphan" <<<'#!/no/such/interpreter'
chmod 755 "$work/orphan"
launch "${nodes[@]}" ./orphan
ends "its interpreter missing" 127 "./orphan: not found by rank"
launch "${nodes[@]}" --wdir "$work/none" true
ends "no such directory" 125 "cannot enter the working directory $work/none"
SECONDS=0
DENIED=127.0.0.2 launch "${nodes[@]}" true
check "ssh fails: 121, at once" eval '[[ $status -eq 121 && $SECONDS -lt 30 ]] && errors | grep -q 127.0.0.2'
launch "${nodes[@]}" --mpi-arg=-nosuchoption true
ends "an option that Intel MPI does not know" 121 "mpirun could not start the job (exit status 255)"
check "and what it says about that" grep -q 'Error: unrecognized argument -nosuchoption' "$work/err"

echo "# signals"
program waits <<'WAITS'
trap 'echo "$PMI_RANK caught TERM"; exit 0' TERM
echo started >"$EVENTS"
while :; do sleep 0.1; done
WAITS
start job "${nodes[@]}" -x EVENTS ./waits
for _ in 1 2 3 4; do await started; done
kill -TERM "$launcher"
ended 20
check "SIGTERM: 143, though mpirun's own is 0" test "$status" = 143
check "all ranks have got it" test "$(output)" = "0 caught TERM,1 caught TERM,2 caught TERM,3 caught TERM"
check "nothing is left" none_left job 10

echo "# where it lies"
launch --mpi-env "$prefix/env/vars.sh" --bind-to none --oversubscribe --hosts '127.0.0.1,127.0.0.2' --ssh-port "$port" --ppn 1 sh -c 'echo "$FROM_VARS $I_MPI_ROOT $FI_PROVIDER_PATH"'
check "--mpi-env vars.sh: on every node, and nothing of ours beside it" test "$status $(output)" = "0 a b $prefix ,a b $prefix "
launch --dry-run --explain "${nodes[@]}" true
check "--explain: the version, and that it is not tried" eval 'explained | grep -q " mpirun $prefix/bin/mpiexec.hydra: Intel MPI 2021.11 " && explained | grep -q " note: what is said to Intel MPI is what its reference asks for; it was tried with a stand-in only "'
FAKE_VERSION='Intel(R) MPI Library for Linux* OS, Version 2018 Update 4 Build 20180823 (id: 18555)' \
  refused 125 "$prefix/bin/mpirun: Intel MPI 2018 Update 4 is too old" "${here[@]}" -n 1 true
cat >"$work/in_opt" <<'IN_OPT'
#!/bin/sh
mount -t tmpfs none /opt && mkdir -p /opt/intel/oneapi/mpi && cp -r "$PREFIX" /opt/intel/oneapi/mpi/ || exit 77
exec "$@"
IN_OPT
chmod 755 "$work/in_opt"
mkdir "$work/tools"
ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$work/tools/python3"
for name in sh env rm cp mkdir mount; do ln -s "$(command -v $name)" "$work/tools/$name"; done
if PREFIX=$prefix unshare --mount "$work/in_opt" true 2>/dev/null; then
  PREFIX=$prefix PATH=$work/tools "$(command -v unshare)" --mount "$work/in_opt" "$mpirun_tool" --dry-run --explain -n 1 "$work/waits" >"$work/out" 2>"$work/err" </dev/null
  check "below /opt/intel, where PATH has no mpirun" eval 'explained | grep -q " I_MPI_ROOT /opt/intel/oneapi/mpi/2021.11: nobody has sourced its env/vars.sh "'
fi

echo "# --check"
PATH=$bin:$PATH launch "${nodes[@]}" --check true
check "the ranks start, and the table knows whose mpirun it is" eval '[[ $status -eq 0 ]] && grep -q "Intel MPI" "$work/out"'

done_testing
