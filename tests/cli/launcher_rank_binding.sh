#!/bin/bash
# shipyard-rank alone: how it binds itself, what it sets, what it tells the launcher, and how it ends without one.
# usage: launcher_rank_binding.sh TEST_DATA
source "$(dirname "$0")/launcher_common.sh"
rank=$bin/shipyard-rank
oracle=$1/../tools/mpirun-on-topology
cd "$work" || exit 1
host=$(uname -n)
unset PMI_RANK UCX_NET_DEVICES

all=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
first=${all%%[-,]*}
last=${all##*[-,]}
count=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)

program cpus <<<'sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status'
program show <<<'for name; do printf "%s=%s\n" "$name" "$(printenv "$name" || echo "(none)")"; done'

# ranked LAYOUT COMMAND…: as rank 0 with that layout. Sets status; fills out and err.
ranked() {
  local layout=$1
  shift
  env OMPI_COMM_WORLD_RANK=0 SHIPYARD_LAYOUT="$layout" "$@" >out 2>err </dev/null
  status=$?
}
# says STATUS OUT ERR: of the command before, as a whole.
says() { [[ $status/$(cat out)/$(cat err) == "$1/$2/$3" ]]; }

echo "# binding"
"$rank" -- ./cpus >out 2>err
status=$?
check "without a layout nothing is bound" says 0 "$all" ""
ranked "1/0/$all:$last/" "$rank" -- ./cpus
check "bound to its CPU" says 0 "$last" ""
ranked "1/0/$all:$all/" "$rank" -- ./cpus
check "or to all of them" says 0 "$all" ""
ranked "1/0/$all:/" "$rank" -- ./cpus
check "or not at all" says 0 "$all" ""
for name in OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK; do
  env SHIPYARD_LAYOUT="1/0/$all:$first:$last/" $name=1 "$rank" -- ./cpus >out 2>err
  status=$?
  check "$name says which rank it is" says 0 "$last" ""
done
env SHIPYARD_LAYOUT="1/0/$all:$last/" "$rank" -- ./cpus >out 2>err
status=$?
check "nobody says it: not bound, and a warning" says 0 "$all" \
  "shipyard-rank: warning: a rank on $host is not bound as planned: none of OMPI_COMM_WORLD_RANK, PMIX_RANK and PMI_RANK says which rank it is"
ranked "1/0/$first:$first/" "$rank" -- ./cpus
check "more CPUs than the plan is for: its own are among them" says 0 "$first" ""

echo "# a node whose CPUs have other numbers"
ranked "1/0/700:700/" taskset -c "$last" "$rank" -- ./cpus
check "the only one stands for the only one" says 0 "$last" ""
if ((count > 1)); then
  ranked "1/0/700-$((699 + count)):$((699 + count)):700/" "$rank" -- ./cpus
  check "the last stands for the last" says 0 "$last" ""
  ranked "1/0/700-$((699 + count)):700/" "$rank" -- ./cpus
  check "the first stands for the first" says 0 "$first" ""
fi
ranked "1/0/700-701:700/" taskset -c "$last" "$rank" -- ./cpus
check "another number of them: not bound, and a warning" says 0 "$last" \
  "shipyard-rank: warning: rank 0 on $host is not bound as planned: the node has 1 CPU ($last), the plan is for 2 (700-701)"

echo "# a layout that makes no sense"
ranked "1/0/0-3:0-" "$rank" -- ./cpus
check "garbled: an error with its place, and no program" says 125 "" "shipyard-rank: error: SHIPYARD_LAYOUT: a list of CPUs expected
  1/0/0-3:0-
          ^"
ranked "2/0/0:0/" "$rank" -- ./cpus
check "another version's" says 125 "" "shipyard-rank: error: SHIPYARD_LAYOUT is of another version of shipyard-mpirun
hint: the same version must be installed on every node"
OMPI_COMM_WORLD_RANK=5 SHIPYARD_LAYOUT="1/0x2/0:0/" "$rank" -- ./cpus >out 2>err
status=$?
check "without this rank" says 125 "" "shipyard-rank: error: SHIPYARD_LAYOUT has no rank 5, but 2 ranks"

