#!/bin/bash
# client_docs.sh DOCS: what the documents say of shipyard-submit is what it says itself: the keys of job files, the JSON
# Schema; the commands in tables; those of docs/batch.md hand docker the same words as its own do. Its man page is made from what
# it says.
# shellcheck disable=SC2317  # functions are called by name
set -u
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-submit
docs=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
check() {  # WHAT COMMAND…
  local what=$1
  shift
  if "$@"; then echo "ok    $what"; else echo "FAIL  $what"; failures=$((failures + 1)); fi
}

"$tool" schema --markdown >"$work/table"
sed -n '/^<!-- shipyard-submit schema --markdown -->$/,/^<!-- end -->$/p' "$docs/submit.md" | grep '^|' >"$work/in_docs"
check "docs/submit.md has the keys that 'schema --markdown' prints" diff "$work/in_docs" "$work/table"
"$tool" schema >"$work/schema"
check "docs/job-file.schema.json is what 'schema' prints" diff "$docs/job-file.schema.json" "$work/schema"

"$tool" --help >"$work/help"
for command in run submit render status logs terminate diagnose cleanup 'pool create' 'pool status' 'pool resize' \
  'pool delete' convert schema; do
  # shellcheck disable=SC2086  # two words
  "$tool" $command --help >>"$work/help" || echo "FAIL $command"
done
check "no line of a help is wider than 80" test -z "$(awk 'length > 80' "$work/help")"

# What takes the place of other programs' words: commands with the operands that they need, options that exist.
spans() {  # PAGE COLUMN: the code in that column of its tables
  awk -F'|' -v column="$2" '/^\| / { print $column }' "$1" | grep -o '`[^`]*`' | tr -d '`' | sort -u
}
has_operands() {  # PAGE COLUMN
  local span verb operand status=0
  while read -r span; do
    verb=$(grep -oE '^(pool )?[a-z]+( |$)' <<<"$span")
    # shellcheck disable=SC2086  # two words
    for operand in $("$tool" $verb --help | sed -n '1{s/\[[^]]*\]//g;p}' | grep -oE '\b[A-Z]{3,}\b'); do
      grep -qw "$operand" <<<"$span" || { echo "'$span' is without $operand"; status=1; }
    done
  done < <(spans "$1" "$2" | grep -E '^(run|submit|status|logs|terminate|diagnose|cleanup|pool (create|status|resize|delete))( |$)')
  return $status
}
has_options() {  # PAGE COLUMN
  local option status=0
  for option in $(spans "$1" "$2" | grep -oE '(^| )--[a-z-]+' | sort -u); do
    grep -qE -e "$option\b" "$work/help" || { echo "no program of ours has $option"; status=1; }
  done
  return $status
}
"$SHIPYARD_BUILD_DIR/bin/shipyard-mpirun" --help >>"$work/help"
sed -n '/^## Commands$/,/^## Recipes$/p' "$docs/from-batch-shipyard.md" >"$work/commands"
check "docs/from-batch-shipyard.md: its commands have their operands" has_operands "$work/commands" 3
check "… and its options are there" has_options "$work/commands" 3
check "docs/from-a-cluster.md: its commands have their operands" has_operands "$docs/from-a-cluster.md" 4
check "… and its options are there" has_options "$docs/from-a-cluster.md" 4

# docs/batch.md: its commands, and those made of a job file for the same task, by a docker that notes what it is asked for.
json_block() {  # WHICH
  awk -v which="$1" '/^```json$/ { block++; inside = 1; next } /^```$/ { inside = 0 } inside && block == which' "$docs/batch.md"
}
mkdir -p "$work/node/task/wd" "$work/bin"
cat >"$work/bin/docker" <<'END'
#!/bin/bash
case $1 in run | exec) ;; *) exit 0 ;; esac
exec >>"$CALLS"
printf '%s' "$1"
shift
while [ $# -gt 0 ]; do
  case $1 in
    -d) printf ' --detach' ;;
    -i) printf ' --interactive' ;;
    -v) printf ' --volume' ;;
    -w) printf ' --workdir' ;;
    -e) printf ' --env' ;;
    --label) shift ;;
    --env-file)
      printf ' --env-file of %s' "$(sed 's/=.*//' "$2" | grep -xE 'AZ_BATCH_.*|SHIPYARD_SSH_KEY' | sort | tr '\n' ' ')"
      shift ;;
    *) printf ' %s' "$1" ;;
  esac
  shift
done
echo
END
chmod +x "$work/bin/docker"
# calls_of LINE FILE: what docker is asked for by this command line on a node.
calls_of() {
  : >"$2"
  env -i PATH="$work/bin:$PATH" HOME="$work" CALLS="$2" SHIPYARD_SSH_KEY=key AZ_BATCH_NODE_ROOT_DIR="$work/node" \
    AZ_BATCH_JOB_ID=job AZ_BATCH_TASK_DIR="$work/node/task" AZ_BATCH_TASK_WORKING_DIR="$work/node/task/wd" \
    ${devices:+"BASH_FUNC_test%%=$devices"} bash -c "$1"
}
job_file() { printf 'id: j\npool: %s\nnodes: 4\nimage: my/image\ncommand: shipyard-mpirun pi\ncontainer: {gpus: "no"}\n' "$1"; }
rendered() {  # POOL
  job_file "$1" >"$work/job.yaml"
  HOME=$work "$tool" render --json "$work/job.yaml" 2>"$work/err" | jq '.requests[].body | select(.commandLine?)' ||
    cat "$work/err"
}
rendered p >"$work/made"
json_block 1 >"$work/written"
same_calls() {  # KEY: of the task
  calls_of "$(jq -r "$1" "$work/made")" "$work/made.calls"
  calls_of "$(jq -r "$1" "$work/written")" "$work/written.calls"
  # Only the container's start and the program's: submit's waits for sshd as well, and runs the program in a shell.
  for calls in "$work/made.calls" "$work/written.calls"; do
    sed -i -e '/shipyard-entrypoint --ready/d' -e 's, /bin/sh -c , ,' "$calls"
  done
  [ -s "$work/made.calls" ] && diff "$work/made.calls" "$work/written.calls"
}
# What `test ! -e DEVICE` says on the node.
for node in without with; do
  if [ $node = with ]; then devices='() { false; }' seen=1; else devices='() { true; }' seen=0; fi
  check "docs/batch.md: its container has the options of shipyard-submit's on a node $node InfiniBand" \
    same_calls .multiInstanceSettings.coordinationCommandLine
  check "… and that node is one $node InfiniBand" \
    test "$(grep -c -e --device=/dev/infiniband "$work/written.calls")" = $seen
done
unset devices
check "docs/batch.md: its program is started as shipyard-submit's" same_calls .commandLine

run_options() { jq -r .containerSettings.containerRunOptions; }
json_block 3 | run_options >"$work/written"
rendered '{id: p, native: true}' | run_options >"$work/made"
check "docs/batch.md: its options on a native pool are those of shipyard-submit" diff "$work/made" "$work/written"
rendered '{vm_size: Standard_HB120rs_v3, native: true}' | run_options >"$work/made"
check "… and on a VM type with InfiniBand the device is one more" \
  diff "$work/made" <(sed 's,$, --device=/dev/infiniband,' "$work/written")
exit $((failures > 0))
