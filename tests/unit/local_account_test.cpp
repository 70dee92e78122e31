#include "batch/local/service/account.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "local_fake_runner.hpp"

namespace shipyard::local {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

class LocalAccount : public ::testing::Test, public AccountOfTest {};

json preparation() {
  return {{"jobPreparationTask", {{"commandLine", "true"}}}, {"jobReleaseTask", {{"commandLine", "true"}}}};
}

TEST_F(LocalAccount, APoolIsSteadyOnceEveryOrderOfItsNodesIsAnswered) {
  must(account.add_pool({{"id", "p"}, {"vmSize", "s"}, {"targetDedicatedNodes", 2}}));
  EXPECT_EQ(pool_view("p")["allocationState"], "resizing");
  EXPECT_EQ(code(account.resize_pool("P", {{"targetDedicatedNodes", 3}}, "")), "PoolBeingResized");
  make_nodes("p", 1, 1);
  must(account.stop_resize("p", ""));
  EXPECT_EQ(pool_view("p")["allocationState"], "stopping");
  EXPECT_EQ(runner.taken(), (Lines{"resize p 2", "resize p 1"}));
  account.pool_steady("p", "");
  EXPECT_EQ(pool_view("p")["allocationState"], "stopping");
  account.pool_steady("p", "");
  const json view = pool_view("p");
  EXPECT_EQ(view["allocationState"], "steady");
  EXPECT_EQ(view["targetDedicatedNodes"], 1);
  EXPECT_EQ(view["currentDedicatedNodes"], 1);
}

TEST_F(LocalAccount, APoolThatCannotGetItsNodesSaysWhy) {
  must(account.add_pool({{"id", "p"}, {"vmSize", "s"}, {"targetDedicatedNodes", 2}}));
  account.pool_steady("p", "no address is left");
  EXPECT_EQ(pool_view("p")["resizeErrors"],
            (json{{{"code", "AllocationFailed"}, {"message", "no address is left"}}}));
}

TEST_F(LocalAccount, ADeletedPoolIsThereUntilItsNodesAreGone) {
  pool("p", 1);
  job("j", "p");
  task("j", "t");
  account.task_started(runner.last());
  must(account.delete_pool("p", ""));
  EXPECT_EQ(pool_view("p")["state"], "deleting");
  EXPECT_EQ(code(account.delete_pool("p", "")), "PoolBeingDeleted");
  EXPECT_EQ(code(account.add_pool({{"id", "P"}, {"vmSize", "s"}})), "PoolBeingDeleted");
  // Its task waits for another pool of that name.
  EXPECT_EQ(state("j", "t"), "active");
  account.node_removed("p", "p1");
  account.task_ended(runner.last(), {std::nullopt, "TaskEnded", ""});
  account.pool_steady("p", "");
  EXPECT_EQ(code(account.get_pool("p", "")), "PoolNotFound");
  EXPECT_EQ(runner.taken(), (Lines{"resize p 1", "start j/t#0 on p1", "terminate j/t", "resize p 0"}));
  EXPECT_EQ(account.reason_for_waiting("j", "t"), "the pool p does not exist");
  pool("p", 1);
  EXPECT_EQ(runner.taken(), (Lines{"resize p 1", "start j/t#1 on p1"}));
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["requeueCount"], 1);
}

TEST_F(LocalAccount, AResizeTakesTheLastNodesAndRequeuesTheirTasks) {
  pool("p", 2);
  job("j", "p");
  task("j", "a");
  task("j", "b");
  runner.taken();
  must(account.resize_pool("p", {{"targetDedicatedNodes", 1}}, ""));
  EXPECT_EQ(runner.taken(), (Lines{"terminate j/b", "resize p 1"}));
  EXPECT_EQ(state("j", "a"), "preparing");
  EXPECT_EQ(state("j", "b"), "active");
  const auto nodes = std::get<std::vector<json>>(account.list_nodes("p", ""));
  EXPECT_EQ(nodes.at(0)["state"], "running");
  EXPECT_EQ(nodes.at(1)["state"], "leavingpool");
}

TEST_F(LocalAccount, AResizeTakesTheNodesWithTheGreatestNumbersHoweverTheyWereMade) {
  must(account.add_pool({{"id", "p"}, {"vmSize", "s"}, {"targetDedicatedNodes", 3}}));
  for (const int i : {3, 1, 2}) make_nodes("p", i, i);
  account.pool_steady("p", "");
  must(account.resize_pool("p", {{"targetDedicatedNodes", 1}}, ""));
  const auto states = [&] {
    Lines lines;
    const auto nodes = std::get<std::vector<json>>(account.list_nodes("p", ""));
    for (const auto& node : nodes)
      lines.push_back(node["id"].get<std::string>() + " " + node["state"].get<std::string>());
    return lines;
  };
  EXPECT_THAT(states(), ElementsAre("p1 idle", "p2 leavingpool", "p3 leavingpool"));
  for (const auto* id : {"p2", "p3"}) account.node_removed("p", id);
  account.pool_steady("p", "");
  // The first is lost, and made again behind the others.
  must(account.resize_pool("p", {{"targetDedicatedNodes", 2}}, ""));
  make_nodes("p", 2, 2);
  account.pool_steady("p", "");
  account.node_lost("p", "p1", "");
  make_nodes("p", 1, 1);
  account.pool_steady("p", "");
  must(account.resize_pool("p", {{"targetDedicatedNodes", 1}}, ""));
  EXPECT_THAT(states(), ElementsAre("p1 idle", "p2 leavingpool"));
}

