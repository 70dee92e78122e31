#include "batch/client/requests.hpp"

#include <gmock/gmock.h>

#include "batch/client/commands.hpp"
#include "batch/client/redact.hpp"
#include "client_jobs.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using testing::job_of;
using testing::shown;

const Secret kKey{"a2V5"};

SubmissionFacts facts(const std::string& id = "j") {
  SubmissionFacts facts;
  facts.job_id = id;
  facts.key = kKey;
  facts.vm_size = "Standard_HB120rs_v3";
  return facts;
}

Submission plan(const JobFile& job, const SubmissionFacts& of = facts()) {
  auto submission = plan_submission(job, of);
  if (!submission) throw std::runtime_error(shown(submission));
  return std::move(*submission);
}
Submission plan(const std::string& text) { return plan(job_of(text)); }

const json kRoot = json::parse(R"({"autoUser": {"scope": "pool", "elevationLevel": "admin"}})");

TEST(PlanSubmission, AJobOnAnExistingPool) {
  const auto job = job_of("pool: p\nimage: i:1\nnodes: 4\ncommand: run it\nenvironment: {A: 1, HOME: /h}\n");
  const auto submission = plan(job);
  EXPECT_EQ(submission.job_id, "j");
  json wanted = {
      {"id", "j"},
      {"onAllTasksComplete", "noaction"},
      {"poolInfo", {{"poolId", "p"}}},
      {"jobPreparationTask",
       {{"commandLine", bash_command_line(pull_script({}, {"i:1"}))},
        {"userIdentity", kRoot},
        {"constraints", {{"maxTaskRetryCount", 2}}},
        {"waitForSuccess", true}}},
      {"jobReleaseTask", {{"commandLine", bash_command_line(release_script())}, {"userIdentity", kRoot}}}};
  wanted["metadata"] = json::array();
  wanted["metadata"].push_back(json::object({{"name", "shipyard-content"}, {"value", submission.content}}));
  EXPECT_EQ(submission.job, wanted);
  EXPECT_EQ(submission.content.size(), 32u);
  EXPECT_EQ(submission.content.find_first_not_of("0123456789abcdef"), std::string::npos);

  ASSERT_EQ(submission.tasks.size(), 1u);
  EXPECT_EQ(submission.tasks[0].first, "mpi");
  json task = json::parse(R"({"id": "mpi", "constraints": {"maxTaskRetryCount": 0},
    "environmentSettings": [{"name": "A", "value": "1"},
                            {"name": "SHIPYARD_VM_SIZE", "value": "Standard_HB120rs_v3"},
                            {"name": "SHIPYARD_SSH_KEY", "value": "a2V5"}]})");
  task["userIdentity"] = kRoot;
  task["commandLine"] = bash_command_line(application_script(job.tasks[0]));
  task["multiInstanceSettings"] = {
      {"numberOfInstances", 4},
      {"coordinationCommandLine", bash_command_line(coordination_script(job.tasks[0]))}};
  EXPECT_EQ(submission.tasks[0].second, task);
}

