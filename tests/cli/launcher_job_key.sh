#!/bin/bash
# The job's key: a real sshd on 127.0.0.2, which is the job's other node, and an mpirun that does nothing but call the ssh
# it is told to call.
source "$(dirname "$0")/launcher_common.sh"
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || { echo 'skipped: no sshd here'; exit 77; }
command -v ssh-keygen >/dev/null || { echo 'skipped: no ssh-keygen here'; exit 77; }
[[ -d /run/shipyard || -d /tmp/shipyard-$(id -u) ]] && { echo "skipped: an entrypoint of ours has run here"; exit 77; }
cd "$work" || exit 1

mkdir "$work/fake" "$work/record"
cat >"$work/fake/mpirun" <<'FAKE'
#!/bin/bash
if [[ $* == --version ]]; then
  echo 'mpirun (Open MPI) 4.1.4'
  exit 0
fi
printf '%s\0' "$@" >"$RECORD/argv"
env -0 >"$RECORD/env"
cat "/proc/$PPID/environ" >"$RECORD/launcher_environ"
for word; do
  [[ $word == 'ssh -F '* ]] || continue
  config=${word#ssh -F }
  stat -c '%a %n' "${config%/*}"/* >"$RECORD/modes"
  grep -o 'StrictHostKeyChecking.*' "$config" >"$RECORD/strict"
  ssh -F "$config" 127.0.0.2 'echo "in: $SSH_CONNECTION"' >"$RECORD/ssh" 2>&1 </dev/null
done
exit 213
FAKE
chmod 755 "$work/fake/mpirun"
export RECORD=$work/record
export PATH=$work/fake:$PATH
for name in job other host; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/$name"; done
key=$(base64 -w0 "$work/job")

sshd_pids=()
stop_sshds() { for pid in "${sshd_pids[@]}"; do kill "$pid" 2>/dev/null; done; }
trap 'stop_sshds; cleanup' EXIT
[[ $(id -u) != 0 ]] || mkdir -p /run/sshd
# node HOST_KEY AUTHORIZED: a sshd with this host key, which lets the holder of that key in; sets $port. A bash that sshd
# starts reads ~/.bashrc of whoever runs this, and may wait there; not at this level.
node() {
  port=
  while [[ -z $port ]]; do
    port=$((20000 + RANDOM % 20000))
    "$sshd" -D -e -f /dev/null -h "$work/$1" -p "$port" -o ListenAddress=127.0.0.2 -o AuthorizedKeysFile="$work/$2.pub" \
      -o StrictModes=no -o PidFile=none -o UsePAM=no -o SetEnv=SHLVL=9 2>"$work/sshd.log" &
    local pid=$!
    until grep -qs 'Server listening' "$work/sshd.log"; do
      [[ -d /proc/$pid && $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$pid/status") != Z ]] || { port=; break; }
      pause
    done
  done
  sshd_pids+=("$pid")
}
# job ARGUMENTS…: a launch on both nodes; mpirun never starts a rank.
job() {
  rm -f "$work"/record/*
  launch --hosts 127.0.0.1,127.0.0.2 --ssh-port "$port" --oversubscribe -n 2 "$@" true
}
not() { ! "$@"; }
noted() { grep -c '^shipyard-mpirun: note: host keys are not checked' "$work/err"; }

echo "# the job's own key, as user key and host key"
node job job
SHIPYARD_SSH_KEY=$key job
check "ssh gets in" grep -q '^in: 127' "$RECORD/ssh"
check "hosts are checked" grep -qx 'StrictHostKeyChecking yes' "$RECORD/strict"
check "the key is a file of its owner alone" grep -q '^600 .*/id_ed25519$' "$RECORD/modes"
check "nothing is said about it" test "$(noted)" = 0
check "mpirun does not get it" not grep -qaE 'SHIPYARD_SSH_KEY|OPENSSH PRIVATE' "$RECORD/env" "$RECORD/argv"
check "the launcher's own environment shows nothing of it" \
  test "$(grep -ac TMPDIR "$RECORD/launcher_environ")/$(grep -aoF -e "$key" -e "${key:40:40}" "$RECORD/launcher_environ" | wc -l)" = 1/0
check "it is gone with the run directory" no_run_directory
SHIPYARD_SSH_KEY=$key job -vv --report "$work/report"
check "no message and no report has it" not grep -qaF "${key:200:40}" "$work/err" "$work/out" "$work/report"

echo "# what is printed"
for how in '' --json --explain; do
  SHIPYARD_SSH_KEY=$key job --dry-run $how
  check "--dry-run $how does not print it" test "$status/$(grep -cF "${key:200:40}" "$work/out" "$work/err" | tr '\n' ' ')" = "0/$work/out:0 $work/err:0 "
done
SHIPYARD_SSH_KEY=$key job --dry-run
SHIPYARD_SSH_KEY=$key sh <"$work/out" >/dev/null 2>&1
check "the printed script is whole: ssh gets in" grep -q '^in: 127' "$RECORD/ssh"
check "and hands the key to nobody" not grep -qa 'SHIPYARD_SSH_KEY' "$RECORD/env"

echo "# somebody in the middle: the key opens that node, and its host key is another"
node host job
SHIPYARD_SSH_KEY=$key job
check "ssh refuses" not grep -q '^in:' "$RECORD/ssh"
check "and names the node" grep -q "Host key for \[127.0.0.2\]:$port has changed and you have requested strict checking" "$RECORD/ssh"
job --ssh-key "$work/job"
check "without a key of the job's own it does not" grep -q '^in: 127' "$RECORD/ssh"
check "which is noted, once" test "$(noted)" = 1
job --ssh-key "$work/job" -q
check "but not with -q" test "$(noted)" = 0

echo "# a node that does not know the key"
node job other
SHIPYARD_SSH_KEY=$key job
check "ssh says so, and names the node" grep -q "@127.0.0.2: Permission denied (publickey" "$RECORD/ssh"

echo "# --ssh-key with the job's own key"
node job job
SHIPYARD_SSH_KEY=$key job --ssh-key "$work/job"
check "hosts are checked" grep -qx 'StrictHostKeyChecking yes' "$RECORD/strict"
check "ssh gets in" grep -q '^in: 127' "$RECORD/ssh"

echo "# a variable that is no key"
SHIPYARD_SSH_KEY=secret refused 125 'SHIPYARD_SSH_KEY is not base64' --hosts 127.0.0.1,127.0.0.2 true
SHIPYARD_SSH_KEY=$(base64 -w0 "$work/job.pub") refused 125 'SHIPYARD_SSH_KEY is not an OpenSSH private key' --hosts 127.0.0.1,127.0.0.2 true
SHIPYARD_SSH_KEY=$key refused 125 "-x SHIPYARD_SSH_KEY: the job's key is not for the ranks" -x SHIPYARD_SSH_KEY true

done_testing
