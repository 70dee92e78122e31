#include "batch/client/shipyard_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::batch {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::IsEmpty;

std::optional<Source> source(const char* name, const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(Source{name, text});
}

Result<Conversion> convert(const std::string& jobs, const std::string& pool = "",
                           const std::string& config = "", const std::string& credentials = "") {
  return convert_shipyard_config({source("jobs.yaml", jobs), source("pool.yaml", pool),
                                  source("config.yaml", config), source("credentials.yaml", credentials)});
}

std::string message(const Result<Conversion>& result) {
  return result ? "no error" : result.error().message + " | " + result.error().hint;
}

/// A job 'j' with one task of which `lines`, indented by four blanks, are the rest.
std::string task(const std::string& lines) {
  return "job_specifications:\n- id: j\n  tasks:\n  - id: t\n    docker_image: i\n    command: ./a\n" + lines;
}

/// The same with a multi-instance task of two nodes; `lines` are indented by six blanks.
std::string mpi_task(const std::string& lines) {
  return task("    multi_instance:\n      num_instances: 2\n" + lines);
}

constexpr const char* kPool = "pool_specification:\n  id: p\n";
constexpr const char* kOneNode =
    "jobs.yaml:4: job_specifications[0].tasks[0]: not a multi-instance task: it becomes one of a single node";
constexpr const char* kImage =
    "jobs.yaml:5: job_specifications[0].tasks[0].docker_image: the image has to be built FROM "
    "shipyard/openmpi, "
    "whose entrypoint starts sshd with the job's key";

Json only_task(const Result<Conversion>& result) {
  return result && result->jobs.size() == 1 ? result->jobs[0].job_file["tasks"][0] : Json(message(result));
}

/// Without the lines that every task brings.
std::vector<std::string> lines(const Result<Conversion>& result) {
  std::vector<std::string> rest;
  if (!result) return {message(result)};
  for (const auto& line : result->not_carried) {
    if (line != kOneNode && line != kImage) rest.push_back(line);
  }
  return rest;
}

TEST(ConvertShipyardConfig, AJobWithMpiBecomesOneWithShipyardMpirun) {
  const auto result = convert(
      "job_specifications:\n"
      "- id: solve\n"
      "  auto_complete: true\n"
      "  tasks:\n"
      "  - docker_image: solver:1\n"
      "    environment_variables: {N: 256, EMPTY: null}\n"
      "    multi_instance:\n"
      "      num_instances: pool_specification_vm_count_dedicated\n"
      "      mpi: {runtime: openmpi, processes_per_node: 4, options: ['--mca btl ^openib', "
      "--report-bindings]}\n"
      "    command: ./solver -n $N\n",
      "pool_specification:\n  id: hpc\n  vm_count: {dedicated: 8}\n  inter_node_communication_enabled: true\n"
      "  max_tasks_per_node: 1\n");
  ASSERT_TRUE(result) << message(result);
  ASSERT_EQ(result->jobs.size(), 1u);
  EXPECT_EQ(result->jobs[0].name, "solve");
  EXPECT_EQ(result->jobs[0].job_file,
            Json::parse(R"({
    "id": "solve",
    "pool": {"id": "hpc"},
    "tasks": [{
      "id": "task-00000",
      "image": "solver:1",
      "nodes": 8,
      "command": "shipyard-mpirun --ppn 4 --mpi-arg=--mca --mpi-arg=btl --mpi-arg=^openib --mpi-arg=--report-bindings ./solver -n $N",
      "environment": {"N": "256"}
    }],
    "auto_complete": true
  })")
                .patch(nlohmann::json::parse(
                    R"([{"op": "add", "path": "/tasks/0/environment/EMPTY", "value": ""}])")));
  EXPECT_THAT(result->not_carried,
              ElementsAre("jobs.yaml:5: job_specifications[0].tasks[0].docker_image: the image has to be "
                          "built FROM shipyard/openmpi, whose entrypoint starts sshd with the job's key"));
}

TEST(ConvertShipyardConfig, NprocIsARankOnEachHardwareThread) {
  for (const char* text : {"nproc", "$(nproc)", "'`nproc`'"}) {
    const auto result = convert(
        mpi_task("      mpi: {runtime: openmpi, processes_per_node: " + std::string(text) + "}\n"), kPool);
    EXPECT_EQ(only_task(result)["command"], "shipyard-mpirun --ppn hwthread ./a");
    EXPECT_THAT(
        lines(result),
        ElementsAre(
            "jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.mpi.processes_per_node: nproc "
            "counts the hardware threads of the primary, --ppn hwthread those of each node; --ppn "
            "core, one rank on each core, is what most programs run best with"));
  }
}

TEST(ConvertShipyardConfig, AnotherCommandForTheRanksIsLeftToTheShell) {
  const auto result = convert(
      mpi_task("      mpi:\n        runtime: openmpi\n        processes_per_node: lscpu -p | grep -c ,0,\n"),
      kPool);
  EXPECT_EQ(only_task(result)["command"], "shipyard-mpirun --ppn \"$(lscpu -p | grep -c ,0,)\" ./a");
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          "jobs.yaml:11: job_specifications[0].tasks[0].multi_instance.mpi.processes_per_node: runs on "
          "the primary alone, as before, and its number holds for all nodes"));
}

