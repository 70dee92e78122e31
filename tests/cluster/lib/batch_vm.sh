# Sourced: a VM as Azure Batch has it, for commands that shipyard-submit makes: a network namespace with an address, with an
# engine of its own whose containers on "the host's network" are in that namespace.
#   make_vm IMAGE…     the images come from this machine's engine
#   vm COMMAND…        a command on the VM, with its engine and nothing else in its environment
#   task_dir JOB TASK  makes a task's directories, and sets the variables of its commands ($task_variables)
#   on_vm COMMAND-LINE as Batch runs one: without a shell, in the task's working directory
#   remove_vm
# Needs root, as dockerd does.
# shellcheck shell=bash

make_vm() {
  local image
  vm=shipyard-vm-$$
  # Below /var/tmp: a file system on which overlayfs works, which that of a container may not be.
  vm_dir=$(mktemp -d -p /var/tmp shipyard-vm.XXXXXX)
  vm_address=10.77.9.4
  ip netns add "$vm"
  ip -n "$vm" link set lo up
  ip -n "$vm" link add eth0 type bridge
  ip -n "$vm" addr add "$vm_address/24" dev eth0
  ip -n "$vm" link set eth0 up
  vm_variables=(PATH="$PATH" HOME=/home/of/the/vm USER=of-the-vm DOCKER_HOST="unix://$vm_dir/docker.sock")
  # Its standard output is not ours: who reads that would wait for dockerd.
  in_vm env -u DOCKER_HOST dockerd --data-root "$vm_dir/data" --exec-root "$vm_dir/exec" --pidfile "$vm_dir/pid" \
    --host "unix://$vm_dir/docker.sock" --bridge=none --iptables=false >"$vm_dir/dockerd.log" 2>&1 </dev/null &
  disown
  if ! wait_until 60 vm docker info >/dev/null 2>&1; then
    tail -5 "$vm_dir/dockerd.log"
    return 1
  fi
  for image in "$@"; do docker save "$image" | vm docker load --quiet >/dev/null || return; done
}

# Not by `ip netns exec`: it mounts a /sys without cgroups, and dockerd needs those.
in_vm() { nsenter --net="/run/netns/$vm" "$@"; }
vm() { in_vm env -i "${vm_variables[@]}" "$@"; }

task_dir() {
  local root=$vm_dir/tasks
  task_directory=$root/workitems/$1/job-1/$2
  mkdir -p "$task_directory/wd" "$root/shared" "$task_directory/shared"
  task_variables=(AZ_BATCH_NODE_ROOT_DIR="$root" AZ_BATCH_TASK_DIR="$task_directory" AZ_BATCH_TASK_WORKING_DIR="$task_directory/wd"
    AZ_BATCH_TASK_SHARED_DIR="$task_directory/shared" AZ_BATCH_NODE_SHARED_DIR="$root/shared" AZ_BATCH_JOB_ID="$1" AZ_BATCH_TASK_ID="$2"
    AZ_BATCH_HOST_LIST="$vm_address" AZ_BATCH_NODE_LIST="$vm_address" AZ_BATCH_IS_CURRENT_NODE_MASTER=true
    AZ_BATCH_MASTER_NODE="$vm_address:6000" AZ_BATCH_NODE_ID=tvmps_1 AZ_BATCH_POOL_ID=p)
}

# The words of a command line are split as a shell does, which is what a command with /bin/bash -c '…' relies on.
on_vm() {
  local words=()
  eval "words=($1)"
  (cd "$task_directory/wd" && vm env "${task_variables[@]}" "${words[@]}")
}

remove_vm() {
  [ -n "${vm:-}" ] || return 0
  vm docker ps --all --quiet 2>/dev/null | xargs -r nsenter --net="/run/netns/$vm" env DOCKER_HOST="unix://$vm_dir/docker.sock" docker rm --force >/dev/null 2>&1
  # By its own word: what was started in the background is a shell around it.
  local dockerd
  if dockerd=$(cat "$vm_dir/pid" 2>/dev/null); then
    kill "$dockerd"
    wait_until 30 test ! -d "/proc/$dockerd" || kill -KILL "$dockerd"
  fi
  # What dockerd has mounted stays when it ends.
  grep -o " ${vm_dir}[^ ]*" /proc/mounts | sort -r | xargs -r umount --lazy
  ip netns del "$vm"
  rm -rf "$vm_dir"
}
