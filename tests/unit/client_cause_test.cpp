#include "batch/client/cause.hpp"

#include <gtest/gtest.h>

namespace shipyard::batch {
namespace {

using nlohmann::json;

TaskView completed(std::optional<int> exit_code, std::optional<Failure> failure = {}) {
  TaskView task;
  task.id = "mpi";
  task.state = "completed";
  task.exit_code = exit_code;
  task.failure = std::move(failure);
  return task;
}

TaskView subtask(const std::string& id, std::optional<int> exit_code, std::optional<Failure> failure = {}) {
  TaskView task = completed(exit_code, std::move(failure));
  task.id = id;
  task.node = "tvm" + id;
  return task;
}

/// What the service says of every program that ends with another status than 0.
Failure exit_code_failure() { return {"usererror", "FailureExitCode", "the program failed", {}}; }

CauseFacts facts_of(TaskView task) {
  CauseFacts facts;
  facts.task = std::move(task);
  facts.subtasks = {facts.task, subtask("1", 0), subtask("2", 0)};
  facts.last_lines = {"", "", ""};
  return facts;
}

TEST(CauseOf, TheLaunchersOwnWordsComeFirst) {
  auto facts = facts_of(completed(120, exit_code_failure()));
  facts.subtasks[2] = subtask("2", 1);
  facts.last_lines = {"of the primary", "", "of node 2"};
  facts.report = json::parse(
      R"({"outcome": {"status": 120, "name": "not-ready", "message": "10.0.0.6: no sshd answers"}})");
  EXPECT_EQ(cause_of(facts), "shipyard-mpirun: not-ready: 10.0.0.6: no sshd answers");
}

TEST(CauseOf, TheLaunchersWordsStandOnOneLine) {
  auto facts = facts_of(completed(1, exit_code_failure()));
  facts.report = json{{"outcome", {{"status", 1}, {"name", "failed"}, {"message", "one\ntwo\x1b[31m"}}}};
  EXPECT_EQ(cause_of(facts), "shipyard-mpirun: failed: one two [31m");
}

TEST(CauseOf, AReportWithoutWordsSaysNothing) {
  auto facts = facts_of(completed(0));
  for (const char* report : {R"({"outcome": {"status": 0, "name": "done", "message": ""}})",
                             R"({"outcome": 7})", R"([])", R"("text")", "null"}) {
    facts.report = json::parse(report);
    EXPECT_EQ(cause_of(facts), "nothing failed: the task ended with 0") << report;
  }
}

TEST(CauseOf, ACoordinationCommandThatFailedNamesItsNode) {
  auto facts = facts_of(completed(std::nullopt, Failure{"usererror", "CommandFailed", "of a subtask", {}}));
  facts.subtasks[2] = subtask("2", 3, exit_code_failure());
  EXPECT_EQ(cause_of(facts),
            "node 2 (tvm2): its coordination command failed with exit status 3: FailureExitCode: the program "
            "failed");
  facts.last_lines[2] = "docker: no such image";
  EXPECT_EQ(cause_of(facts),
            "node 2 (tvm2): its coordination command failed with exit status 3: docker: no such image");
}

TEST(CauseOf, TheFirstNodeWhoseCommandFailedCounts) {
  auto facts = facts_of(completed(1, exit_code_failure()));
  facts.subtasks[1] = subtask("1", 1);
  facts.subtasks[2] = subtask("2", 2);
  facts.last_lines = {};
  EXPECT_EQ(cause_of(facts), "node 1 (tvm1): its coordination command failed with exit status 1");
}

TEST(CauseOf, ACoordinationCommandThatNeverRan) {
  auto facts = facts_of(completed(1, exit_code_failure()));
  facts.subtasks[1] = subtask("1", std::nullopt, Failure{"servererror", "DiskFull", "no space", {"Node: a"}});
  EXPECT_EQ(cause_of(facts), "node 1 (tvm1): its coordination command failed: DiskFull: no space (Node: a)");
}

TEST(CauseOf, WhyItWaits) {
  CauseFacts facts;
  facts.task.state = "active";
  facts.subtasks = {facts.task};
  facts.last_lines = {""};
  EXPECT_EQ(cause_of(facts), "the task waits for nodes that are busy");
  facts.waiting = {"the pool has 1 of 2 nodes so far", "2 nodes are offline"};
  EXPECT_EQ(cause_of(facts), "the task waits: the pool has 1 of 2 nodes so far");
}

TEST(CauseOf, ATaskThatHasNotEnded) {
  for (const char* state : {"preparing", "running"}) {
    CauseFacts facts;
    facts.task.state = state;
    EXPECT_EQ(cause_of(facts), std::string("the task is ") + state);
  }
}

TEST(CauseOf, WhatBatchSaysOfTheTask) {
  const Failure full{"servererror", "DiskFull", "no space", {}};
  EXPECT_EQ(cause_of(facts_of(completed(std::nullopt, full))),
            "the task ended without an exit status: DiskFull: no space");
  EXPECT_EQ(cause_of(facts_of(completed(4, full))), "the task ended with exit status 4: DiskFull: no space");
  // Its program ended well, what Batch did afterwards did not.
  EXPECT_EQ(cause_of(facts_of(completed(0, full))), "the task ended with exit status 0: DiskFull: no space");
  // Without an exit status even the code that says nothing of its own is all there is.
  EXPECT_EQ(cause_of(facts_of(completed(std::nullopt, exit_code_failure()))),
            "the task ended without an exit status: FailureExitCode: the program failed");
  EXPECT_EQ(cause_of(facts_of(completed(std::nullopt))), "the task ended without an exit status");
}

TEST(CauseOf, TheProgramsLastWords) {
  auto facts = facts_of(completed(139, exit_code_failure()));
  EXPECT_EQ(cause_of(facts), "the task ended with exit status 139");
  facts.last_lines[0] = "Segmentation fault";
  EXPECT_EQ(cause_of(facts), "the task ended with exit status 139; its last words: Segmentation fault");
  facts.task.failure.reset();
  EXPECT_EQ(cause_of(facts), "the task ended with exit status 139; its last words: Segmentation fault");
  facts.last_lines.clear();
  EXPECT_EQ(cause_of(facts), "the task ended with exit status 139");
}

}  // namespace
}  // namespace shipyard::batch