TEST(ConvertShipyardConfig, NoNumberOfRanksIsTold) {
  const auto result = convert(
      mpi_task("      mpi: {runtime: openmpi, options: [-tag-output], executable_path: /opt/m y}\n"), kPool);
  EXPECT_EQ(only_task(result)["command"], "shipyard-mpirun --mpirun '/opt/m y' --mpi-arg=-tag-output ./a");
  EXPECT_THAT(
      lines(result),
      ElementsAre("jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.mpi: without "
                  "processes_per_node shipyard-mpirun starts a rank on each core; --ppn says otherwise"));
}

TEST(ConvertShipyardConfig, EachMpiHasItsImage) {
  const std::string image = "jobs.yaml:5: job_specifications[0].tasks[0].docker_image: the image ";
  const std::string entrypoint = ", whose entrypoint starts sshd with the job's key";
  const std::string mpi = "jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.mpi.";
  const auto notes = [](const std::string& runtime) {
    return convert(mpi_task("      mpi: {runtime: " + runtime +
                            ", options: [-genv X 1], processes_per_node: 2}\n"),
                   kPool)
        ->not_carried;
  };
  EXPECT_THAT(notes("mpich"), ElementsAre(image + "has to be built FROM shipyard/mpich" + entrypoint));
  for (const char* runtime : {"intelmpi", "intelmpi_ofa"})
    EXPECT_THAT(
        notes(runtime),
        ElementsAre(image + "needs /opt/shipyard of shipyard/tree" + entrypoint,
                    mpi + "runtime: shipyard-mpirun starts Intel MPI as its reference has it; untested "
                          "on the real one"));
  EXPECT_THAT(
      notes("mvapich"),
      ElementsAre(image + "has to be built FROM shipyard/openmpi" + entrypoint,
                  mpi + "runtime: shipyard-mpirun starts Open MPI, MPICH and Intel MPI, not 'mvapich': "
                        "build the program with one of them",
                  mpi + "options[0]: an option of another mpirun: check it"));
}

TEST(ConvertShipyardConfig, WhatRunsBeforeTheCommandRunsInTheSameShell) {
  const auto result = convert(mpi_task("      pre_execution_command: source /opt/it's.sh;\n"
                                       "      mpi: {runtime: openmpi, processes_per_node: 1}\n"),
                              kPool);
  EXPECT_EQ(only_task(result)["command"],
            "/bin/bash -c 'source /opt/it'\\''s.sh; shipyard-mpirun --ppn 1 ./a'");
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          "jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.pre_execution_command: runs on the "
          "primary alone, as before; a script that every node needs is --mpi-env SCRIPT of "
          "shipyard-mpirun"));
}

TEST(ConvertShipyardConfig, ACommandThatCallsMpirunStaysAndIsTold) {
  const auto result = convert(
      "job_specifications:\n- id: j\n  tasks:\n  - id: t\n    docker_image: i\n"
      "    command: mpirun -hosts $AZ_BATCH_HOST_LIST ./a\n    multi_instance: {num_instances: 3}\n",
      kPool);
  EXPECT_EQ(only_task(result), Json::parse(R"({"id": "t", "image": "i", "nodes": 3,
                                               "command": "mpirun -hosts $AZ_BATCH_HOST_LIST ./a"})"));
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          "jobs.yaml:6: job_specifications[0].tasks[0].command: calls mpirun itself, and stays as it is: "
          "shipyard-mpirun in its place finds the nodes, waits for their sshd and binds the ranks"));
}

TEST(ConvertShipyardConfig, WhatOnlyBatchShipyardHasIsTold) {
  const auto result = convert(
      "job_specifications:\n- id: j\n  tasks:\n  - id: t\n    docker_image: i\n"
      "    command: eval $SHIPYARD_SINGULARITY_COMMAND; . $AZ_BATCH_TASK_WORKING_DIR/.shipyard.envlist\n"
      "    environment_variables: {DIR: $AZ_BATCH_TASK_DIR/auto_scratch, SHIPYARD_SSH_KEY: x, 1X: y}\n",
      kPool);
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          "jobs.yaml:6: job_specifications[0].tasks[0].command: SHIPYARD_SINGULARITY_COMMAND is a variable "
          "of "
          "Batch Shipyard's, which is not set here",
          "jobs.yaml:6: job_specifications[0].tasks[0].command: .shipyard.envlist is Batch Shipyard's, and "
          "is "
          "not there: the variables are set already",
          "jobs.yaml:7: job_specifications[0].tasks[0].environment_variables.DIR: auto_scratch is Batch "
          "Shipyard's, and is not there: mount a file system of your own (pool.mounts)",
          "jobs.yaml:7: job_specifications[0].tasks[0].environment_variables.SHIPYARD_SSH_KEY: not carried: "
          "each "
          "job gets a key of its own",
          "jobs.yaml:7: job_specifications[0].tasks[0].environment_variables.1X: not carried: not the name "
          "of a "
          "variable: letters, digits and '_', no digit first"));
}