echo "# variables"
layout="1/0/$all:+OMP_NUM_THREADS=4+CUDA_VISIBLE_DEVICES=0,1+ODD=%20%22%24/"
ranked "$layout" env -u OMP_NUM_THREADS "$rank" -- ./show OMP_NUM_THREADS CUDA_VISIBLE_DEVICES ODD SHIPYARD_LAYOUT
check "are set" says 0 'OMP_NUM_THREADS=4
CUDA_VISIBLE_DEVICES=0,1
ODD= "$
SHIPYARD_LAYOUT=(none)' ""
ranked "$layout" env OMP_NUM_THREADS=2 CUDA_VISIBLE_DEVICES= "$rank" -- ./show OMP_NUM_THREADS CUDA_VISIBLE_DEVICES
check "unless the rank has them, if empty" says 0 'OMP_NUM_THREADS=2
CUDA_VISIBLE_DEVICES=' ""

echo "# InfiniBand"
# A /sys/class of the test's own, in a mount namespace of its own.
cat >with_infiniband <<'SCRIPT'
#!/bin/sh
mount -t tmpfs none /sys/class || exit 77
port() {
  mkdir -p "/sys/class/infiniband/$1/ports/1" "/sys/class/infiniband/$1/device"
  echo "$2" >"/sys/class/infiniband/$1/ports/1/link_layer"
  echo "$3" >"/sys/class/infiniband/$1/ports/1/state"
  echo "$4" >"/sys/class/infiniband/$1/device/local_cpulist"
}
port mlx5_0 Ethernet '4: ACTIVE' 0-4095
port mlx5_1 InfiniBand '4: ACTIVE' "$near"
port mlx5_2 InfiniBand '4: ACTIVE' 4000-4095
port mlx5_3 InfiniBand '1: DOWN' "$near"
exec "$@"
SCRIPT
chmod 755 with_infiniband
if near=$last unshare --mount ./with_infiniband true 2>/dev/null; then
  export near=$last
  ranked "1/0/$all:$last/" unshare --mount ./with_infiniband "$rank" --find-infiniband -- ./show UCX_NET_DEVICES
  check "the active port nearest to the rank" says 0 UCX_NET_DEVICES=mlx5_1:1 ""
  ranked "1/0/$all:$last/" unshare --mount ./with_infiniband "$rank" -- ./show UCX_NET_DEVICES
  check "not where nobody asks for it" says 0 "UCX_NET_DEVICES=(none)" ""
  ranked "1/0/$all:$last/" env UCX_NET_DEVICES=all unshare --mount ./with_infiniband "$rank" --find-infiniband -- ./show UCX_NET_DEVICES
  check "nor where the user has chosen" says 0 UCX_NET_DEVICES=all ""
else
  echo "skipped: InfiniBand (no mount namespace to be had)"
fi

echo "# what the launcher hears"
cat >listener.py <<'PYTHON'
import os, socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(60)
environment = dict(os.environ, SHIPYARD_REPORT_TO="127.0.0.1:%d" % listener.getsockname()[1], SHIPYARD_JOB_TOKEN="t0k")
process = subprocess.Popen(sys.argv[1:], env=environment)
connection = listener.accept()[0]
connection.settimeout(60)
sys.stdout.write(connection.makefile().read())
sys.exit(process.wait())
PYTHON
heard() { ranked "$1" "${@:2:$#-2}" python3 listener.py "$rank" -- "${!#}"; }
program three <<<'exit 3'
heard "1/0/$all:$last/" ./three
check "the CPUs that it runs on" says 3 "RANK t0k 0 $host
BOUND $last
EXIT 3" ""
heard "" ./three
check "also where it was not to bind itself" says 3 "RANK t0k 0 $host
BOUND $all
EXIT 3" ""
heard "1/0/700:700/" taskset -c "$last" ./three
check "and which of the plan these stand for" says 3 "RANK t0k 0 $host
BOUND $last 700
EXIT 3" ""
heard "1/0/700-701:700/" taskset -c "$last" ./three
check "and why it is not bound" says 3 "RANK t0k 0 $host
UNBOUND the node has 1 CPU ($last), the plan is for 2 (700-701)
BOUND $last
EXIT 3" ""
heard "1/0/0-3:0-" ./three
check "and what is wrong with the layout" says 125 "RANK t0k 0 $host
UNBOUND SHIPYARD_LAYOUT: a list of CPUs expected at character 9 of it
FAIL 22 layout" ""