TEST_F(LocalAccount, ANodeSaysHowItsStartTaskHasEnded) {
  must(account.add_pool({{"id", "p"},
                         {"vmSize", "s"},
                         {"targetDedicatedNodes", 1},
                         {"startTask", {{"commandLine", "false"}, {"waitForSuccess", false}}}}));
  account.node_made("p", {"p1", "10.77.0.4", "/nowhere", 0, 9});
  const json info = std::get<std::vector<json>>(account.list_nodes("p", "")).at(0)["startTaskInfo"];
  EXPECT_EQ(info["exitCode"], 9);
  EXPECT_EQ(info["result"], "failure");
}

TEST_F(LocalAccount, ATaskOfSeveralNodesWaitsUntilAllAreFreeTogether) {
  pool("p", 3);
  job("j", "p");
  task("j", "one");
  task("j", "many", instances(3));
  EXPECT_EQ(runner.taken(), (Lines{"resize p 3", "start j/one#0 on p1"}));
  EXPECT_EQ(account.reason_for_waiting("j", "many"), "the pool p has 2 free nodes, the task needs 3");
  run_last(0);
  EXPECT_EQ(runner.taken(), (Lines{"start j/many#0 on p1,p2,p3"}));
  EXPECT_EQ(account.reason_for_waiting("j", "many"), "");
}

TEST_F(LocalAccount, ATaskOfSeveralNodesWaitsForEverInAPoolThatIsNotMadeForIt) {
  pool("apart", 2, {{"enableInterNodeCommunication", false}});
  pool("slots", 2, {{"taskSlotsPerNode", 2}});
  job("j", "apart");
  job("k", "slots");
  task("j", "t", instances(2));
  task("k", "t", instances(2));
  EXPECT_EQ(runner.taken(), (Lines{"resize apart 2", "resize slots 2"}));
  EXPECT_EQ(account.reason_for_waiting("j", "t"), "the pool apart has no inter-node communication");
  EXPECT_EQ(account.reason_for_waiting("k", "t"), "the pool slots has more than one task slot per node");
}

TEST_F(LocalAccount, SlotsTakeSeveralTasksOfOneNode) {
  pool("p", 1, {{"taskSlotsPerNode", 3}});
  job("j", "p");
  task("j", "a");
  task("j", "b", {{"requiredSlots", 2}});
  task("j", "c");
  EXPECT_EQ(runner.taken(), (Lines{"resize p 1", "start j/a#0 on p1", "start j/b#0 on p1"}));
  EXPECT_EQ(std::get<std::vector<json>>(account.list_nodes("p", "")).at(0)["runningTaskSlotsCount"], 3);
}

TEST_F(LocalAccount, AJobRunsNoMoreTasksAtATimeThanItMay) {
  pool("p", 3);
  job("low", "p", {{"maxParallelTasks", 1}});
  task("low", "a");
  task("low", "b");
  EXPECT_EQ(runner.taken(), (Lines{"resize p 3", "start low/a#0 on p1"}));
}

TEST_F(LocalAccount, AJobOfHigherPriorityIsServedFirst) {
  pool("p", 1);
  job("holds", "p");
  task("holds", "t");
  job("low", "p");
  task("low", "t");
  job("high", "p", {{"priority", 5}});
  task("high", "t");
  runner.taken();
  run_last(0);
  EXPECT_EQ(runner.taken(), (Lines{"start high/t#0 on p1"}));
}

TEST_F(LocalAccount, ATaskGoesFromActiveOverPreparingAndRunningToCompleted) {
  pool("p", 2);
  job("j", "p");
  task("j", "t", instances(2));
  const TaskOrder order = runner.last();
  EXPECT_EQ(state("j", "t"), "preparing");
  now += std::chrono::seconds(1);
  account.subtask_started(order, 0);
  account.subtask_started(order, 1);
  EXPECT_EQ(state("j", "t"), "running");
  account.subtask_ended(order, 0, {0, "", ""});
  account.subtask_ended(order, 1, {0, "", ""});
  now += std::chrono::seconds(1);
  account.task_started(order);
  now += std::chrono::seconds(1);
  account.task_ended(order, {0, "", ""});
  const json view = task_view("j", "t");
  EXPECT_EQ(view["state"], "completed");
  EXPECT_EQ(view["previousState"], "running");
  EXPECT_EQ(view["executionInfo"], (json{{"startTime", "2027-01-15T08:00:01.0000000Z"},
                                         {"endTime", "2027-01-15T08:00:03.0000000Z"},
                                         {"exitCode", 0},
                                         {"result", "success"},
                                         {"retryCount", 0},
                                         {"requeueCount", 0}}));
  EXPECT_EQ(view["nodeInfo"]["nodeId"], "p1");
  EXPECT_EQ(view["nodeInfo"]["taskRootDirectoryUrl"], "http://b/pools/p/nodes/p1/files/workitems/j/job-1/t");
  const auto nodes = std::get<std::vector<json>>(account.list_nodes("p", ""));
  EXPECT_EQ(nodes.at(1)["totalTasksSucceeded"], 1);
}