TEST(ConvertShipyardConfig, TheNumberOfNodesOfAPoolIsTakenFromPoolYaml) {
  const std::string pool = std::string(kPool) + "  vm_count: {dedicated: 4, low_priority: 6}\n";
  for (const auto& [word, nodes] : {std::pair{"pool_specification_vm_count_dedicated", 4},
                                    {"pool_specification_vm_count_low_priority", 6},
                                    {"pool_current_dedicated", 4},
                                    {"pool_current_low_priority", 6}}) {
    const auto result =
        convert(task("    multi_instance: {num_instances: " + std::string(word) + "}\n"), pool);
    EXPECT_EQ(only_task(result)["nodes"], nodes) << word;
  }
  EXPECT_THAT(
      lines(convert(task("    multi_instance: {num_instances: pool_current_dedicated}\n"), pool)),
      ElementsAre(
          "jobs.yaml:7: job_specifications[0].tasks[0].multi_instance.num_instances: the pool is not asked "
          "how many nodes it has: nodes is 4, pool.yaml's vm_count.dedicated",
          "pool.yaml:3: pool_specification.vm_count.low_priority: not carried: it belongs to the pool, "
          "which is not made anew"));
}

TEST(ConvertShipyardConfig, ANumberOfNodesThatCannotBeToldIsAnError) {
  const std::string jobs = task("    multi_instance: {num_instances: pool_current_dedicated}\n");
  const std::string place = "jobs.yaml:7: job_specifications[0].tasks[0].multi_instance.num_instances: ";
  EXPECT_EQ(message(convert(jobs)),
            place +
                "'pool_current_dedicated' needs vm_count.dedicated of pool.yaml | give "
                "pool.yaml as well, or write a number here");
  EXPECT_EQ(message(convert(jobs, kPool)),
            place +
                "'pool_current_dedicated' needs vm_count.dedicated of pool.yaml | "
                "write it there, or a number here");
  EXPECT_EQ(
      message(convert(jobs, std::string(kPool) + "  vm_count: {dedicated: 0}\n")),
      place + "'pool_current_dedicated' is 0: pool.yaml has vm_count.dedicated 0 | write a number here");
  EXPECT_EQ(message(convert(task("    multi_instance: {num_instances: many}\n"), kPool)),
            place + "a whole number of 1 to 100000 is wanted | ");
  EXPECT_EQ(message(convert(task("    multi_instance: {}\n"), kPool)),
            "jobs.yaml:7: job_specifications[0].tasks[0].multi_instance: num_instances is missing | how many "
            "nodes the "
            "task runs on");
}

TEST(ConvertShipyardConfig, TheErrorShowsItsLine) {
  const auto result = convert(mpi_task("      mpi: {runtime: openmpi, processes_per_node: 0}\n"), kPool);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.mpi.processes_per_node: at least one "
            "rank is "
            "wanted");
  EXPECT_EQ(result.error().excerpt.text, "      mpi: {runtime: openmpi, processes_per_node: 0}");
  EXPECT_EQ(result.error().excerpt.offset, 30u);
}

TEST(ConvertShipyardConfig, WithoutPoolYamlThePoolIsLeftToTheUser) {
  const auto result = convert(task(""));
  ASSERT_TRUE(result) << message(result);
  EXPECT_EQ(result->jobs[0].job_file["pool"], (Json{{"id", "my-pool"}}));
  EXPECT_THAT(lines(result),
              ElementsAre("jobs.yaml:2: job_specifications[0]: pool.yaml was not given: write the pool's "
                          "id in place of 'my-pool'"));
}

TEST(ConvertShipyardConfig, DockersOptionsGoToTheKeysThatTheyHaveHere) {
  const auto result = convert(
      task("    additional_docker_run_options: ['-v /a:/b:ro', '--shm-size=2g', '-w /work', --net=host, "
           "--network=bridge, --name x, --rm, '--label \"a b\"', '-e ID=$(id)']\n"),
      kPool);
  EXPECT_EQ(only_task(result)["container"], Json::parse(R"json({
    "options": ["-v", "/a:/b:ro", "--label", "a b", "-e", "ID=$(id)"], "shm_size": "2g",
    "working_directory": "/work"})json"))
      << only_task(result);
  const std::string place = "jobs.yaml:7: job_specifications[0].tasks[0].additional_docker_run_options";
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          place + "[4]: not carried: --network=bridge: the nodes reach each other on the host's network",
          place + "[5]: not carried: --name=x: the container has a name of its own",
          place + "[6]: not carried: --rm: the container is started and removed as the task needs it",
          place + "[8]: ID=$(id) was the shell's to replace, and stays as it is written: check it"));
}