echo "# the launcher is gone, and mpirun kills what it has started before that has come to its end"
cat >gone.py <<'PYTHON'
import os, pathlib, socket, subprocess, sys, time
job = "SHIPYARD_JOB=%032x" % int.from_bytes(os.urandom(16), "big")
def environment_of(path):
    try:
        return path.read_bytes()
    except OSError:  # ended meanwhile, or another's
        return b""
def left():
    return [path for path in pathlib.Path("/proc").glob("[0-9]*/environ") if job.encode() in environment_of(path)]
def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(60)
environment = dict(os.environ, OMPI_COMM_WORLD_RANK="0", SHIPYARD_JOB=job.partition("=")[2], SHIPYARD_JOB_TOKEN="t0k",
                   SHIPYARD_REPORT_TO="127.0.0.1:%d" % listener.getsockname()[1])
rank = subprocess.Popen([sys.argv[1], "--", "/bin/sh", "-c", sys.argv[2]], env=environment, start_new_session=True)
other = subprocess.Popen(["sleep", "300"], env=environment, start_new_session=True)
connection = listener.accept()[0]
started = until(lambda: os.path.exists("up") and len(left()) == int(sys.argv[3]), 20)
connection.close()
time.sleep(0.5)
rank.kill()
rank.wait()
print("started" if started else "not started", other.poll() is None, until(lambda: other.poll() is not None and not left(), 15))
other.kill()
PYTHON
# gone COUNT PROGRAM: so many processes of the job are there with a rank that is PROGRAM.
gone() {
  rm -f up
  python3 gone.py "$rank" "$2" "$1" >out 2>err
  status=$?
  check "nothing is left" says 0 "started True True" ""
}
echo "# of a rank that takes its time to end, and a process that has left its session"
gone 4 ": >up; trap '' TERM; setsid sleep 300 & wait; sleep 300"
echo "# of a rank that has ended at once"
gone 3 ": >up; exec sleep 300"

echo "# without a launcher"
OMPI_COMM_WORLD_RANK=0 SHIPYARD_LAYOUT="1/0/$all:$last/" "$rank" -- /bin/sh -c 'echo $$' >out &
wait $!
status=$?
check "it becomes the program" test "$status/$(cat out)" = "0/$!"
touch plain
"$rank" -- ./plain >out 2>err
status=$?
check "not where it is not executable" says 126 "" "shipyard-rank: error: program ./plain: Permission denied (on $host)"
"$rank" -- ./missing >out 2>err
status=$?
check "nor where it is missing" says 127 "" "shipyard-rank: error: program ./missing: No such file or directory (on $host)"

echo "# the real mpirun on another machine's topology"
topology=$1/topologies/azure-HB120rs_v3.xml
if [[ -x $oracle && -e $topology ]] && command -v mpirun cc >/dev/null && mpirun --version | grep -q '(Open MPI) 4'; then
  for layout in "1/0/0-119:0-7:8-15:16-23:24-29:30-37:38-45:46-53:54-59/" \
    "1/0/0-119:0-3,60-63:1:2:3:4,119:116-118:80:6-7/" "1/0/0-1600:0:1500-1502:2:3:4:5:6:1023-1024/"; do
    SHIPYARD_LAYOUT=$layout "$oracle" "$topology" 120 -np 8 --bind-to none -x SHIPYARD_LAYOUT "$rank" -- >out 2>err
    status=$?
    layout=${layout#1/0/*:}
    check "ranks on ${layout%/}" test "$status/$(cut -d ' ' -f 2 out | paste -sd :)" = "0/${layout%/}"
  done
else
  echo "skipped: no Open MPI 4 with the tool and the data that put it on another topology"
fi
done_testing