TEST_F(LocalAccount, SubtasksLeaveOutThePrimary) {
  pool("p", 3);
  job("j", "p");
  task("j", "t", instances(3));
  const TaskOrder order = runner.last();
  const auto views = [&] { return std::get<std::vector<json>>(account.list_subtasks("j", "t", "http://b")); };
  EXPECT_EQ(views().at(0)["state"], "preparing");
  account.subtask_started(order, 1);
  account.subtask_started(order, 2);
  account.subtask_ended(order, 1, {0, "", ""});
  EXPECT_EQ(views().at(0)["id"], 1);
  EXPECT_EQ(views().at(0)["state"], "completed");
  EXPECT_EQ(views().at(0)["exitCode"], 0);
  EXPECT_EQ(views().at(1)["state"], "running");
  EXPECT_EQ(views().at(1)["nodeInfo"]["taskRootDirectory"], "workitems/j/job-1/t/2");
  account.subtask_ended(order, 2, {7, "", ""});
  account.task_ended(order, {std::nullopt, "TaskEnded", "a coordination command has failed"});
  EXPECT_EQ(views().at(1)["exitCode"], 7);
  EXPECT_EQ(views().at(1)["failureInfo"]["code"], "FailureExitCode");
  EXPECT_EQ(state("j", "t"), "completed");
  task("j", "single");
  EXPECT_THAT(std::get<std::vector<json>>(account.list_subtasks("j", "single", "")), IsEmpty());
}

TEST_F(LocalAccount, AFailingSubtaskFailsTheTask) {
  pool("p", 2);
  job("j", "p");
  task("j", "t", instances(2));
  const TaskOrder order = runner.last();
  account.subtask_ended(order, 1, {7, "", ""});
  account.task_ended(order, {0, "", ""});
  const json execution = task_view("j", "t")["executionInfo"];
  EXPECT_EQ(execution["result"], "failure");
  EXPECT_EQ(execution["exitCode"], 7);
}

TEST_F(LocalAccount, AFailureIsTriedAgainAsOftenAsTheConstraintsSay) {
  pool("p", 1);
  job("j", "p", {{"constraints", {{"maxTaskRetryCount", 1}}}});
  task("j", "never", {{"constraints", {{"maxTaskRetryCount", 0}}}});
  run_last(1);
  EXPECT_EQ(state("j", "never"), "completed");
  task("j", "once");
  runner.taken();
  run_last(3);
  EXPECT_EQ(runner.taken(), (Lines{"start j/once#1 on p1"}));
  EXPECT_TRUE(task_view("j", "once")["executionInfo"].contains("lastRetryTime"));
  run_last(3);
  const json execution = task_view("j", "once")["executionInfo"];
  EXPECT_EQ(execution["retryCount"], 1);
  EXPECT_EQ(execution["exitCode"], 3);
  EXPECT_EQ(execution["failureInfo"]["category"], "usererror");
  EXPECT_EQ(execution["failureInfo"]["code"], "FailureExitCode");
  task("j", "ever", {{"constraints", {{"maxTaskRetryCount", -1}}}});
  for (int i = 0; i < 5; ++i) run_last(1);
  EXPECT_EQ(task_view("j", "ever")["executionInfo"]["retryCount"], 5);
  run_last(0);
  EXPECT_EQ(state("j", "ever"), "completed");
}

TEST_F(LocalAccount, AnEventOfAnEarlierAttemptChangesNothing) {
  pool("p", 1);
  job("j", "p");
  task("j", "t", {{"constraints", {{"maxTaskRetryCount", 1}}}});
  const TaskOrder first = runner.last();
  run_last(1);
  account.task_started(first);
  account.subtask_ended(first, 0, {1, "", ""});
  account.task_ended(first, {0, "", ""});
  EXPECT_EQ(state("j", "t"), "preparing");
}

TEST_F(LocalAccount, ATerminatedTaskIsOverAtOnceAndItsNodeWhenTheRunnerSaysSo) {
  pool("p", 1);
  job("j", "p");
  task("j", "t", {{"constraints", {{"maxTaskRetryCount", 3}}}});
  task("j", "next");
  const TaskOrder order = runner.last();
  account.task_started(order);
  runner.taken();
  must(account.terminate_task("j", "t", ""));
  EXPECT_EQ(runner.taken(), (Lines{"terminate j/t"}));
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["failureInfo"]["code"], "TaskEnded");
  EXPECT_EQ(code(account.terminate_task("j", "t", "")), "TaskCompleted");
  EXPECT_EQ(state("j", "next"), "active");
  account.task_ended(order, {std::nullopt, "TaskEnded", ""});
  EXPECT_EQ(runner.taken(), (Lines{"start j/next#0 on p1"}));
  EXPECT_EQ(state("j", "t"), "completed");
}