TEST(ConvertShipyardConfig, JobsAndTasksSayWhatHoldsForContainersAndLimits) {
  const auto result = convert(
      "job_specifications:\n- id: j\n  shm_size: 4g\n  gpu: true\n  max_task_retries: 2\n  retention_time: "
      "1.12:00:00\n"
      "  max_wall_time: 02:00:00\n  priority: -5\n  user_identity: {specific_user: {uid: 7, gid: 8}}\n"
      "  remove_container_after_exit: true\n  default_working_dir: batch\n  tasks:\n"
      "  - {id: a, docker_image: i, command: ./a, infiniband: false, gpus: all, max_wall_time: '00:00:30', "
      "labels: [x=y]}\n",
      kPool);
  ASSERT_TRUE(result) << message(result);
  EXPECT_EQ(result->jobs[0].job_file.dump(), Json::parse(R"({
    "id": "j", "pool": {"id": "p"},
    "limits": {"retries": 2, "retention": "P1DT12H"},
    "container": {"shm_size": "4g", "gpus": "yes", "keep": false, "options": ["--user=7:8"]},
    "tasks": [{"id": "a", "image": "i", "nodes": 1, "command": "./a", "limits": {"time": "PT30S"},
               "container": {"infiniband": "no", "gpus": "yes", "options": ["--user=7:8", "--label=x=y"]}}],
    "auto_complete": false,
    "raw": {"job": {"priority": -5, "constraints": {"maxWallClockTime": "PT2H"}}}
  })")
                                                 .dump());
}

TEST(ConvertShipyardConfig, TasksDependOnEachOtherByBatchsOwnWords) {
  const auto result = convert(
      "job_specifications:\n- id: j\n  exit_conditions: {default: {exit_options: {job_action: terminate}}}\n "
      " tasks:\n"
      "  - {id: '1', docker_image: i, command: ./a}\n"
      "  - {id: b, docker_image: i, command: ./b, depends_on: ['1', gone], depends_on_range: [1, 3],\n"
      "     exit_conditions: {default: {exit_options: {job_action: none, dependency_action: satisfy}}}}\n"
      "  - {id: gone, singularity_image: s, command: ./c}\n"
      "  merge_task: {docker_image: i, command: ./merge}\n",
      kPool);
  ASSERT_TRUE(result) << message(result);
  const Json& file = result->jobs[0].job_file;
  EXPECT_EQ(file["raw"]["job"], Json::parse(R"({"usesTaskDependencies": true,
                                                "onTaskFailure": "performexitoptionsjobaction"})"));
  ASSERT_EQ(file["tasks"].size(), 3u);
  EXPECT_EQ(file["tasks"][0]["raw"],
            Json::parse(R"({"exitConditions": {"default": {"jobAction": "terminate"}}})"));
  EXPECT_EQ(file["tasks"][1]["raw"].dump(), Json::parse(R"({
    "dependsOn": {"taskIds": ["1"], "taskIdRanges": [{"start": 1, "end": 3}]},
    "exitConditions": {"default": {"jobAction": "none", "dependencyAction": "satisfy"}}})")
                                                .dump());
  EXPECT_EQ(file["tasks"][2]["id"], "merge-task-00000");
  EXPECT_EQ(file["tasks"][2]["raw"]["dependsOn"], Json::parse(R"({"taskIds": ["1", "b"]})"));
  EXPECT_THAT(result->not_carried,
              testing::IsSupersetOf(
                  {std::string("jobs.yaml:6: job_specifications[0].tasks[1].depends_on[1]: not carried: "
                               "task 'gone' is not converted"),
                   std::string("jobs.yaml:8: job_specifications[0].tasks[2]: not carried: the task is "
                               "left out: Singularity images are not supported; with an image for "
                               "Docker it can be converted")}));
}

TEST(ConvertShipyardConfig, WhereNoTaskIsLeftItIsAnError) {
  EXPECT_EQ(message(convert(
                "job_specifications:\n- id: j\n  tasks:\n  - {id: a, singularity_image: s, command: ./a}\n",
                kPool)),
            "none of the jobs can be converted | jobs.yaml:2: job_specifications[0]: not carried: the job is "
            "left out: "
            "none of its tasks can be converted");
  const auto one_left = convert(
      "job_specifications:\n- id: j\n  tasks:\n  - {id: a, docker_image: i, task_factory: {repeat: 2}, "
      "command: ./a}\n"
      "- id: k\n  tasks:\n  - {id: a, docker_image: i, command: ./a}\n",
      kPool);
  ASSERT_TRUE(one_left) << message(one_left);
  ASSERT_EQ(one_left->jobs.size(), 1u);
  EXPECT_EQ(one_left->jobs[0].name, "k");
  EXPECT_THAT(
      one_left->not_carried,
      ElementsAre(
          "jobs.yaml:2: job_specifications[0]: not carried: the job is left out: none of its tasks can be "
          "converted",
          "jobs.yaml:4: job_specifications[0].tasks[0]: not carried: the task is left out: nothing makes "
          "tasks "
          "out of a task_factory; write them out in tasks",
          "jobs.yaml:7: job_specifications[1].tasks[0]: not a multi-instance task: it becomes one of a "
          "single "
          "node"));
}

