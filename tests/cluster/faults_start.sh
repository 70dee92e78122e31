#!/bin/bash
# faults_start.sh SUITE: what can keep a job from starting, done to pools of containers: each ends in time and says why in a
# line that names the node, and what needs only patience runs. The times are printed. SUITE: bookworm (Open MPI 4.1) or
# trixie (Open MPI 5.0).
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cluster/lib/faults.sh
. "$here/lib/faults.sh"
[ "$suite" = bookworm ] && other=${image%:*}:trixie daemon=orted || other=${image%:*}:bookworm daemon=prted
need_images "$image" "$other" shipyard/node:latest
work=$(mktemp -d)
stranger=shipyard-faults-$suite-$$-other
cleanup() {
  docker rm -f "$stranger" >/dev/null 2>&1
  remove_pools
  rm -rf "$work"
}
trap cleanup EXIT
make_program
[ "$suite" = bookworm ] && net=10.213.24 late_net=10.213.26 || net=10.213.25 late_net=10.213.27
make_fault_pool "late-$suite-$$" 4 $late_net
make_fault_pool "start-$suite-$$" 3 $net --run-option=--tmpfs=/tiny:size=4k --run-option=--tmpfs=/small:size=1m
late=${pools[0]} pool=${pools[1]}
on() { on_pool_node "$pool" "$@"; }

# --- sshd is not there. One node's comes 20 s late; meanwhile another job does not want to wait for it.
pool=$late
docker kill "$(task 1)" "$(task 2)" "$(task 3)" >/dev/null
docker exec -d "$(vm 2)" perl -MIO::Socket::INET -e '
  my $all = IO::Socket::INET->new(LocalPort => 23, Listen => 9, ReuseAddr => 1) or die;
  while (my $one = $all->accept) { print $one "HTTP/1.0 400 Bad Request\r\n\r\n"; close $one }'
docker exec -d "$(vm 3)" perl -MIO::Socket::INET -e '
  my $all = IO::Socket::INET->new(LocalPort => 23, Listen => 9, ReuseAddr => 1) or die;
  my @kept; while (my $one = $all->accept) { push @kept, $one }'
start late 0 --nodes 2 --ppn 1 $app sum
{ sleep 20; docker start "$(task 1)" >/dev/null; } &
run --nodes 2 --ppn 1 --wait 3s $app sum
fault "a node never comes up" 120 "1 of 1 nodes: no sshd answered on port 23 within 3 s
  $late_net.5: connection refused" 8
run --hosts "$late_net.4,$late_net.6,$late_net.7,$late_net.99" --ppn 1 --wait 4s $app sum
said=$(sed 's/\(connection timed out\|no route to host\).*/no answer/' <<<"$said")
fault "no sshd behind the port" 120 "3 of 3 nodes: no sshd answered on port 23 within 4 s
  $late_net.6: answers, but is no ssh server: \"HTTP/1.0 400 Bad Request\"
  $late_net.7: accepts the connection, but sends no ssh banner
  $late_net.99: no answer" 9
run --nodes 2 --ppn 1 --ssh-port 22 $app sum
fault "the VM's sshd, not the container's" 121 "$late_net.5: refused: its host key is not the job's (Host key verification failed)" 30

# --- Keys.
pool=start-$suite-$$
on 2 sh -c 'cd /run/shipyard && cp authorized_keys /tmp/right && ssh-keygen -q -t ed25519 -N "" -f /tmp/wrong && cat /tmp/wrong.pub >authorized_keys'
run --ppn 1 $app sum
fault "a node has another key" 121 "$net.6: ssh: permission denied (publickey): the node does not accept the job's key" 30
clean "a node has another key" 0 1
on 2 sh -c 'cat /tmp/right >/run/shipyard/authorized_keys'
on 2 sh -c 'cd /run/shipyard && sed "s,^HostKey .*,HostKey /tmp/wrong," sshd_config >/tmp/config && cp sshd_config /tmp/right_config && cat /tmp/config >sshd_config && kill -HUP "$(cat sshd.pid)"'
run --ppn 1 $app sum
fault "a node has another host key" 121 "$net.6: refused: its host key is not the job's (Host key verification failed)" 30
clean "a node has another host key" 0 1
on 2 sh -c 'cd /run/shipyard && cat /tmp/right_config >sshd_config && kill -HUP "$(cat sshd.pid)"'

