#include "batch/client/task_view.hpp"

#include <gmock/gmock.h>

namespace shipyard::batch {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ViewTask, ACompletedTask) {
  const auto view = view_task(json::parse(R"({
    "odata.metadata": "x", "id": "mpi", "url": "u", "state": "completed", "stateTransitionTime": "t",
    "multiInstanceSettings": {"numberOfInstances": 4, "coordinationCommandLine": "c"},
    "executionInfo": {"startTime": "2026-11-29T12:00:00.1Z", "endTime": "2026-11-29T12:01:00Z", "exitCode": 3,
      "failureInfo": {"category": "UserError", "code": "FailureExitCode",
                      "message": "The task exited with an exit code representing a failure",
                      "details": [{"name": "Message", "value": "it did"}, {"name": "Other", "value": "too"}]},
      "result": "failure", "retryCount": 1, "requeueCount": 2},
    "nodeInfo": {"affinityId": "TVM:a", "nodeUrl": "u", "poolId": "p", "nodeId": "tvm-1_a",
                 "taskRootDirectory": "workitems/j/job-1/mpi", "taskRootDirectoryUrl": "u"}})"));
  EXPECT_EQ(view.id, "mpi");
  EXPECT_EQ(view.state, "completed");
  EXPECT_TRUE(view.completed());
  EXPECT_EQ(view.exit_code, 3);
  ASSERT_TRUE(view.failure);
  EXPECT_EQ(view.failure->category, "UserError");
  EXPECT_EQ(view.failure->code, "FailureExitCode");
  EXPECT_THAT(view.failure->details, ElementsAre("Message: it did", "Other: too"));
  EXPECT_EQ(view.pool, "p");
  EXPECT_EQ(view.node, "tvm-1_a");
  EXPECT_EQ(view.directory, "workitems/j/job-1/mpi");
  EXPECT_EQ(view.start, "2026-11-29T12:00:00.1Z");
  EXPECT_EQ(view.end, "2026-11-29T12:01:00Z");
  EXPECT_EQ(view.instances, 4);
  EXPECT_EQ(view.retries, 1);
  EXPECT_EQ(view.requeues, 2);
  EXPECT_EQ(view.attempt(), "1/2/tvm-1_a/2026-11-29T12:00:00.1Z");
  EXPECT_EQ(
      describe(*view.failure),
      "FailureExitCode: The task exited with an exit code representing a failure (Message: it did; Other: "
      "too)");
}

TEST(ViewTask, ATaskThatWaits) {
  const auto view =
      view_task(json::parse(R"({"id": "mpi", "state": "active", "executionInfo": {"retryCount": 0}})"));
  EXPECT_EQ(view.state, "active");
  EXPECT_FALSE(view.completed());
  EXPECT_EQ(view.exit_code, std::nullopt);
  EXPECT_FALSE(view.failure);
  EXPECT_EQ(view.node, "");
  EXPECT_EQ(view.instances, 1);
}

TEST(ViewTask, ASubtaskHasItsNumberAndItsEndAtTheTop) {
  const auto view = view_task(json::parse(R"({"id": 2, "state": "completed", "exitCode": 1, "startTime": "s",
    "failureInfo": {"category": "usererror", "code": "FailureExitCode"}, "endTime": "e",
    "nodeInfo": {"poolId": "p", "nodeId": "n", "taskRootDirectory": "d"}})"));
  EXPECT_EQ(view.id, "2");
  EXPECT_EQ(view.exit_code, 1);
  EXPECT_EQ(view.start, "s");
  EXPECT_EQ(view.end, "e");
  EXPECT_EQ(view.node, "n");
  EXPECT_EQ(describe(*view.failure), "FailureExitCode");
}