TEST(ConvertShipyardConfig, TheCoordinationCommandIsCarriedToANativePoolAlone) {
  const std::string native = std::string(kPool) + "  vm_configuration: {platform_image: {native: true}}\n";
  const std::string jobs = mpi_task("      coordination_command: ./prepare\n");
  const std::string place =
      "jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.coordination_command: ";
  EXPECT_EQ(only_task(convert(jobs, native))["coordination"], "shipyard-entrypoint true && ./prepare");
  EXPECT_THAT(lines(convert(jobs, native)),
              ElementsAre(place + "runs after shipyard-entrypoint, which starts sshd"));
  EXPECT_FALSE(only_task(convert(jobs, kPool)).contains("coordination"));
  EXPECT_THAT(
      lines(convert(jobs, kPool)),
      ElementsAre(place + "not carried: it was the container's own command; here the container's entrypoint "
                          "starts sshd and stays"));
  EXPECT_THAT(lines(convert(mpi_task("      coordination_command: /usr/sbin/sshd -p 23\n"), native)),
              ElementsAre(place + "not carried: the default coordination command starts sshd already"));
}

TEST(ConvertShipyardConfig, FilesComeAsResourceFiles) {
  const auto result = convert(
      mpi_task("      resource_files: [{blob_source: 'https://s.example.com/x?sig=abc', file_path: x}]\n") +
          "    resource_files: [{blob_source: 'https://s.example.com/y', file_path: d/y, file_mode: "
          "'0600'}]\n"
          "    input_data: {azure_storage: [{storage_account_settings: link, remote_path: box}]}\n"
          "    output_data: {azure_storage: [{storage_account_settings: link, remote_path: /out/}]}\n",
      kPool, "", "credentials: {storage: {link: {account: acc, account_key: THE-SECRET}}}\n");
  EXPECT_EQ(only_task(result)["resource_files"], Json::parse(R"([
    {"url": "https://s.example.com/y", "path": "d/y", "mode": "0600"},
    {"container": "https://acc.blob.core.windows.net/box"}])"))
      << only_task(result);
  EXPECT_EQ(only_task(result)["common_files"],
            Json::parse(R"([{"url": "https://s.example.com/x?sig=abc", "path": "x"}])"));
  EXPECT_EQ(only_task(result)["output_files"], Json::parse(R"([
    {"pattern": "../**/*", "container": "https://acc.blob.core.windows.net/out", "when": "success"}])"));
  const std::string identity =
      "the container wants a managed identity (identity) or a signature in its URL: the account's key is not "
      "used for "
      "that";
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          "jobs.yaml:9: job_specifications[0].tasks[0].multi_instance.resource_files[0].blob_source: the "
          "URL holds a signature: whoever reads the job file can use it",
          "jobs.yaml:11: job_specifications[0].tasks[0].input_data.azure_storage[0]: " + identity,
          "jobs.yaml:12: job_specifications[0].tasks[0].output_data.azure_storage[0]: " + identity,
          "credentials.yaml:1: credentials.storage.link.account_key: not carried: no secret is written to "
          "a job file"));
}

TEST(ConvertShipyardConfig, DataThatBatchDoesNotMoveIsListed) {
  const auto result =
      convert(task("    input_data:\n      azure_storage:\n"
                   "      - {storage_account_settings: link, remote_path: a, is_file_share: true}\n"
                   "      - {storage_account_settings: link, remote_path: a, local_path: /data}\n"
                   "      - {storage_account_settings: nobody, remote_path: a}\n"
                   "    output_data:\n      azure_storage:\n"
                   "      - {storage_account_settings: link, remote_path: a, local_path: /data}\n"),
              kPool, "", "credentials: {storage: {link: {account: acc}}}\n");
  const std::string in = "jobs.yaml:9: job_specifications[0].tasks[0].input_data.azure_storage[0]: ";
  EXPECT_THAT(
      lines(result),
      ElementsAre(in + "not carried: files of a share are not fetched: mount it with pool.mounts",
                  "jobs.yaml:10: job_specifications[0].tasks[0].input_data.azure_storage[1]: not carried: "
                  "Batch brings "
                  "files to the task's working directory alone",
                  "jobs.yaml:11: job_specifications[0].tasks[0].input_data.azure_storage[2]: not carried: "
                  "its storage "
                  "account is not known",
                  "jobs.yaml:11: "
                  "job_specifications[0].tasks[0].input_data.azure_storage[2].storage_account_settings: not "
                  "carried: the files: credentials.yaml has no storage account 'nobody'",
                  "jobs.yaml:14: job_specifications[0].tasks[0].output_data.azure_storage[0]: not carried: "
                  "Batch sends "
                  "files of the task's directory alone",
                  "credentials.yaml:1: credentials.storage: not carried: no converted job reads it"));
  EXPECT_FALSE(only_task(result).contains("resource_files"));
}