TEST_F(LocalAccount, AReactivatedTaskWaitsForTheEndOfItsLastAttempt) {
  pool("p", 2);
  job("j", "p");
  task("j", "t");
  const TaskOrder order = runner.last();
  EXPECT_EQ(code(account.reactivate_task("j", "t", "")), "TaskNotCompleted");
  must(account.terminate_task("j", "t", ""));
  EXPECT_EQ(code(account.reactivate_task("j", "t", "0x1")), "ConditionNotMet");
  must(account.reactivate_task("j", "t", task_view("j", "t")["eTag"]));
  runner.taken();
  EXPECT_EQ(state("j", "t"), "active");
  account.task_ended(order, {std::nullopt, "TaskEnded", ""});
  EXPECT_EQ(runner.taken(), (Lines{"start j/t#1 on p1"}));
  run_last(0);
  EXPECT_EQ(code(account.reactivate_task("j", "t", "")), "TaskSucceeded");
}

TEST_F(LocalAccount, TheFilesOfADeletedTaskGoWhenNothingWritesThemAnyMore) {
  pool("p", 1);
  job("j", "p");
  task("j", "t");
  const TaskOrder order = runner.last();
  runner.taken();
  must(account.delete_task("j", "t", ""));
  task("j", "t");
  EXPECT_EQ(runner.taken(), (Lines{"terminate j/t"}));
  account.task_started(order);
  EXPECT_EQ(state("j", "t"), "active");
  account.task_ended(order, {std::nullopt, "TaskEnded", ""});
  EXPECT_EQ(runner.taken(), (Lines{"remove j/t on p1", "start j/t#0 on p1"}));
  run_last(0);
  must(account.delete_task("j", "t", ""));
  EXPECT_EQ(runner.taken(), (Lines{"remove j/t on p1"}));
  EXPECT_EQ(code(account.get_task("j", "t", "")), "TaskNotFound");
}

TEST_F(LocalAccount, ATaskIsEndedWhenItsTimeIsOverAndNotTriedAgain) {
  pool("p", 1);
  job("j", "p");
  task("j", "t", {{"constraints", {{"maxWallClockTime", "PT10S"}, {"maxTaskRetryCount", 2}}}});
  now += std::chrono::minutes(5);
  account.tick();
  EXPECT_EQ(state("j", "t"), "preparing");
  account.task_started(runner.last());
  runner.taken();
  now += std::chrono::milliseconds(9999);
  account.tick();
  EXPECT_EQ(state("j", "t"), "running");
  now += std::chrono::milliseconds(1);
  account.tick();
  EXPECT_EQ(runner.taken(), (Lines{"terminate j/t"}));
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["failureInfo"]["code"], "WallClockTimeExpired");
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["retryCount"], 0);
}

TEST_F(LocalAccount, AJobIsEndedWhenItsTimeIsOver) {
  pool("p", 1);
  job("j", "p", {{"constraints", {{"maxWallClockTime", "PT1M"}}}});
  job("longest", "p", {{"constraints", {{"maxWallClockTime", "P10675199DT2H48M5.4775807S"}}}});
  task("j", "t");
  now += std::chrono::seconds(60);
  account.tick();
  EXPECT_EQ(job_state("j"), "terminating");
  account.task_ended(runner.last(), {std::nullopt, "TaskEnded", ""});
  EXPECT_EQ(job_state("j"), "completed");
  EXPECT_EQ(job_view("j")["executionInfo"]["terminateReason"], "MaxWallClockTimeExpiry");
  EXPECT_EQ(job_state("longest"), "active");
}

TEST_F(LocalAccount, AJobEndsWithItsLastTaskWhereItIsToldTo) {
  pool("p", 1);
  job("j", "p");
  task("j", "t");
  must(account.update_job("j", {{"onAllTasksComplete", "terminatejob"}}, "", false));
  EXPECT_EQ(job_state("j"), "active");
  run_last(0);
  EXPECT_EQ(job_state("j"), "completed");
  EXPECT_EQ(job_view("j")["executionInfo"]["terminateReason"], "AllTasksComplete");
  EXPECT_EQ(code(account.add_task("j", {{"id", "u"}, {"commandLine", "true"}})), "JobCompleted");
  EXPECT_EQ(code(account.reactivate_task("j", "t", "")), "JobCompleted");
  EXPECT_EQ(code(account.terminate_job("j", json(), "")), "JobCompleted");
}

TEST_F(LocalAccount, AnEmptyJobCountsAsComplete) {
  job("j", "none", {{"onAllTasksComplete", "terminatejob"}});
  EXPECT_EQ(job_state("j"), "completed");
}

TEST_F(LocalAccount, AFailingTaskDoesWithItsJobWhatItsExitConditionsSay) {
  pool("p", 1);
  const json ranges = {
      {"exitCodeRanges", {{{"start", 2}, {"end", 4}, {"exitOptions", {{"jobAction", "none"}}}}}},
      {"exitCodes", {{{"code", 3}, {"exitOptions", {{"jobAction", "disable"}}}}}},
      {"default", {{"jobAction", "none"}}},
      {"preProcessingError", {{"jobAction", "terminate"}}}};
  const auto after = [&](const std::string& id, const json& conditions, const CommandEnd& end) {
    job(id, "p", {{"onTaskFailure", "performexitoptionsjobaction"}});
    task(id, "t", conditions.is_null() ? json::object() : json{{"exitConditions", conditions}});
    account.task_ended(runner.last(), end);
    return job_state(id);
  };
  EXPECT_EQ(after("a", nullptr, {1, "", ""}), "completed");
  EXPECT_EQ(job_view("a")["executionInfo"]["terminateReason"], "TaskFailed");
  EXPECT_EQ(after("b", nullptr, {0, "", ""}), "active");
  EXPECT_EQ(after("c", ranges, {2, "", ""}), "active");
  EXPECT_EQ(after("d", ranges, {3, "", ""}), "disabled");
  EXPECT_EQ(after("e", ranges, {9, "", ""}), "active");
  EXPECT_EQ(after("f", ranges, {std::nullopt, "CommandProgramNotFound", "no such program"}), "completed");
}