TEST(ViewTask, WrongTypesCountAsMissing) {
  for (const char* text :
       {"null", "[]", "5", "\"x\"", "{}",
        R"({"state": 5, "executionInfo": [], "nodeInfo": "n", "multiInstanceSettings": 7})",
        R"({"state": null, "executionInfo": {"exitCode": "3", "retryCount": "a", "requeueCount": 1.5,
            "startTime": 5, "failureInfo": []}, "nodeInfo": {"nodeId": 1, "poolId": {}}})",
        R"({"executionInfo": {"exitCode": 2.5, "failureInfo": null}, "multiInstanceSettings":
            {"numberOfInstances": "4"}})"}) {
    const auto view = view_task(json::parse(text));
    EXPECT_EQ(view.state, "") << text;
    EXPECT_EQ(view.exit_code, std::nullopt) << text;
    EXPECT_FALSE(view.failure) << text;
    EXPECT_EQ(view.node + view.pool + view.start + view.directory, "") << text;
    EXPECT_EQ(view.instances, 1) << text;
    EXPECT_EQ(view.retries + view.requeues, 0) << text;
  }
}

TEST(ViewFailure, WrongTypesCountAsMissing) {
  const auto failure = view_failure(json::parse(
      R"({"failureInfo": {"category": "servererror", "code": 5, "details": "none",
                          "values": [7, {"name": "a"}]}})"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, "");
  EXPECT_THAT(failure->details, ElementsAre("a: "));
  EXPECT_EQ(describe(*failure), "servererror (a: )");
}

TEST(Describe, IsOneLine) {
  EXPECT_EQ(describe({"c", "Code", "one\ntwo\tthree\x1b[31m", {"a: b\r\nc"}}),
            "Code: one two three [31m (a: b  c)");
}

TEST(At, GivesWhatIsThereOfTheRightType) {
  const json object = json::parse(R"({"t": "x", "n": 5, "o": {"a": 1}, "z": null, "big": 9999999999})");
  EXPECT_EQ(text_at(object, "t"), "x");
  EXPECT_EQ(text_at(object, "n"), "");
  EXPECT_EQ(text_at(object, "none"), "");
  EXPECT_EQ(text_at(json(), "t"), "");
  EXPECT_EQ(number_at(object, "n"), 5);
  EXPECT_EQ(number_at(object, "t", 7), 7);
  EXPECT_EQ(number_at(object, "none", 7), 7);
  EXPECT_EQ(number_at(object, "big", 7), 7) << "no int";
  EXPECT_EQ(number_at(json::array(), "n", 7), 7);
  EXPECT_EQ(part_at(object, "o"), json({{"a", 1}}));
  EXPECT_EQ(part_at(object, "none"), json::object());
  EXPECT_EQ(part_at(json(), "none"), json::object());
}

/// A pool that can run a task of four nodes at once.
json good_pool() {
  return json::parse(R"({"id": "p", "state": "active", "allocationState": "steady",
    "enableInterNodeCommunication": true, "taskSlotsPerNode": 1, "enableAutoScale": false,
    "currentDedicatedNodes": 4, "targetDedicatedNodes": 4, "currentLowPriorityNodes": 0,
    "targetLowPriorityNodes": 0})");
}

WaitingFacts good_facts() {
  WaitingFacts facts;
  facts.job = json::parse(R"({"id": "j", "state": "active", "executionInfo": {"poolId": "p"}})");
  facts.pool = good_pool();
  facts.nodes = json::parse(R"([{"id": "n1", "state": "idle", "schedulingState": "enabled"},
                                {"id": "n2", "state": "running", "schedulingState": "enabled"}])");
  facts.preparation = json::parse(
      R"([{"nodeId": "n1", "jobPreparationTaskExecutionInfo": {"state": "completed", "exitCode": 0}}])");
  facts.instances = 4;
  return facts;
}

std::vector<std::string> with_pool(const json& patch, int instances = 4) {
  auto facts = good_facts();
  facts.pool.merge_patch(patch);
  facts.instances = instances;
  return reasons_for_waiting(facts);
}