TEST(ConvertShipyardConfig, VolumesOfAPoolThatExistsAreTakenFromWhereBatchShipyardMountsThem) {
  const auto result = convert(
      task("    shared_data_volumes: [share, cluster, nowhere]\n    data_volumes: [host]\n"), kPool,
      "global_resources:\n  volumes:\n    data_volumes:\n      host: {host_path: /data}\n    "
      "shared_data_volumes:\n"
      "      share: {volume_driver: azurefile, container_path: /share, storage_account_settings: link,\n"
      "              azure_file_share_name: s, bind_options: ro}\n"
      "      cluster: {volume_driver: glusterfs_on_compute, container_path: $AZ_BATCH_NODE_SHARED_DIR/g}\n",
      "credentials: {storage: {link: {account: acc}}}\n");
  EXPECT_EQ(only_task(result)["container"], Json::parse(R"({
    "options": ["--volume=$AZ_BATCH_NODE_ROOT_DIR/mounts/gluster_on_compute/gv0:$AZ_BATCH_NODE_SHARED_DIR/g"],
    "mounts": ["/data:/data", "$AZ_BATCH_NODE_ROOT_DIR/mounts/azfile-acc-s:/share:ro"]})"))
      << only_task(result);
  EXPECT_THAT(
      lines(result),
      ElementsAre("jobs.yaml:7: job_specifications[0].tasks[0].shared_data_volumes[2]: not carried: "
                  "config.yaml has no "
                  "volume 'nowhere'",
                  "config.yaml:6: global_resources.volumes.shared_data_volumes.share: taken to be at "
                  "$AZ_BATCH_NODE_ROOT_DIR/mounts/azfile-acc-s on the nodes, where Batch Shipyard mounts it: "
                  "check it",
                  "config.yaml:8: global_resources.volumes.shared_data_volumes.cluster: taken to be at "
                  "$AZ_BATCH_NODE_ROOT_DIR/mounts/gluster_on_compute/gv0 on the nodes, where Batch Shipyard "
                  "mounts it: "
                  "check it"));
}

TEST(ConvertShipyardConfig, AVolumeThatIsNoneIsAnError) {
  const auto with = [](const std::string& volume) {
    return message(
        convert(task("    shared_data_volumes: [v]\n"), kPool,
                "global_resources:\n  volumes:\n    shared_data_volumes:\n      v: " + volume + "\n"));
  };
  const std::string place = "config.yaml:4: global_resources.volumes.shared_data_volumes.v";
  const std::string drivers =
      " | azureblob, azurefile, custom_linux_mount, glusterfs_on_compute or storage_cluster";
  EXPECT_EQ(with("{container_path: /v}"), place + ": volume_driver is missing" + drivers);
  EXPECT_EQ(with("{container_path: /v, volume_driver: x}"),
            place + ".volume_driver: unknown volume driver 'x'" + drivers);
  EXPECT_EQ(with("{volume_driver: azurefile}"), place + ": container_path is missing | ");
  EXPECT_EQ(with("{container_path: /v, volume_driver: storage_cluster, bind_options: x}"),
            place + ".bind_options: 'x' is neither ro nor rw | ");
}

