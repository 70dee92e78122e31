#!/bin/bash
# client_convert.sh: job files from Batch Shipyard's configuration: what is written, what is listed, that no secret is in it, and
# that the requests that come of it are what is published of Batch.
set -u
tool=$SHIPYARD_BUILD_DIR/bin/shipyard-submit
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work
unset AZURE_BATCH_ACCOUNT AZURE_BATCH_ENDPOINT AZURE_BATCH_ACCESS_KEY
failures=0
check() {  # WHAT FOUND WANTED
  if [ "$2" = "$3" ]; then echo "ok    $1"; else
    printf 'FAIL  %s\n  wanted: %s\n  found:  %s\n' "$1" "$3" "$2"
    failures=$((failures + 1))
  fi
}
check_has() {  # WHAT TEXT PART
  case $2 in *"$3"*) echo "ok    $1" ;; *) check "$1" "$2" "…$3…" ;; esac
}

mkdir "$work/config"
cd "$work/config" || exit
cat >jobs.yaml <<'END'
job_specifications:
- id: solver
  auto_complete: true
  auto_pool: {keep_alive: false, pool_lifetime: job}
  environment_variables: {A: "1"}
  tasks:
  - docker_image: registry.example.com/app:1
    shm_size: 512m
    infiniband: true
    multi_instance:
      num_instances: pool_specification_vm_count_dedicated
      mpi: {runtime: openmpi, options: ["--mca", "btl_tcp_if_include", "eth0"], processes_per_node: nproc}
    max_wall_time: 02:00:00
    resource_files:
    - {file_path: run.sh, blob_source: "https://x.blob.core.windows.net/c/run.sh?sp=r&sig=SECRET-SIGNATURE"}
    command: ./run.sh
- id: plain
  tasks:
  - docker_image: app:2
    multi_instance: {num_instances: 2, coordination_command: /usr/sbin/sshd -p 23}
    command: mpirun -hosts $AZ_BATCH_HOST_LIST -np 2 ./app
END
cat >pool.yaml <<'END'
pool_specification:
  id: mpipool
  vm_size: STANDARD_HB120rs_v3
  vm_count: {dedicated: 3, low_priority: 0}
  vm_configuration:
    platform_image: {publisher: microsoft-dsvm, offer: ubuntu-hpc, sku: "2204"}
  inter_node_communication_enabled: true
  misspelt: 3
END
cat >credentials.yaml <<'END'
credentials:
  batch: {account_key: SECRET-ACCOUNT-KEY, account_service_url: "https://a.b.batch.azure.com/"}
  docker_registry: {registry.example.com: {username: me, password: SECRET-PASSWORD}}
END

"$tool" convert --output out . >"$work/out" 2>"$work/err"
check "credentials that others can read are refused" "$? $(cat "$work/out" "$work/err")" \
  "125 shipyard-submit: error: others than its owner can read './credentials.yaml' (mode 644), which holds secrets
hint: chmod 600 ./credentials.yaml"
chmod 600 credentials.yaml
"$tool" convert --output out . >"$work/out" 2>"$work/err"
check "a job file for each job" "$? $(cat "$work/out")" "0 out/solver.yaml
out/plain.yaml"
check_has "what it does not carry over is said" "$(cat "$work/err")" "./pool.yaml:8: pool_specification.misspelt: not carried: Batch Shipyard has no such key"
check_has "and stands in the file" "$(cat out/solver.yaml)" "misspelt: not carried"
"$tool" convert --output out . >"$work/out" 2>"$work/err2"
check "no file is overwritten" "$? $(head -1 "$work/err2")" "125 shipyard-submit: error: 'out/solver.yaml' is there already"
"$tool" render out/solver.yaml >"$work/out" 2>"$work/err2"
check_has "the password of a registry is asked for" "$(cat "$work/err2")" "is not set"
variable=$(sed -n 's/.*password_variable: *"\{0,1\}\([A-Z0-9_]*\).*/\1/p' out/solver.yaml)
export "$variable=SECRET-PASSWORD"
for job in solver plain; do
  "$tool" render --json "out/$job.yaml" >"$work/$job.json" 2>>"$work/err2"
  check "$job renders" "$?" 0
  if [ -d "${SHIPYARD_TEST_DATA:-}" ]; then
    python3 -B "$here/../lib/batch_definitions.py" --data "$SHIPYARD_TEST_DATA" --requests "$work/$job.json" >"$work/faults"
    check "its requests are what is published" "$? $(cat "$work/faults")" "0 "
  else
    echo "skip  its requests against the definitions: no SHIPYARD_TEST_DATA"
  fi
  "$tool" render --json --shipyard-config . --job $job >"$work/direct.json" 2>>"$work/err2"
  check "$job at once gives the same" "$? $(diff "$work/$job.json" "$work/direct.json")" "0 "
done
check "the command is shipyard-mpirun's" "$(jq -r '.requests[1].body.commandLine' "$work/solver.json" | grep -c 'shipyard-mpirun --ppn hwthread')" 1
check "nodes are those of the pool" "$(jq '.requests[1].body.multiInstanceSettings.numberOfInstances' "$work/solver.json")" 3
check "which is made for the job" "$(jq -r '.requests[0].body.poolInfo.autoPoolSpecification.poolLifetimeOption' "$work/solver.json")" job
"$tool" render --shipyard-config . >"$work/out" 2>"$work/err2.which"
check "of several jobs one has to be named" "$? $(cat "$work/err2.which")" "125 shipyard-submit: error: which of the jobs in '.'? solver, plain
hint: --job ID"
"$tool" convert "$work" >"$work/out" 2>"$work/err2.none"
check_has "a directory without them" "$(cat "$work/err2.none")" "there is no jobs.yaml in"
sed -i 's/num_instances: 2/num_instances: [2/' jobs.yaml
"$tool" convert --output out2 . >"$work/out" 2>"$work/err2.broken"
check_has "broken YAML has its place" "$? $(cat "$work/err2.broken")" "./jobs.yaml:"
# The signature of the URL is part of the job file, and of nothing else.
check "no secret in any output" "$(grep -rl SECRET- "$work" | grep -v '/config/jobs.yaml\|/config/credentials.yaml\|/config/out/solver.yaml')" ""
check "and in the job file only the URL's" "$(grep -o 'SECRET-[A-Z-]*' out/*.yaml)" "out/solver.yaml:SECRET-SIGNATURE"
check "which nobody else can read" "$(stat -c %a out/solver.yaml)" 600
exit $((failures > 0))