std::vector<std::string> with_nodes(const char* nodes) {
  auto facts = good_facts();
  facts.nodes = json::parse(nodes);
  return reasons_for_waiting(facts);
}

TEST(ReasonsForWaiting, NoneWhereNodesAreJustBusy) {
  EXPECT_THAT(reasons_for_waiting(good_facts()), IsEmpty());
  EXPECT_THAT(reasons_for_waiting({}), IsEmpty()) << "nothing is known";
}

TEST(ReasonsForWaiting, TheJob) {
  auto facts = good_facts();
  facts.job["state"] = "disabled";
  EXPECT_THAT(reasons_for_waiting(facts), ElementsAre("the job is disabled"));
  facts = good_facts();
  facts.job["executionInfo"] = json::parse(R"({"schedulingError": {"category": "usererror",
    "code": "AutoPoolCreationFailedWithQuotaReached", "message": "no cores left",
    "details": [{"name": "Limit", "value": "20"}]}})");
  EXPECT_THAT(
      reasons_for_waiting(facts),
      ElementsAre("the job has no pool: AutoPoolCreationFailedWithQuotaReached: no cores left (Limit: 20)"));
}

TEST(ReasonsForWaiting, ThePool) {
  auto facts = good_facts();
  facts.pool = nullptr;
  facts.pool_is_missing = true;
  EXPECT_THAT(reasons_for_waiting(facts), ElementsAre("there is no such pool"));
  const std::string never =
      "the pool has no inter-node communication (enableInterNodeCommunication), so it runs no task of "
      "several "
      "nodes, ever";
  EXPECT_THAT(with_pool({{"enableInterNodeCommunication", false}}), ElementsAre(never));
  EXPECT_THAT(with_pool({{"enableInterNodeCommunication", nullptr}}), ElementsAre(never));
  EXPECT_THAT(
      with_pool({{"taskSlotsPerNode", 2}}),
      ElementsAre("the pool has more than one task slot a node (taskSlotsPerNode), so it runs no task of "
                  "several nodes, ever"));
  EXPECT_THAT(with_pool({{"taskSlotsPerNode", nullptr}}), IsEmpty());
  EXPECT_THAT(with_pool({{"state", "deleting"}}), ElementsAre("the pool is being deleted"));
  EXPECT_THAT(
      with_pool(json::parse(R"({"resizeErrors": [{"code": "AllocationTimedout", "message": "no nodes"},
                                                         {"code": "AccountCoreQuotaReached"}]})")),
      ElementsAre("the pool could not get its nodes: AllocationTimedout: no nodes",
                  "the pool could not get its nodes: AccountCoreQuotaReached"));
}

TEST(ReasonsForWaiting, TheNumberOfNodes) {
  EXPECT_THAT(with_pool(json::object(), 5), ElementsAre("the task wants 5 nodes, the pool is to have 4"));
  EXPECT_THAT(
      with_pool({{"enableAutoScale", true}}, 5),
      ElementsAre("the task wants 5 nodes, the pool is to have 4 (by its autoscale formula, so far)"));
  EXPECT_THAT(with_pool({{"currentDedicatedNodes", 1}}), ElementsAre("the pool has 1 of 4 nodes so far"));
  EXPECT_THAT(with_pool({{"targetLowPriorityNodes", 2}}, 6), ElementsAre("the pool has 4 of 6 nodes so far"));
  EXPECT_THAT(with_pool({{"targetLowPriorityNodes", 2}, {"currentLowPriorityNodes", 2}}, 6), IsEmpty());
}