TEST(ConvertShipyardConfig, AnAutoPoolBringsTheWholeSpecification) {
  const auto result = convert(
      "job_specifications:\n- id: j\n  auto_pool: {keep_alive: false, pool_lifetime: job}\n  "
      "shared_data_volumes: [lustre, share]\n"
      "  tasks:\n  - {id: t, docker_image: i, command: ./a}\n",
      "pool_specification:\n  id: p\n  vm_size: STANDARD_HB120RS_V3\n  vm_count: {dedicated: 2, "
      "low_priority: 0}\n"
      "  vm_configuration: {platform_image: {publisher: microsoft-dsvm, offer: ubuntu-hpc, sku: '2204'}}\n"
      "  virtual_network: {name: net, resource_group: group, subnet: {name: sub}}\n"
      "  additional_node_prep_commands: {pre: [./a, ./b]}\n  resize_timeout: 00:30:00\n",
      "global_resources:\n  docker_images: [i]\n  volumes:\n    shared_data_volumes:\n"
      "      lustre: {volume_driver: custom_linux_mount, container_path: /l, fstab_entry: {fs_vfstype: "
      "lustre}}\n"
      "      share: {volume_driver: azurefile, container_path: /s, storage_account_settings: link, "
      "azure_file_share_name: s}\n",
      "credentials:\n  docker_registry: {reg.example.com: {username: me, password: THE-SECRET}}\n"
      "  management: {subscription_id: sub-id}\n  storage: {link: {account: acc, account_key: "
      "THE-SECRET}}\n");
  ASSERT_TRUE(result) << message(result);
  EXPECT_EQ(result->jobs[0].job_file["pool"].dump(), Json::parse(R"({
    "id": "p", "vm_size": "STANDARD_HB120RS_V3",
    "vm_image": "microsoft-dsvm:ubuntu-hpc:2204:latest", "node_agent": "batch.node.ubuntu 22.04",
    "dedicated": 2, "images": ["i"],
    "registries": [{"server": "reg.example.com", "user": "me", "password_variable": "SHIPYARD_REGISTRY_PASSWORD"}],
    "subnet": "/subscriptions/sub-id/resourceGroups/group/providers/Microsoft.Network/virtualNetworks/net/subnets/sub",
    "start_task": "set -e; ./a; ./b", "resize_timeout": "PT30M",
    "mounts": [{"kind": "azure-files", "source": "https://acc.file.core.windows.net/s", "path": "share", "account": "acc",
                "key_variable": "SHIPYARD_STORAGE_KEY_LINK"}]})")
                                                         .dump());
  EXPECT_EQ(result->jobs[0].job_file["container"],
            Json::parse(R"({"mounts": ["$AZ_BATCH_NODE_MOUNTS_DIR/share:/s"]})"));
  EXPECT_EQ(result->jobs[0].job_file["auto_complete"], true);
  const std::string lustre =
      "a file system of type 'lustre' is not mounted by Batch: mount it with pool.start_task";
  EXPECT_THAT(
      result->not_carried,
      ElementsAre(
          "jobs.yaml:2: job_specifications[0]: auto_complete is set: the pool of the job alone would stay, "
          "and "
          "cost, as long as nobody ends the job",
          "jobs.yaml:4: job_specifications[0].shared_data_volumes[0]: not carried: volume 'lustre': " +
              lustre,
          "jobs.yaml:6: job_specifications[0].tasks[0]: not a multi-instance task: it becomes one of a "
          "single node",
          "pool.yaml:5: pool_specification.vm_configuration.platform_image: Batch Shipyard installs Docker "
          "on the "
          "nodes, and here nothing does: take an image that has it (microsoft-dsvm:ubuntu-hpc), or let "
          "pool.start_task install it",
          "config.yaml:5: global_resources.volumes.shared_data_volumes.lustre: not carried: " + lustre,
          "credentials.yaml:2: credentials.docker_registry.reg.example.com.password: not carried: no secret "
          "is "
          "written to a job file: set SHIPYARD_REGISTRY_PASSWORD to the password",
          "credentials.yaml:4: credentials.storage.link.account_key: not carried: no secret is written to a "
          "job "
          "file: set SHIPYARD_STORAGE_KEY_LINK to the key of the storage account 'acc'"));
}

TEST(ConvertShipyardConfig, AnImageWhoseNodeAgentIsNotKnownIsLeftToTheUser) {
  const auto result = convert(
      "job_specifications:\n- id: j\n  auto_pool: {}\n  tasks:\n  - {id: t, docker_image: i, command: ./a}\n",
      "pool_specification:\n  vm_size: s\n  vm_configuration:\n"
      "    platform_image: {publisher: me, offer: own, sku: best}\n");
  ASSERT_TRUE(result) << message(result);
  EXPECT_EQ(result->jobs[0].job_file["pool"], (Json{{"vm_size", "s"}}));
  EXPECT_EQ(
      result->not_carried.back(),
      "pool.yaml:4: pool_specification.vm_configuration.platform_image: not carried: the node agent for "
      "me:own:best:latest is not known here: set pool.vm_image and pool.node_agent (`az batch pool "
      "supported-images list`), else the default image is taken");
}

TEST(ConvertShipyardConfig, TheAccountIsNamedAndItsKeyIsNot) {
  const auto result =
      convert(task(""), kPool, "",
              "credentials:\n  batch:\n    account_service_url: https://mine.westeurope.batch.azure.com/\n"
              "    account_key: THE-SECRET\n");
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          "credentials.yaml:3: credentials.batch.account_service_url: not carried: set "
          "AZURE_BATCH_ENDPOINT=https://mine.westeurope.batch.azure.com and AZURE_BATCH_ACCOUNT=mine",
          "credentials.yaml:4: credentials.batch.account_key: not carried: no secret is written to a job "
          "file: set AZURE_BATCH_ACCESS_KEY to it"));
  EXPECT_THAT(
      lines(convert(task(""), kPool, "",
                    "credentials: {batch: {account_service_url: 'https://u:THE-SECRET@x.example.com'}}\n")),
      ElementsAre("credentials.yaml:1: credentials.batch.account_service_url: not carried: set "
                  "AZURE_BATCH_ENDPOINT to it, and AZURE_BATCH_ACCOUNT"));
}

TEST(ConvertShipyardConfig, AnUnknownKeyIsListedWithTheNearestOne) {
  EXPECT_THAT(
      lines(convert(task("    comand: x\n    job_preparation: {command: y}\n    name:\n"), kPool)),
      ElementsAre(
          "jobs.yaml:7: job_specifications[0].tasks[0].comand: not carried: Batch Shipyard has no such key; "
          "did you mean 'command'?",
          "jobs.yaml:8: job_specifications[0].tasks[0].job_preparation: not carried: Batch Shipyard has no "
          "such key"));
}