# --- Open MPI.
on 2 sh -c "mkdir /tmp/away && mv /usr/bin/$daemon /usr/bin/mpirun /tmp/away"
run --ppn 1 $app sum
fault "a node without Open MPI" 125 "$net.6: Open MPI is missing: no /usr/bin/$daemon" 30
clean "a node without Open MPI" 0 1 2
on 2 sh -c "printf '#!/bin/sh\nexec sleep 1000\n' >/usr/bin/$daemon && chmod 755 /usr/bin/$daemon"
run --ppn 1 --launch-timeout 4s $app sum
fault "a node's daemon hangs" 121 "0 of 3 ranks had started after 4 s: none or not all on nodes $net.4, $net.5 and $net.6" 30
clean "a node's daemon hangs" 0 1 2
on 2 sh -c 'mv /tmp/away/* /usr/bin'

on 0 cat /run/shipyard/id_ed25519 >"$work/key"
chmod 600 "$work/key"
docker run -d --name "$stranger" --network "shipyard-$pool" --ip "$net.20" -v "$work/key:/etc/shipyard/ssh/id_ed25519:ro" \
  -v "$work/bin:/faults:ro" "$other" >/dev/null
own=$(on 0 mpirun --version | sed -n 's/.*(Open MPI) //p')
its=$(docker exec "$stranger" mpirun --version | sed -n 's/.*(Open MPI) //p')
run --hosts "$net.4,$net.5,$net.20" --ppn 1 $app sum
fault "a node has another Open MPI" 125 "$net.20: Open MPI $its, the primary has Open MPI $own" 30
clean "a node has another Open MPI" 0 1

# --- Room.
on 0 sh -c 'dd if=/dev/zero of=/dev/shm/full bs=1M count=46 2>/dev/null'
run --oversubscribe --ppn 8 $app sum
said=$(sed 's/ has .* MiB free/ has … MiB free/; s/can need .*/can need …/' <<<"$said")
fault "/dev/shm is too small" 125 "/dev/shm has … MiB free, but 8 ranks on a node can need …" 15
on 0 rm /dev/shm/full
for directory in /tiny /small; do
  on 0 sh -c "dd if=/dev/zero of=$directory/full bs=4k 2>/dev/null"
  variables=("TMPDIR=$directory")
  run --ppn 1 $app sum
  variables=()
  said=$(sed 's,shipyard-mpirun\.[^/]*,…,; s,[^/]*:,…:,' <<<"$said")
  fault "no room for the run directory in $directory" 125 "cannot write $directory/…/…: No space left on device" 15
  check "and nothing of it is left" "$(on 0 ls $directory)" full
done
# --- A home that cannot be written.
for node in 0 1 2; do
  nsenter --target "$(docker inspect -f '{{.State.Pid}}' "$(task $node)")" --mount sh -c 'mount --bind /root /root && mount -o remount,bind,ro /root'
done
check "the home is read-only" "$(on 0 sh -c 'touch ~/file 2>/dev/null && echo writable')" ""
run --ppn 1 $app sum
fault "a home that is read-only" 0 "" 30
clean "a home that is read-only" 0 1 2

# --- The job of the beginning.
pool=$late
ends late
fault "a node's sshd comes up 20 s late" 0 "" 50
check "its ranks have run" "$(tail -n 1 "$work/late.out")" "2 ranks, sum 1"
clean "a node's sshd comes up 20 s late" 0 1
wait

printf '      all of it took %s s\n' "$(seconds_since "$begun")"
finish