TEST(ReasonsForWaiting, TheNodesAndOneExample) {
  EXPECT_THAT(with_nodes(R"([{"id": "a", "state": "idle"}, {"id": "b", "state": "starting"},
                             {"id": "c", "state": "starting"}, {"id": "d", "state": "preempted"}])"),
              ElementsAre("1 node is preempted", "2 nodes are starting"));
  EXPECT_THAT(with_nodes(R"([{"id": "a", "state": "idle", "schedulingState": "disabled"}])"),
              ElementsAre("1 node is closed for tasks (schedulingState)"));
  EXPECT_THAT(with_nodes(R"([{"id": "a", "state": "starttaskfailed", "startTaskInfo": {"state": "completed",
      "exitCode": 1, "failureInfo": {"category": "usererror", "code": "FailureExitCode",
              "message": "it failed"}}},
      {"id": "b", "state": "starttaskfailed", "startTaskInfo": {"failureInfo": {"code": "Other"}}}])"),
              ElementsAre("2 nodes are starttaskfailed", "start task of a: FailureExitCode: it failed"));
  EXPECT_THAT(
      with_nodes(R"([{"id": "a", "state": "unusable", "errors": [{"code": "DiskFull", "message": "full"},
                                                                        {"code": "Other"}]}])"),
      ElementsAre("1 node is unusable", "a: DiskFull: full"));
  EXPECT_THAT(
      with_nodes(R"([{"id": "a", "state": "waitingforstarttask", "startTaskInfo": {"state": "running"}}])"),
      ElementsAre("1 node is waitingforstarttask"));
}

TEST(ReasonsForWaiting, TheJobsPreparation) {
  auto facts = good_facts();
  facts.preparation = json::parse(R"([
    {"nodeId": "n1", "jobPreparationTaskExecutionInfo": {"state": "completed", "exitCode": 0}},
    {"nodeId": "n2", "jobPreparationTaskExecutionInfo": {"state": "completed", "exitCode": 1,
      "failureInfo": {"category": "usererror", "code": "FailureExitCode", "message": "no such image"}}},
    {"nodeId": "n3", "jobPreparationTaskExecutionInfo": {"failureInfo": {"code": "Other"}}}])");
  EXPECT_THAT(
      reasons_for_waiting(facts),
      ElementsAre("the job's preparation (pulling the image) failed on n2: FailureExitCode: no such image"));
}

TEST(ReasonsForWaiting, WrongTypesAreNoReason) {
  WaitingFacts facts;
  facts.job = json::parse(R"({"state": 5, "executionInfo": "x"})");
  facts.pool = good_pool();
  facts.pool["resizeErrors"] = nullptr;
  facts.nodes = json::parse(R"([{"id": 5, "state": "idle", "errors": "x"}])");
  facts.preparation = json::parse(R"([null, 5, {"jobPreparationTaskExecutionInfo": []}])");
  EXPECT_THAT(reasons_for_waiting(facts), IsEmpty());
}

TEST(StartsContainers, WhereThePoolIsConfiguredSo) {
  EXPECT_TRUE(starts_containers(
      nlohmann::json::parse(R"({"virtualMachineConfiguration": {"containerConfiguration": {}}})")));
  EXPECT_FALSE(starts_containers(nlohmann::json::parse(R"({"virtualMachineConfiguration": {}})")));
  EXPECT_FALSE(starts_containers(nlohmann::json::parse(R"({"virtualMachineConfiguration": "x"})")));
  EXPECT_FALSE(starts_containers(nlohmann::json::object()));
  EXPECT_FALSE(starts_containers(nullptr));
}

TEST(FaultsOfPool, AreThoseThatNoWaitingMends) {
  EXPECT_EQ(faults_of_pool({{"enableInterNodeCommunication", true}, {"taskSlotsPerNode", 1}}).size(), 0U);
  EXPECT_EQ(faults_of_pool({{"enableInterNodeCommunication", true}, {"state", "deleting"}}).size(), 0U);
  EXPECT_EQ(faults_of_pool({{"taskSlotsPerNode", 4}}).size(), 2U);
  EXPECT_TRUE(faults_of_pool(nlohmann::json::array()).empty());
}

}  // namespace
}  // namespace shipyard::batch