TEST_F(LocalAccount, ATaskWaitsForThoseThatItDependsOn) {
  pool("p", 3);
  job("j", "p", {{"usesTaskDependencies", true}});
  task("j", "1");
  task("j", "2", {{"exitConditions", {{"default", {{"dependencyAction", "satisfy"}}}}}});
  task("j", "after", {{"dependsOn", {{"taskIdRanges", {{{"start", 1}, {"end", 2}}}}}}});
  task("j", "last", {{"dependsOn", {{"taskIds", {"after"}}}}});
  const auto one = runner.started.at(0);
  const auto two = runner.started.at(1);
  EXPECT_EQ(account.reason_for_waiting("j", "after"), "it depends on tasks that have not succeeded");
  account.task_ended(one, {0, "", ""});
  runner.taken();
  account.task_ended(two, {1, "", ""});
  EXPECT_EQ(runner.taken(), (Lines{"start j/after#0 on p1"}));
  run_last(1);
  EXPECT_THAT(runner.taken(), IsEmpty());
  EXPECT_EQ(state("j", "last"), "active");
  job("k", "p");
  EXPECT_EQ(code(account.add_task(
                "k", {{"id", "t"}, {"commandLine", "true"}, {"dependsOn", {{"taskIds", {"x"}}}}})),
            "TaskDependenciesNotSpecifiedOnJob");
}

TEST_F(LocalAccount, PreparationRunsOncePerNodeAndReleaseWhereItRan) {
  pool("p", 3);
  job("j", "p", preparation());
  task("j", "a", instances(2));
  EXPECT_EQ(runner.taken(), (Lines{"resize p 3", "start j/a#0 on p1,p2 prepare p1,p2"}));
  EXPECT_EQ(std::get<std::vector<json>>(account.list_preparations("j", ""))
                .at(1)["jobPreparationTaskExecutionInfo"]["state"],
            "running");
  account.prepared("j", "p1", {0, "", ""});
  account.prepared("j", "p2", {0, "", ""});
  run_last(0);
  task("j", "b", instances(2));
  EXPECT_EQ(runner.taken(), (Lines{"start j/b#0 on p1,p2"}));
  must(account.terminate_job("j", {{"terminateReason", "enough"}}, ""));
  EXPECT_EQ(runner.taken(), (Lines{"terminate j/b"}));
  account.task_ended(runner.last(), {std::nullopt, "TaskEnded", ""});
  EXPECT_EQ(runner.taken(), (Lines{"release j on p1,p2"}));
  account.released("j", "p1", {0, "", ""});
  EXPECT_EQ(job_state("j"), "terminating");
  account.released("j", "p2", {2, "", ""});
  EXPECT_EQ(job_state("j"), "completed");
  const auto views = std::get<std::vector<json>>(account.list_preparations("j", "http://b"));
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(views[0]["jobPreparationTaskExecutionInfo"]["result"], "success");
  EXPECT_EQ(views[1]["jobReleaseTaskExecutionInfo"]["exitCode"], 2);
  EXPECT_EQ(views[1]["jobReleaseTaskExecutionInfo"]["taskRootDirectory"], "workitems/j/job-1/jobrelease");
  must(account.delete_job("j", ""));
  EXPECT_EQ(runner.taken(), (Lines{"remove j/ on p1,p2,p3"}));
  EXPECT_EQ(code(account.get_job("j", "")), "JobNotFound");
}

TEST_F(LocalAccount, ANodeWhosePreparationFailedIsAvoided) {
  pool("p", 2);
  job("j", "p", preparation());
  task("j", "t");
  const TaskOrder order = runner.last();
  runner.taken();
  account.prepared("j", "p1", {1, "", ""});
  account.task_ended(order, {std::nullopt, "JobPreparationTaskFailed", ""});
  EXPECT_EQ(runner.taken(), (Lines{"start j/t#1 on p2 prepare p2"}));
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["retryCount"], 0);
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["requeueCount"], 0);
  account.prepared("j", "p2", {1, "", ""});
  account.task_ended(runner.last(), {std::nullopt, "JobPreparationTaskFailed", ""});
  EXPECT_EQ(state("j", "t"), "active");
  EXPECT_EQ(account.reason_for_waiting("j", "t"), "the pool p has 0 free nodes, the task needs 1");
}

TEST_F(LocalAccount, APreparationThatWasEndedWithItsTaskRunsAgain) {
  pool("p", 1);
  job("j", "p", preparation());
  task("j", "t");
  const TaskOrder order = runner.last();
  must(account.terminate_task("j", "t", ""));
  account.prepared("j", "p1", {std::nullopt, "TaskEnded", ""});
  account.task_ended(order, {std::nullopt, "TaskEnded", ""});
  runner.taken();
  task("j", "u");
  EXPECT_EQ(runner.taken(), (Lines{"start j/u#0 on p1 prepare p1"}));
}