TEST(ConvertShipyardConfig, ALineStaysOneLineWhateverTheKey) {
  EXPECT_THAT(
      lines(convert(task("    \"a\\nb\\e[1m\": x\n"), kPool)),
      ElementsAre(
          "jobs.yaml:7: job_specifications[0].tasks[0].a?b?[1m: not carried: Batch Shipyard has no such "
          "key"));
}

TEST(ConvertShipyardConfig, BadInputIsOneErrorWithItsPlace) {
  EXPECT_EQ(message(convert_shipyard_config({})),
            "there is no jobs.yaml | it is the one file of Batch Shipyard's that is needed");
  EXPECT_EQ(message(convert("tasks: []\n")),
            "jobs.yaml:1: job_specifications is missing | is this Batch Shipyard's jobs.yaml?");
  EXPECT_EQ(message(convert("job_specifications: []\n")), "jobs.yaml: there is no job in it | ");
  EXPECT_EQ(message(convert("- a\n")), "jobs.yaml:1: keys with values are wanted | ");
  EXPECT_EQ(message(convert("job_specifications:\n- id: j\n", kPool)),
            "jobs.yaml:2: job_specifications[0]: tasks is missing | ");
  EXPECT_EQ(
      message(convert("job_specifications:\n- id: a b\n  tasks: [{docker_image: i, command: c}]\n", kPool)),
      "jobs.yaml:2: job_specifications[0]: 'a b' is no id for Batch | letters, digits, '-' and '_', 64 at "
      "most");
  EXPECT_EQ(message(convert("job_specifications:\n- id: j\n  tasks: {}\n", kPool)),
            "jobs.yaml:3: job_specifications[0].tasks: a list is wanted, not a mapping | ");
  EXPECT_EQ(message(convert(task("  - {id: t, docker_image: i, command: c}\n"), kPool)),
            "jobs.yaml:7: job_specifications[0].tasks[1].id: there is a task 't' already | ");
  EXPECT_EQ(message(convert(task("    max_wall_time: 2h\n"), kPool)),
            "jobs.yaml:7: job_specifications[0].tasks[0].max_wall_time: a time is wanted | d.HH:mm:ss");
  EXPECT_EQ(message(convert(task("    gpu: maybe\n"), kPool)),
            "jobs.yaml:7: job_specifications[0].tasks[0].gpu: true or false is wanted | ");
  EXPECT_EQ(
      message(convert(task("    shm_size: much\n"), kPool)),
      "jobs.yaml:7: job_specifications[0].tasks[0].shm_size: 'much' is not a size | examples: 512m, 2g");
  EXPECT_EQ(
      message(convert("job_specifications:\n- {id: j, tasks: [{docker_image: 'a b', command: c}]}\n", kPool)),
      "jobs.yaml:2: job_specifications[0].tasks[0].docker_image: 'a b' is not the name of an image | ");
  EXPECT_EQ(message(convert(
                "job_specifications:\n- id: j\n  auto_pool: {}\n  tasks: [{docker_image: i, command: c}]\n")),
            "jobs.yaml:3: job_specifications[0].auto_pool: the pool's specification is in pool.yaml, which "
            "was not given | "
            "give pool.yaml as well");
  EXPECT_EQ(message(convert(task(""), "pool_specification: {id: 'a b'}\n")),
            "jobs.yaml:2: job_specifications[0]: the job file made of it is refused: pool.id: 'a b' is no id "
            "for Batch: "
            "letters, digits, '-' and '_', 64 at most | ");
}

TEST(ConvertShipyardConfig, JsonIsTakenToo) {
  const auto result = convert(R"({"job_specifications": [{"id": "j", "tasks": [
      {"docker_image": "i", "command": "./a", "multi_instance": {"num_instances": 2}}]}]})",
                              R"({"pool_specification": {"id": "p"}})");
  ASSERT_TRUE(result) << message(result);
  EXPECT_EQ(result->jobs[0].job_file["tasks"][0]["nodes"], 2);
}

TEST(ConvertShipyardConfig, IdsOfTasksAreMadeAsTheConfigurationSays) {
  const std::string jobs =
      "job_specifications:\n- id: j\n  tasks:\n  - {docker_image: i, command: c}\n  - {docker_image: i, "
      "command: c}\n";
  const auto ids = [&](const std::string& config) {
    const auto result = convert(jobs, kPool, config);
    return result ? result->jobs[0].job_file["tasks"][1]["id"].get<std::string>() : message(result);
  };
  EXPECT_EQ(ids(""), "task-00001");
  EXPECT_EQ(ids("batch_shipyard: {autogenerated_task_id: {prefix: '', zfill_width: 0}}\n"), "1");
  EXPECT_EQ(ids("batch_shipyard: {autogenerated_task_id: {prefix: x, zfill_width: 3}}\n"), "x001");
}

}  // namespace
}  // namespace shipyard::batch