TEST(PlanSubmission, ATaskWithEverything) {
  const auto submission = plan(R"(
pool: p
image: i
command: x
environment: {SHIPYARD_VM_SIZE: mine}
resource_files:
  - {url: "https://s/c/b", path: in/b, mode: "0600", identity: /id/1}
  - {container: "https://s/c", prefix: p/, path: data}
  - {auto_storage: c}
common_files: [{url: "https://s/c/d", path: d}]
output_files:
  - {pattern: "../std*.txt", container: "https://s/o"}
  - {pattern: "*.vtk", container: "https://s/o", path: run1, identity: /id/2, when: failure}
limits: {time: 90m, retries: 3, retention: 2d}
user: fred
)");
  const json& task = submission.tasks[0].second;
  EXPECT_EQ(task["resourceFiles"], json::parse(R"([
    {"httpUrl": "https://s/c/b", "filePath": "in/b", "fileMode": "0600",
     "identityReference": {"resourceId": "/id/1"}},
    {"storageContainerUrl": "https://s/c", "blobPrefix": "p/", "filePath": "data"},
    {"autoStorageContainerName": "c"}])"));
  EXPECT_EQ(task["multiInstanceSettings"]["commonResourceFiles"],
            json::parse(R"([{"httpUrl": "https://s/c/d", "filePath": "d"}])"));
  EXPECT_EQ(task["outputFiles"], json::parse(R"([
    {"filePattern": "../std*.txt", "destination": {"container": {"containerUrl": "https://s/o"}},
     "uploadOptions": {"uploadCondition": "taskcompletion"}},
    {"filePattern": "*.vtk", "uploadOptions": {"uploadCondition": "taskfailure"},
     "destination": {"container": {"containerUrl": "https://s/o", "path": "run1",
                                   "identityReference": {"resourceId": "/id/2"}}}}])"));
  EXPECT_EQ(task["constraints"], json::parse(R"({"maxTaskRetryCount": 3, "maxWallClockTime": "PT1H30M",
                                                 "retentionTime": "P2D"})"));
  EXPECT_EQ(task["userIdentity"], json::parse(R"({"username": "fred"})"));
  EXPECT_EQ(task["environmentSettings"], json::parse(R"([{"name": "SHIPYARD_VM_SIZE", "value": "mine"},
                            {"name": "SHIPYARD_SSH_KEY", "value": "a2V5"}])"));
  EXPECT_EQ(plan("pool: p\nimage: i\ncommand: x\nuser: {admin: false, scope: task}\n")
                .tasks[0]
                .second["userIdentity"],
            json::parse(R"({"autoUser": {"scope": "task", "elevationLevel": "nonadmin"}})"));
}

TEST(PlanSubmission, ATaskOnANativePool) {
  const auto submission = plan(
      "pool: {id: p, native: true}\nimage: i\nnodes: 2\ncommand: it's $x\n"
      "environment: {HOME: /h}\n");
  EXPECT_FALSE(submission.job.contains("jobPreparationTask"));
  EXPECT_FALSE(submission.job.contains("jobReleaseTask"));
  const json& task = submission.tasks[0].second;
  EXPECT_EQ(task["commandLine"], "/bin/sh -c 'it'\\''s $x'");
  EXPECT_EQ(task["containerSettings"],
            json::parse(R"({"imageName": "i", "workingDirectory": "taskWorkingDirectory",
      "containerRunOptions":
      "--net=host --shm-size=1g --cap-add=SYS_PTRACE --cap-add=SYS_NICE --ulimit=memlock=-1 --device=/dev/infiniband"})"));
  EXPECT_EQ(task["multiInstanceSettings"], json::parse(R"({"numberOfInstances": 2,
      "coordinationCommandLine": "shipyard-entrypoint shipyard-entrypoint --ready 60"})"));
  EXPECT_EQ(task["environmentSettings"][0], json::parse(R"({"name": "HOME", "value": "/h"})"));
  EXPECT_EQ(plan("pool: {id: p, native: true}\nimage: i\ncommand: x\ncoordination: y\n")
                .tasks[0]
                .second["multiInstanceSettings"]["coordinationCommandLine"],
            "/bin/sh -c 'y'");
}

TEST(PlanSubmission, NoVariableWhereTheTypeIsNotKnown) {
  auto of = facts();
  of.vm_size = "";
  EXPECT_EQ(plan(job_of("pool: p\nimage: i\ncommand: x\n"), of).tasks[0].second["environmentSettings"],
            json::parse(R"([{"name": "SHIPYARD_SSH_KEY", "value": "a2V5"}])"));
}

TEST(PlanSubmission, AContainerThatIsKeptIsNotRemoved) {
  const std::string text = "pool: p\nimage: i\ncommand: x\n";
  EXPECT_FALSE(plan(text + "container: {keep: true}\n").job.contains("jobReleaseTask"));
  EXPECT_FALSE(plan(text + "container: {keep: true}\ntasks: [{id: a}, {id: b, container: {keep: false}}]\n")
                   .job.contains("jobReleaseTask"));
}

TEST(PlanSubmission, APoolForTheJobAlone) {
  const auto job = job_of(
      "pool: {vm_size: Standard_HC44rs, images: [extra, i], resize_timeout: 30m, subnet: /s}\n"
      "command: x\nimage: i\ntasks: [{id: a, nodes: 4}, {id: b, nodes: 2, image: j}]\n");
  const auto submission = plan(job);
  json pool =
      json::parse(R"({"vmSize": "Standard_HC44rs", "targetDedicatedNodes": 4, "targetLowPriorityNodes": 0,
    "enableInterNodeCommunication": true, "taskSlotsPerNode": 1, "resizeTimeout": "PT30M",
    "networkConfiguration": {"subnetId": "/s"},
    "virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.ubuntu 22.04", "imageReference":
      {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2204", "version": "latest"}}})");
  pool["startTask"] = {{"commandLine", bash_command_line(start_script(job.pool, {"i", "j", "extra"}))},
                       {"userIdentity", kRoot},
                       {"waitForSuccess", true},
                       {"maxTaskRetryCount", 2}};
  json wanted =
      json::parse(R"({"autoPoolIdPrefix": "shipyard", "poolLifetimeOption": "job", "keepAlive": false})");
  wanted["pool"] = pool;
  EXPECT_EQ(submission.job["poolInfo"], json({{"autoPoolSpecification", wanted}}));
  // Nothing is known of how long it may take: limited until all of it is there.
  EXPECT_EQ(submission.job["constraints"], json::parse(R"({"maxWallClockTime": "PT2H"})"));
  EXPECT_EQ(submission.completion, json::parse(R"({"onAllTasksComplete": "terminatejob",
    "constraints": {"maxWallClockTime": "P10675199DT2H48M5.4775807S"}})"));
  EXPECT_EQ(submission.tasks[0].second["environmentSettings"][0],
            json::parse(R"({"name": "SHIPYARD_VM_SIZE", "value": "Standard_HC44rs"})"));
}

json pool_of(const std::string& pool, const std::string& rest = "") {
  return plan("image: i\ncommand: x\nnodes: 3\npool: {vm_size: v, " + pool + "}\n" + rest)
      .job["poolInfo"]["autoPoolSpecification"]["pool"];
}

TEST(PlanSubmission, APoolsNodes) {
  const auto nodes = [](const json& pool) {
    return std::pair<int, int>(pool["targetDedicatedNodes"], pool["targetLowPriorityNodes"]);
  };
  EXPECT_EQ(nodes(pool_of("")), std::pair(3, 0));
  EXPECT_EQ(nodes(pool_of("spot: 4")), std::pair(0, 4));
  EXPECT_EQ(nodes(pool_of("dedicated: 3")), std::pair(3, 0));
  EXPECT_EQ(nodes(pool_of("dedicated: 0, spot: 3")), std::pair(0, 3));
}

TEST(PlanSubmission, APoolsImage) {
  const auto image = [](const std::string& name) {
    return pool_of("node_agent: n, vm_image: '" + name +
                   "'")["virtualMachineConfiguration"]["imageReference"];
  };
  EXPECT_EQ(image("a:b:c"),
            json::parse(R"({"publisher": "a", "offer": "b", "sku": "c", "version": "latest"})"));
  EXPECT_EQ(image("a:b:c:1.2"),
            json::parse(R"({"publisher": "a", "offer": "b", "sku": "c", "version": "1.2"})"));
  EXPECT_EQ(image("/subscriptions/s/images/i"),
            json::parse(R"({"virtualMachineImageId": "/subscriptions/s/images/i"})"));
}

TEST(PlanSubmission, APoolsMounts) {
  EXPECT_EQ(
      pool_of("mounts: [{kind: azure-files, source: u, path: p, account: a, key_variable: ACCOUNT_KEY, "
              "options: o}, {kind: blob, source: c, path: p, account: a, key_file: account.key, options: o}, "
              "{kind: nfs, source: 's:/x', path: p}, "
              "{kind: cifs, source: //s/x, path: p, account: a, key_file: account.key, options: o}]")
          ["mountConfiguration"],
      json::parse(R"([
      {"azureFileShareConfiguration": {"accountName": "a", "azureFileUrl": "u", "accountKey": "hush-3",
                                       "relativeMountPath": "p", "mountOptions": "o"}},
      {"azureBlobFileSystemConfiguration": {"accountName": "a", "containerName": "c",
                                            "relativeMountPath": "p", "accountKey": "hush-4",
                                            "blobfuseOptions": "o"}},
      {"nfsMountConfiguration": {"source": "s:/x", "relativeMountPath": "p"}},
      {"cifsMountConfiguration": {"username": "a", "source": "//s/x", "relativeMountPath": "p",
                                  "password": "hush-4", "mountOptions": "o"}}])"));
}

const std::string kRegistries =
    "registries: [{server: r1, user: u1, password_variable: REGISTRY_PASSWORD}, "
    "{server: r3, user: u3, password_file: registry.txt}]";

TEST(PlanSubmission, PasswordsOfRegistriesComeInVariablesOfTheStartTask) {
  const json pool = pool_of(kRegistries);
  EXPECT_FALSE(pool["virtualMachineConfiguration"].contains("containerConfiguration"));
  EXPECT_EQ(pool["startTask"]["environmentSettings"],
            json::parse(R"([{"name": "SHIPYARD_REGISTRY_PASSWORD_0", "value": "hush-1"},
                            {"name": "SHIPYARD_REGISTRY_PASSWORD_1", "value": "hush-2"}])"));
  EXPECT_EQ(pool["startTask"]["commandLine"].get<std::string>().find("hush"), std::string::npos);
}

TEST(PlanSubmission, ANativePoolLogsInAndPullsByItself) {
  const json pool = pool_of("native: true, images: [extra], " + kRegistries);
  EXPECT_EQ(pool["virtualMachineConfiguration"]["containerConfiguration"],
            json::parse(R"({"type": "dockerCompatible", "containerImageNames": ["i", "extra"],
      "containerRegistries": [{"registryServer": "r1", "username": "u1", "password": "hush-1"},
                              {"registryServer": "r3", "username": "u3", "password": "hush-2"}]})"));
  EXPECT_FALSE(pool.contains("startTask"));
  const json start = pool_of("native: true, start_task: echo a, " + kRegistries)["startTask"];
  EXPECT_FALSE(start.contains("environmentSettings"));
  const std::string line = start["commandLine"];
  EXPECT_NE(line.find("echo a"), std::string::npos);
  EXPECT_EQ(line.find("docker"), std::string::npos);
}

json constraints_of(const std::string& rest, int retries = 0) {
  auto of = facts();
  of.infrastructure_retries = retries;
  const json job = plan(job_of("pool: {vm_size: v}\nimage: i\ncommand: x\n" + rest), of).job;
  return job.value("constraints", json());
}

TEST(PlanSubmission, AJobWithAPoolOfItsOwnIsForgottenAtSomeTime) {
  const auto time = [](const char* text) { return json({{"maxWallClockTime", text}}); };
  EXPECT_EQ(constraints_of("limits: {time: 1h}\n"), time("PT3H"));
  EXPECT_EQ(constraints_of("limits: {time: 1h}\n", 2), time("PT5H"));
  EXPECT_EQ(constraints_of("limits: {time: 1h, retries: 2}\n"), time("PT5H"));
  EXPECT_EQ(constraints_of("limits: {time: 1h}\ntasks: [{id: a}, {id: b, limits: {time: 21h}}]\n"),
            time("P1D"));
  EXPECT_EQ(constraints_of("limits: {time: 1h}\ntasks: [{id: a}, {id: b}]\n", 1), time("PT6H"));
  EXPECT_EQ(constraints_of("tasks: [{id: a, limits: {time: 1h}}, {id: b}]\n"), time("PT2H")) << "at first";
  EXPECT_EQ(constraints_of("limits: {time: 1h, retries: -1}\n"), time("PT2H")) << "it may be tried for ever";
  EXPECT_EQ(constraints_of("auto_complete: false\nlimits: {time: 1h}\n"), time("PT3H"));
  const auto completion = [](const std::string& rest) {
    return plan("pool: {vm_size: v}\nimage: i\ncommand: x\n" + rest).completion;
  };
  EXPECT_EQ(completion("limits: {time: 1h}\n"), json::parse(R"({"onAllTasksComplete": "terminatejob"})"));
  EXPECT_EQ(completion("raw: {job: {constraints: {maxWallClockTime: PT1H}}}\n"),
            json::parse(R"({"onAllTasksComplete": "terminatejob"})"))
      << "what is raw stays";
  EXPECT_EQ(plan("pool: p\nimage: i\ncommand: x\nlimits: {time: 1h}\n").job.value("constraints", json()),
            json());
}

TEST(PlanSubmission, ANewPoolHasNodesForEachTask) {
  const auto fault = [](const std::string& text) {
    const auto plan = plan_submission(job_of("image: i\ncommand: x\n" + text), facts());
    return plan ? "" : shown(plan);
  };
  EXPECT_EQ(
      fault("nodes: 4\npool: {vm_size: v, dedicated: 2}\n"),
      "t: error: task 'mpi' wants 4 nodes, and the pool is to have 2\n"
      "hint: pool.dedicated, or pool.spot: as many; without both the pool is made as large as needed\n");
  EXPECT_NE(fault("pool: {vm_size: v, dedicated: 0}\n"), "");
  EXPECT_NE(fault("nodes: 2\npool: {vm_size: v, spot: 1}\n"), "");
  EXPECT_EQ(fault("nodes: 4\npool: {vm_size: v, spot: 4}\n"), "");
  EXPECT_EQ(fault("pool: {vm_size: v}\ntasks: [{id: a, nodes: 2}, {id: b, nodes: 9}]\n"), "");
  EXPECT_EQ(fault("nodes: 4\npool: p\n"), "") << "how many an existing one has is seen later";
}

TEST(PlanSubmission, AnOpenJobWithAPoolOfItsOwnHasALimit) {
  const auto fault = [](const std::string& text) {
    const auto plan = plan_submission(job_of("image: i\ncommand: x\nauto_complete: false\n" + text), facts());
    return plan ? "" : shown(plan);
  };
  EXPECT_EQ(
      fault("pool: {vm_size: v}\n"),
      "t: error: auto_complete: false with a pool of the job's own, and no limits.time\n"
      "hint: such a job stays open: without a limit the pool would stay, and cost, if nobody ends it; set "
      "limits.time\n");
  EXPECT_EQ(fault("pool: {vm_size: v}\nlimits: {time: 1h}\n"), "");
  EXPECT_EQ(fault("pool: {vm_size: v}\nraw: {job: {constraints: {maxWallClockTime: PT1H}}}\n"), "");
  EXPECT_EQ(fault("pool: p\n"), "");
}

TEST(PlanSubmission, TheIdentityOfAnExistingPoolLogsInBeforeTheFirstTask) {
  const json job = plan(
                       "image: r.example/i:1\ncommand: x\n"
                       "pool: {id: p, registries: [{server: r.example, identity: /id}]}\n")
                       .job;
  const std::string line = job["jobPreparationTask"]["commandLine"];
  EXPECT_NE(line.find("msi_res_id=/id"), std::string::npos) << line;
  EXPECT_LT(line.find("docker login"), line.find("docker pull"));
  EXPECT_EQ(job["jobPreparationTask"]["constraints"], json::parse(R"({"maxTaskRetryCount": 2})"));
}

TEST(PlanSubmission, SaysWhatIsMissing) {
  EXPECT_EQ(shown(plan_submission(job_of("pool: p\nimage: i\n"), facts())),
            "t: error: task 'mpi' has no command\nhint: `command:` in the job file\n");
  auto of = facts();
  of.infrastructure_retries = 1;
  const std::string text = "pool: {vm_size: v}\nimage: i\ncommand: x\n";
  const std::string wanted =
      "t: error: --retry-infrastructure with a pool of the job's own, and no limits.time\n"
      "hint: such a job stays open: without a limit the pool would stay, and cost, if nobody ends it; set "
      "limits.time\n";
  EXPECT_EQ(shown(plan_submission(job_of("pool: p\nimage: i\ncommand: x\n"), of)), "(none)");
  EXPECT_EQ(shown(plan_submission(job_of(text), of)), wanted);
  EXPECT_EQ(
      shown(plan_submission(job_of(text + "limits: {time: 1h, retries: -1}\n"), of)),
      "t: error: --retry-infrastructure with a pool of the job's own, and limits.retries -1\n"
      "hint: such a job stays open: without a limit the pool would stay, and cost, if nobody ends it; set "
      "limits.retries\n");
  EXPECT_EQ(shown(plan_submission(job_of(text + "raw: {job: {metadata: {owner: me}}}\n"), facts())),
            "t: error: raw.job.metadata: a list is wanted\n"
            "hint: example: metadata: [{name: owner, value: me}]\n");
}

TEST(PlanSubmission, WhatIsRawIsMergedLast) {
  const auto submission = plan(R"(
pool: {vm_size: v}
image: i
command: x
raw:
  job: {priority: 5, onAllTasksComplete: terminatejob, jobReleaseTask: , metadata: [{name: a, value: b}]}
  pool: {taskSchedulingPolicy: {nodeFillType: pack}, startTask: {maxTaskRetryCount: 9}}
  task: {displayName: all, constraints: {maxTaskRetryCount: 7}}
tasks:
  - {id: a, raw: {displayName: own}}
  - {id: b, raw: {userIdentity: }}
)");
  EXPECT_EQ(submission.job["priority"], 5);
  EXPECT_EQ(submission.job["onAllTasksComplete"], "terminatejob");
  EXPECT_FALSE(submission.job.contains("jobReleaseTask"));
  json metadata = json::parse(R"([{"name": "a", "value": "b"}, {"name": "shipyard-content", "value": ""}])");
  metadata[1]["value"] = submission.content;
  EXPECT_EQ(submission.job["metadata"], metadata);
  const json& pool = submission.job["poolInfo"]["autoPoolSpecification"]["pool"];
  EXPECT_EQ(pool["taskSchedulingPolicy"]["nodeFillType"], "pack");
  EXPECT_EQ(pool["startTask"]["maxTaskRetryCount"], 9);
  EXPECT_EQ(pool["startTask"]["waitForSuccess"], true);
  EXPECT_EQ(submission.tasks[0].second["displayName"], "own");
  EXPECT_EQ(submission.tasks[0].second["constraints"]["maxTaskRetryCount"], 7);
  EXPECT_EQ(submission.tasks[1].second["displayName"], "all");
  EXPECT_FALSE(submission.tasks[1].second.contains("userIdentity"));
}

TEST(Content, IsThatOfWhatIsAskedFor) {
  const std::string text =
      "pool: p\nimage: i\ncommand: x\nresource_files: [{path: a, url: 'https://s/c?sv=1&sig=";
  const auto content = [&](const SubmissionFacts& of, const std::string& rest = "one'}]\n") {
    return plan(job_of(text + rest), of).content;
  };
  const std::string known = content(facts());
  EXPECT_EQ(content(facts("another-id")), known);
  auto other_key = facts();
  other_key.key = Secret("another");
  EXPECT_EQ(content(other_key), known);
  EXPECT_EQ(content(facts(), "two'}]\n"), known) << "a signature is a secret, not what is asked for";
  const auto signed_by = [&](const std::string& query) {
    return plan(job_of("pool: p\nimage: i\ncommand: x\nresource_files: [{path: a, url: 'https://s/c" + query +
                       "'}]\n"))
        .content;
  };
  EXPECT_EQ(signed_by("?sv=1&st=2026-01-01&se=2026-01-02&sig=a%2Bb"), known) << "nor are its times";
  EXPECT_EQ(signed_by("?sig=a&se=2027-01-02"), known);
  EXPECT_NE(signed_by("?sv=1"), known);
  EXPECT_NE(plan("pool: p\nimage: i\ncommand: 'a ?b c&sig=d'\n").content,
            plan("pool: p\nimage: i\ncommand: 'a ?e c&sig=d'\n").content)
      << "only what is one word";
  auto other_size = facts();
  other_size.vm_size = "v2";
  EXPECT_NE(content(other_size), known);
  EXPECT_NE(content(facts(), "one'}]\nnodes: 2\n"), known);
  EXPECT_NE(content(facts(), "one'}]\nraw: {job: {priority: 1}}\n"), known);
  EXPECT_NE(plan("pool: p\nimage: i\ncommand: x\n").content, plan("pool: p\nimage: i\ncommand: y\n").content);
  EXPECT_NE(plan("pool: p\nimage: i\ncommand: x\n").content, plan("pool: q\nimage: i\ncommand: x\n").content);
}

TEST(WithoutSecrets, NothingOfAPlanIsLeft) {
  for (const char* native : {"", "native: true, "}) {
    const auto job =
        job_of("id: j\nimage: i\ncommand: x\npool: {id: p, vm_size: v, " + std::string(native) + kRegistries +
               ", mounts: [{kind: cifs, source: //s/x, path: p, account: a, "
               "key_file: account.key}]}\n");
    const auto submission = plan(job);
    const json pool = *pool_body(job);
    for (const json& body : {submission.job, submission.tasks[0].second, pool}) {
      const std::string text = without_secrets(body).dump();
      EXPECT_EQ(text.find("hush"), std::string::npos) << text;
      EXPECT_EQ(text.find("a2V5"), std::string::npos) << text;
    }
    EXPECT_NE(pool.dump().find("hush"), std::string::npos);
  }
}

TEST(PoolBody, IsThePoolWithItsId) {
  const auto job = job_of("pool: {id: p, vm_size: v, spot: 2}\nimage: i\nraw: {pool: {displayName: d}}\n");
  const auto body = pool_body(job);
  ASSERT_TRUE(body);
  EXPECT_EQ((*body)["id"], "p");
  EXPECT_EQ((*body)["vmSize"], "v");
  EXPECT_EQ((*body)["targetLowPriorityNodes"], 2);
  EXPECT_EQ((*body)["displayName"], "d");
  EXPECT_EQ(shown(pool_body(job_of("pool: p\nimage: i\n"))),
            "t: error: pool.vm_size is missing\nhint: which VMs the pool is to have\n");
  EXPECT_EQ(shown(pool_body(job_of("pool: {vm_size: v}\nimage: i\n"))),
            "t: error: pool.id is missing\nhint: what the pool is to be called\n");
}

TEST(PlanCleanup, RunsOnAllNodesAtOnce) {
  const auto submission = plan_cleanup("c", "p", 5);
  EXPECT_EQ(submission.job_id, "c");
  json job = json::parse(R"({"id": "c", "onAllTasksComplete": "noaction", "poolInfo": {"poolId": "p"},
                             "metadata": [{"name": "shipyard-content", "value": ""}]})");
  job["metadata"][0]["value"] = submission.content;
  EXPECT_EQ(submission.job, job);
  json task = json::parse(R"({"id": "cleanup", "commandLine": "/bin/true",
    "multiInstanceSettings": {"numberOfInstances": 5},
    "constraints": {"maxWallClockTime": "PT15M", "maxTaskRetryCount": 0}})");
  task["userIdentity"] = kRoot;
  task["multiInstanceSettings"]["coordinationCommandLine"] = bash_command_line(remove_script());
  ASSERT_EQ(submission.tasks.size(), 1u);
  EXPECT_EQ(submission.tasks[0], (std::pair<std::string, json>("cleanup", task)));
}

TEST(MakeJobId, IsMadeOfTheFilesNameAndTheTime) {
  EXPECT_EQ(make_job_id("/a/b.c/mpi.yaml", "20261129-113012", "4f2a"), "mpi-20261129-113012-4f2a");
  EXPECT_EQ(make_job_id("my job.v1.yaml", "t", "w"), "my-job-v1-t-w");
  EXPECT_EQ(make_job_id("plain", "t", "w"), "plain-t-w");
  EXPECT_EQ(make_job_id(".yaml", "t", "w"), "job-t-w");
  EXPECT_EQ(make_job_id("", "t", "w"), "job-t-w");
  EXPECT_EQ(make_job_id("h\u00e9.yaml", "t", "w"), "h---t-w");
  const std::string longest = make_job_id(std::string(200, 'a') + ".yaml", "20261129-113012", "4f2a");
  EXPECT_EQ(longest.size(), 64u);
  EXPECT_TRUE(longest.ends_with("a-20261129-113012-4f2a"));
}

}  // namespace
}  // namespace shipyard::batch
