# Sourced: nodes as namespaces of this machine, for more of them than containers are cheap for. Each has a network, a host
# name, processes and a /tmp of its own (Open MPI's daemons that share a session directory crash) and an sshd on port 23.
#   make_nodes COUNT SUBNET   e.g. make_nodes 70 10.94.0
#   on_node NUMBER COMMAND…   0 is the primary
#   remove_nodes              kills what runs there and takes everything away
# $nodes_dir/tools holds a copy of the tools, since the build directory may lie below /tmp.
# shellcheck shell=bash

make_nodes() {
  local count=$1 subnet=$2 i
  nodes_subnet=$subnet
  nodes_tag="syns$$"
  nodes_bridge="sy$$"
  nodes_dir=$(mktemp -d -p /var/tmp shipyard-test.XXXXXX)
  mkdir "$nodes_dir/tools"
  cp "$SHIPYARD_BUILD_DIR"/bin/shipyard-{mpirun,rank,connect,source,ssh} "$nodes_dir/tools/"
  # As in our images: the job's key is the host key of every node.
  ssh-keygen -q -t ed25519 -N '' -f "$nodes_dir/key"
  mkdir -p /run/sshd
  cat >"$nodes_dir/sshd_config" <<END
Port 23
HostKey $nodes_dir/key
AuthorizedKeysFile $nodes_dir/key.pub
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 200
LogLevel ERROR
END
  ip link add "$nodes_bridge" type bridge
  ip link set "$nodes_bridge" up
  # Docker sets the policy to DROP, for bridges too (br_netfilter).
  iptables -w 10 -I FORWARD -i "$nodes_bridge" -o "$nodes_bridge" -j ACCEPT
  node_pids=()
  for ((i = 0; i < count; i++)); do
    ip netns add "$nodes_tag-$i"
    ip link add "sv$$-$i" type veth peer name eth0 netns "$nodes_tag-$i"
    ip link set "sv$$-$i" master "$nodes_bridge" up
    ip -n "$nodes_tag-$i" addr add "$subnet.$((i + 4))/24" dev eth0
    ip -n "$nodes_tag-$i" link set eth0 up
    ip -n "$nodes_tag-$i" link set lo up
    # The parent is killed at the end, and with it the first process of the namespace and all others in it.
    ip netns exec "$nodes_tag-$i" unshare --mount --uts --pid --fork --kill-child --mount-proc sh -c "
      hostname node$i
      mount -t tmpfs tmpfs /tmp
      exec /usr/sbin/sshd -D -e -f $nodes_dir/sshd_config" >"$nodes_dir/node$i.log" 2>&1 </dev/null &
    node_pids+=($!)
    disown  # its end by SIGKILL is no news
  done
  # `ip netns exec` becomes unshare; its only child is the first process of the node.
  node_inits=()
  for ((i = 0; i < count; i++)); do
    wait_until 10 test -n "$(cat "/proc/${node_pids[i]}/task/${node_pids[i]}/children" 2>/dev/null)" || sleep 0.2
    node_inits+=("$(cat "/proc/${node_pids[i]}/task/${node_pids[i]}/children" | tr -d ' ')")
  done
}

node_list() { # separator
  local i list=""
  for ((i = 0; i < ${#node_pids[@]}; i++)); do list="$list${list:+$1}$nodes_subnet.$((i + 4))"; done
  printf '%s' "$list"
}

on_node() {
  local number=$1
  shift
  nsenter --target "${node_inits[number]}" --mount --uts --net --pid --wd=/ -- "$@"
}

remove_nodes() {
  local i
  for ((i = 0; i < ${#node_pids[@]}; i++)); do
    kill -KILL "${node_inits[i]}" "${node_pids[i]}" 2>/dev/null
    ip netns del "$nodes_tag-$i" 2>/dev/null
  done
  iptables -w 10 -D FORWARD -i "$nodes_bridge" -o "$nodes_bridge" -j ACCEPT 2>/dev/null
  ip link del "$nodes_bridge" 2>/dev/null
  rm -rf "$nodes_dir"
}