TEST_F(LocalAccount, ATaskOfALostNodeIsRequeuedAndTheNodeReplaced) {
  pool("p", 2);
  job("j", "p", preparation());
  task("j", "t", instances(2));
  const TaskOrder order = runner.last();
  account.prepared("j", "p1", {0, "", ""});
  account.prepared("j", "p2", {0, "", ""});
  account.task_started(order);
  runner.taken();
  account.node_lost("p", "p2", "its container has died");
  EXPECT_EQ(runner.taken(), (Lines{"terminate j/t", "resize p 2"}));
  EXPECT_EQ(state("j", "t"), "active");
  EXPECT_EQ(task_view("j", "t")["executionInfo"]["requeueCount"], 1);
  account.task_ended(order, {std::nullopt, "NodeLost", ""});
  make_nodes("p", 3, 3);
  EXPECT_EQ(runner.taken(), (Lines{"start j/t#1 on p1,p3 prepare p3"}));
}

TEST_F(LocalAccount, AnAutoPoolLivesAsLongAsItsJob) {
  const json wish = {{"poolLifetimeOption", "job"},
                     {"autoPoolIdPrefix", "shipyard"},
                     {"pool", {{"vmSize", "s"}, {"targetDedicatedNodes", 1}}}};
  must(account.add_job({{"id", "j"}, {"poolInfo", {{"autoPoolSpecification", wish}}}}));
  const std::string pool = job_view("j")["executionInfo"]["poolId"];
  EXPECT_THAT(pool, ::testing::MatchesRegex(
                        "shipyard_[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[0-9A-F]{4}-[0-9A-F]{12}"));
  EXPECT_EQ(runner.taken(), (Lines{"resize " + pool + " 1"}));
  task("j", "t");
  account.node_made(pool, {"n", "10.77.0.4", "/nowhere"});
  account.pool_steady(pool, "");
  run_last(0);
  EXPECT_EQ(pool_view(pool)["state"], "active");
  must(account.terminate_job("j", json(), ""));
  EXPECT_EQ(job_state("j"), "completed");
  now += kPoolOutlivesJob - std::chrono::milliseconds(1);
  account.tick();
  EXPECT_EQ(pool_view(pool)["state"], "active") << "the end of its output is still to be read";
  now += std::chrono::milliseconds(1);
  account.tick();
  EXPECT_EQ(pool_view(pool)["state"], "deleting");
  account.node_removed(pool, "n");
  account.pool_steady(pool, "");
  EXPECT_EQ(code(account.get_pool(pool, "")), "PoolNotFound");
  EXPECT_EQ(code(account.task_files("j", "t")), "TaskFilesUnavailable");
}

TEST_F(LocalAccount, TwoJobsThatEndTogetherBothTakeTheirPools) {
  const json wish = {{"poolLifetimeOption", "job"}, {"pool", {{"vmSize", "s"}, {"targetDedicatedNodes", 1}}}};
  for (const char* id : {"a", "b", "c"}) {
    must(account.add_job({{"id", id},
                          {"poolInfo", {{"autoPoolSpecification", wish}}},
                          {"constraints", {{"maxWallClockTime", "PT1S"}}}}));
    must(account.delete_job(id, ""));
  }
  now += std::chrono::seconds(2);
  account.tick();
  EXPECT_THAT(std::get<std::vector<json>>(account.list_jobs("")), IsEmpty());
  const auto pools = std::get<std::vector<json>>(account.list_pools(""));
  EXPECT_EQ(pools.size(), 3U);
  for (const auto& pool : pools) EXPECT_EQ(pool["state"], "deleting");
}

TEST_F(LocalAccount, ADisabledJobStartsNothingUntilItIsEnabled) {
  pool("p", 1);
  job("j", "p");
  task("j", "t");
  const TaskOrder order = runner.last();
  must(account.disable_job("j", {{"disableTasks", "wait"}}, ""));
  EXPECT_EQ(job_state("j"), "disabling");
  account.task_ended(order, {0, "", ""});
  EXPECT_EQ(job_state("j"), "disabled");
  task("j", "u");
  EXPECT_EQ(account.reason_for_waiting("j", "u"), "the job is disabled");
  runner.taken();
  must(account.enable_job("j", ""));
  EXPECT_EQ(runner.taken(), (Lines{"start j/u#0 on p1"}));
  must(account.disable_job("j", {{"disableTasks", "requeue"}}, ""));
  EXPECT_EQ(state("j", "u"), "active");
  EXPECT_EQ(job_state("j"), "disabled");
}

