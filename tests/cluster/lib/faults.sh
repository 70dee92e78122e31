# Sourced by the tests of what happens when something fails: check.sh and pool.sh, a program of MPI's, jobs in the
# background, and what is to be said of them. $suite is as for image_of, $pool the pool at hand, $work a directory.
#
# With FAULTS_TABLE a file, each fault appends a line to it: fault, exit status, seconds, the launcher's words, with tabs
# between. SHIPYARD_TEST_PROGRAM is faults.c, compiled; without it that is done here, in the image with compilers.
# shellcheck shell=bash disable=SC2034,SC2154  # what is set is for the tests, and some of what is used comes from them
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
app=/faults/faults
begun=$(now)

# make_program: in $work/bin, which is to be mounted at /faults.
make_program() {
  mkdir -p "$work/bin"
  if [ -n "${SHIPYARD_TEST_PROGRAM:-}" ]; then
    cp "$SHIPYARD_TEST_PROGRAM" "$work/bin/faults"
  else
    docker run --rm --network none -v "$here/faults.c:/src/faults.c:ro" -v "$work/bin:/out" "$(image_of "$suite")-dev" \
      mpicc -O1 -Wall -Wextra -Werror -o /out/faults /src/faults.c 2>"$work/err"
  fi || { cat "$work/err"; echo "cannot compile faults.c"; exit 1; }
}

# make_fault_pool NAME NODES SUBNET OPTION…: 10.213.20 stands for 10.213.20.0/24.
make_fault_pool() { make_pool "$1" -n "$2" --image "$image" --subnet "$3.0/24" "--run-option=--volume=$work/bin:/faults:ro" "${@:4}"; }
task() { echo "shipyard-$pool-task-$1"; }
vm() { echo "shipyard-$pool-node-$1"; }
in_network_of() { nsenter --target "$(docker inspect -f '{{.State.Pid}}' "$(vm "$1")")" --net "${@:2}"; }
# cut_off NODE, reconnect NODE: nothing that it sends or is sent arrives, and nobody says so.
cut_off() { in_network_of "$1" sh -c 'iptables -w 10 -A INPUT -i eth0 -j DROP && iptables -w 10 -A OUTPUT -o eth0 -j DROP'; }
reconnect() { in_network_of "$1" sh -c 'iptables -w 10 -D INPUT -i eth0 -j DROP; iptables -w 10 -D OUTPUT -o eth0 -j DROP'; }

# run ARGUMENT…: the launcher to its end, with `variables` in its environment. Sets status, seconds, said.
variables=()
run() {
  struck[run]=$(now)
  in_pool "$pool" env "${variables[@]}" shipyard-mpirun "$@" >"$work/run.out" 2>"$work/run.err"
  echo "$? $(now)" >"$work/run.end"
  take_in run
}

# start NAME RANKS ARGUMENT…: the launcher in the background, until so many ranks run; 0: at once.
declare -A job=() struck=()
start() {
  rm -f "$work/$1".{end,out,err}  # an earlier job's of this name
  { in_pool "$pool" sh -c 'echo $$ >"/tmp/$0.pid"; exec shipyard-mpirun "$@"' "$1" "${@:3}" >"$work/$1.out" 2>"$work/$1.err"
    echo "$? $(now)" >"$work/$1.end"; } &
  job[$1]=$!
  wait_until 60 settled "$1" "$2"
  has_started "$1" "$2" || { echo "the job does not start:"; tail -n 20 "$work/$1.err"; }
  strike "$1"
}
settled() { has_started "$@" || [ -e "$work/$1.end" ]; }
has_started() { [ "$(cat "$work/$1.out" 2>/dev/null | grep -c '^started')" -ge "$2" ]; }
# strike NAME: now comes the fault.
strike() { struck[$1]=$(now); }
# send NAME SIGNAL
send() { on_pool_node "$pool" 0 sh -c "kill -$2 \$(cat /tmp/$1.pid)"; }
# ends NAME: waits. Sets status, said, and seconds from the fault on.
ends() {
  wait "${job[$1]}"
  take_in "$1"
}
# Open MPI 5.0 leaves NUL bytes behind its own messages.
take_in() {
  local end
  read -r status end <"$work/$1.end"
  seconds=$(awk -v a="${struck[$1]}" -v b="$end" 'BEGIN { printf "%.1f", b - a }')
  said=$(tr -d '\0' <"$work/$1.err" | sed -n '/^shipyard-mpirun: error: /,$ { /^hint: /q; s/^shipyard-mpirun: error: //; p }')
}

# fault NAME STATUS WORDS SECONDS: what the job that has just ended must have shown.
fault() {
  check "$1: exit status" "$status" "$2"
  check "$1: the line" "$said" "$3"
  check_at_most "$1: ends" "$seconds" "$4"
  table "$1" "$status" "$seconds" "$said"
}
table() { [ -z "${FAULTS_TABLE:-}" ] || printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(paste -sd' ' <<<"$4")" >>"$FAULTS_TABLE"; }

# clean NAME NODE…: the launcher has ended, and has left nothing there.
clean() {
  local name=$1 node
  shift
  wait_until 2 no_leftovers "$pool" "$@"
  check "$name: nothing is left" "$(for node in "$@"; do leftovers "$pool" "$node"; done)" ""
}
# gone NAME JOB NODE…: without a launcher the ranks end by themselves, within 15 s. Sets seconds. What it would have
# removed is removed here.
gone() {
  local name=$1 which=$2
  shift 2
  wait_until 30 no_processes "$@"
  seconds=$(seconds_since "${struck[$which]}")
  check_at_most "$name: no rank is left" "$seconds" 15
  on_pool_node "$pool" 0 sh -c 'rm -rf /tmp/shipyard-mpirun.*'
  clean "$name" "$@"
}
no_processes() {
  local node
  for node in "$@"; do leftovers "$pool" "$node" | grep -qvE '^/(tmp|dev/shm)/' && return 1; done
  true
}