TEST_F(LocalAccount, RefusesWhatBatchRefuses) {
  pool("p", 1);
  job("j", "p");
  task("j", "t");
  EXPECT_EQ(code(account.add_pool({{"id", "P"}, {"vmSize", "s"}})), "PoolExists");
  EXPECT_EQ(code(account.add_pool({{"id", "a b"}, {"vmSize", "s"}})), "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_pool({{"id", std::string(65, 'a')}, {"vmSize", "s"}})), "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_pool({{"id", "q"},
                                   {"vmSize", "s"},
                                   {"targetDedicatedNodes", 1},
                                   {"targetLowPriorityNodes", 1},
                                   {"enableInterNodeCommunication", true}})),
            "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_job({{"id", "J"}, {"poolInfo", {{"poolId", "p"}}}})), "JobExists");
  EXPECT_EQ(code(account.add_job({{"id", "k"}, {"poolInfo", json::object()}})), "InvalidPropertyValue");
  // These name directories, and a pool.
  const json preparation = {{"id", "../../victim"}, {"commandLine", "true"}};
  EXPECT_EQ(code(account.add_job(
                {{"id", "k"}, {"poolInfo", {{"poolId", "p"}}}, {"jobPreparationTask", preparation}})),
            "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_job({{"id", "k"},
                                  {"poolInfo", {{"poolId", "p"}}},
                                  {"jobPreparationTask", {{"commandLine", "true"}}},
                                  {"jobReleaseTask", preparation}})),
            "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_job({{"id", "k"},
                                  {"poolInfo",
                                   {{"autoPoolSpecification",
                                     {{"autoPoolIdPrefix", "../x"},
                                      {"poolLifetimeOption", "job"},
                                      {"pool", {{"vmSize", "s"}}}}}}}})),
            "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_task("j", {{"id", "T"}, {"commandLine", "true"}})), "TaskExists");
  EXPECT_EQ(code(account.add_task(
                "j", {{"id", "u"}, {"commandLine", "true"}, {"containerSettings", {{"imageName", "i"}}}})),
            "InvalidPropertyValue");
  EXPECT_EQ(code(account.add_task("none", {{"id", "u"}, {"commandLine", "true"}})), "JobNotFound");
  EXPECT_EQ(code(account.get_task("j", "none", "")), "TaskNotFound");
  EXPECT_EQ(code(account.get_node("p", "none", "")), "NodeNotFound");
  EXPECT_EQ(code(account.list_preparations("j", "")), "JobPreparationTaskNotSpecified");
  EXPECT_EQ(code(account.update_job("j", {{"poolInfo", {{"poolId", "q"}}}}, "", false)),
            "OperationInvalidForCurrentState");
  EXPECT_EQ(code(account.delete_job("j", "0x1")), "ConditionNotMet");
}

TEST_F(LocalAccount, ACollectionIsAnsweredTaskByTask) {
  pool("p", 1);
  job("j", "p");
  task("j", "b");
  const json body = {
      {"value", {{{"id", "a"}, {"commandLine", "true"}}, {{"id", "b"}, {"commandLine", "true"}}}}};
  const json results = must(account.add_tasks("j", body, "http://b")).body["value"];
  EXPECT_EQ(results[0]["status"], "success");
  EXPECT_EQ(results[0]["location"], "http://b/jobs/j/tasks/a");
  EXPECT_EQ(results[1]["status"], "clienterror");
  EXPECT_EQ(results[1]["error"]["code"], "TaskExists");
  json many = {{"value", json::array()}};
  for (int i = 0; i < 101; ++i) many["value"].push_back({{"id", std::to_string(i)}, {"commandLine", "true"}});
  EXPECT_EQ(code(account.add_tasks("j", many, "")), "RequestBodyTooLarge");
}

TEST_F(LocalAccount, CountsTasksByStateAndResult) {
  pool("p", 1);
  job("j", "p");
  task("j", "a");
  run_last(0);
  task("j", "b");
  run_last(1);
  task("j", "c");
  task("j", "d", {{"requiredSlots", 4}});
  const json counts = must(account.count_tasks("j")).body;
  EXPECT_EQ(counts["taskCounts"],
            (json{{"active", 1}, {"running", 1}, {"completed", 2}, {"succeeded", 1}, {"failed", 1}}));
  EXPECT_EQ(counts["taskSlotCounts"]["active"], 4);
}

TEST_F(LocalAccount, KeepsPasswordsToItself) {
  pool("p", 0,
       {{"userAccounts", {{{"name", "u"}, {"password", "secret-1"}}}},
        {"virtualMachineConfiguration",
         {{"containerConfiguration",
           {{"containerRegistries", {{{"username", "u"}, {"password", "secret-2"}}}}}}}}});
  EXPECT_EQ(pool_view("p").dump().find("secret"), std::string::npos);
  EXPECT_NE(account.to_json().dump().find("secret-2"), std::string::npos);
}

TEST_F(LocalAccount, EachVersionHasItsOwnETag) {
  pool("p", 1);
  job("j", "p");
  std::vector<std::string> tags;
  const auto note = [&] { tags.push_back(task_view("j", "t")["eTag"]); };
  task("j", "t");
  note();
  account.task_started(runner.last());
  note();
  account.task_ended(runner.last(), {1, "", ""});
  note();
  must(account.reactivate_task("j", "t", ""));
  note();
  EXPECT_THAT(tags, ::testing::Each(::testing::MatchesRegex("0x8D[0-9A-F]{13}")));
  std::sort(tags.begin(), tags.end());
  EXPECT_EQ(std::unique(tags.begin(), tags.end()), tags.end());
}

/// The same account in another process.
class LocalAccountRestarted : public LocalAccount {
 protected:
  FakeRunner next_runner;
  Account next{next_runner, [this] { return now; }};

  void restart() {
    next.from_json(json::parse(account.to_json().dump()));
    next.restarted();
  }
};

TEST_F(LocalAccountRestarted, AllThatAClientSeesIsTheSame) {
  pool("p", 2, {{"metadata", {{{"name", "n"}, {"value", "v"}}}}});
  job("j", "p", preparation());
  task("j", "t", instances(2));
  const TaskOrder order = runner.last();
  account.prepared("j", "p1", {0, "", ""});
  account.prepared("j", "p2", {0, "", ""});
  account.subtask_started(order, 1);
  account.subtask_ended(order, 1, {0, "", ""});
  account.task_ended(order, {3, "", ""});
  next.from_json(json::parse(account.to_json().dump()));
  EXPECT_EQ(must(next.get_pool("p", "b")).body, must(account.get_pool("p", "b")).body);
  EXPECT_EQ(must(next.get_job("j", "b")).body, must(account.get_job("j", "b")).body);
  EXPECT_EQ(must(next.get_task("j", "t", "b")).body, must(account.get_task("j", "t", "b")).body);
  EXPECT_EQ(std::get<std::vector<json>>(next.list_subtasks("j", "t", "b")),
            std::get<std::vector<json>>(account.list_subtasks("j", "t", "b")));
  EXPECT_EQ(std::get<std::vector<json>>(next.list_nodes("p", "b")),
            std::get<std::vector<json>>(account.list_nodes("p", "b")));
  EXPECT_EQ(std::get<std::vector<json>>(next.list_preparations("j", "b")),
            std::get<std::vector<json>>(account.list_preparations("j", "b")));
  EXPECT_EQ(next.to_json(), account.to_json());
}

TEST_F(LocalAccountRestarted, WhatRanIsTriedAgainOrHasFailedAndNeverRuns) {
  pool("p", 3);
  job("j", "p", {{"onTaskFailure", "performexitoptionsjobaction"}});
  job("k", "p");
  task("j", "never", {{"exitConditions", {{"default", {{"jobAction", "none"}}}}}});
  task("k", "again", {{"constraints", {{"maxTaskRetryCount", 2}}}});
  for (const auto& order : std::vector<TaskOrder>(runner.started)) account.task_started(order);
  restart();
  EXPECT_EQ(next_runner.taken(), (Lines{"resize p 3"}));
  const json never = must(next.get_task("j", "never", "")).body;
  EXPECT_EQ(never["state"], "completed");
  EXPECT_EQ(never["executionInfo"]["failureInfo"], (json{{"category", "servererror"},
                                                         {"code", "ServiceRestarted"},
                                                         {"message", "the service was restarted"}}));
  const json again = must(next.get_task("k", "again", "")).body;
  EXPECT_EQ(again["state"], "active");
  EXPECT_EQ(again["executionInfo"]["retryCount"], 1);
  EXPECT_EQ(code(next.task_files("j", "never")), "TaskFilesUnavailable");
  next.node_made("p", {"p1", "10.77.0.4", "/nowhere"});
  EXPECT_EQ(next_runner.taken(), (Lines{"start k/again#1 on p1"}));
  EXPECT_EQ(code(next.task_files("j", "never")), "");
}

TEST_F(LocalAccountRestarted, AJobThatWasEndingEndsWithItsReleaseOnTheNodesThatAreFoundAgain) {
  pool("p", 2);
  job("j", "p", preparation());
  task("j", "t", instances(2));
  account.prepared("j", "p1", {0, "", ""});
  account.prepared("j", "p2", {0, "", ""});
  run_last(0);
  must(account.terminate_job("j", json(), ""));
  restart();
  EXPECT_EQ(must(next.get_job("j", "")).body["state"], "terminating");
  next.node_made("p", {"p1", "10.77.0.4", "/nowhere"});
  EXPECT_EQ(next_runner.taken(), (Lines{"resize p 2", "release j on p1"}));
  next.released("j", "p1", {0, "", ""});
  EXPECT_EQ(must(next.get_job("j", "")).body["state"], "completed");
}

TEST_F(LocalAccountRestarted, NodesArePreparedAgain) {
  pool("p", 1);
  job("j", "p", preparation());
  task("j", "t");
  account.prepared("j", "p1", {0, "", ""});
  run_last(0);
  restart();
  next.node_made("p", {"p1", "10.77.0.4", "/nowhere"});
  next_runner.taken();
  must(next.add_task("j", {{"id", "u"}, {"commandLine", "true"}}));
  EXPECT_EQ(next_runner.taken(), (Lines{"start j/u#0 on p1 prepare p1"}));
}

TEST_F(LocalAccountRestarted, APoolThatWasBeingDeletedGoes) {
  pool("p", 1);
  must(account.delete_pool("p", ""));
  restart();
  EXPECT_EQ(next_runner.taken(), (Lines{"resize p 0"}));
  next.pool_steady("p", "");
  EXPECT_EQ(code(next.get_pool("p", "")), "PoolNotFound");
}

TEST_F(LocalAccountRestarted, AStateOfAnotherFormIsAnEmptyAccount) {
  for (const char* text : {"null", "[]", "{\"pools\": 3, \"jobs\": [null, 1]}"}) {
    Account other(next_runner, [this] { return now; });
    other.from_json(json::parse(text));
    other.restarted();
    EXPECT_THAT(std::get<std::vector<json>>(other.list_pools("")), IsEmpty());
  }
}

}  // namespace
}  // namespace shipyard::local
