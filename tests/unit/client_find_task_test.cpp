#include "batch/client/find_task.hpp"

#include <gmock/gmock.h>

#include "client_errors.hpp"
#include "client_fake_batch.hpp"

namespace shipyard::batch {
namespace {

using testing::answer;
using ::testing::ElementsAre;
using testing::FakeBatch;
using testing::refusal;
using testing::shown;

std::string found(FakeBatch& batch, const std::string& task = "") {
  Request request;
  request.job = "j";
  request.task = task;
  const Edge edge{request,       nullptr,    batch.environment, batch.messages, batch.interruption,
                  batch.service, batch.told, batch.told};
  const auto view = find_task(edge);
  return view ? view->id : shown(view);
}

TEST(FindTask, TheOneThatIsNamedOrTheOnlyOne) {
  FakeBatch batch({answer(200, R"({"id": "t"})"), answer(200, R"({"value": [{"id": "only"}]})"),
                   refusal(404, "TaskNotFound", "none")});
  EXPECT_EQ(found(batch, "t"), "t");
  EXPECT_EQ(found(batch), "only");
  EXPECT_EQ(found(batch, "x"), "t: error: GET /jobs/j/tasks/x: Azure Batch answers TaskNotFound: none\n");
  EXPECT_THAT(batch.http.asked(),
              ElementsAre("GET /jobs/j/tasks/t?api-version=1", "GET /jobs/j/tasks?api-version=1",
                          "GET /jobs/j/tasks/x?api-version=1"));
}

TEST(FindTask, OfSeveralOneHasToBeNamed) {
  FakeBatch batch({answer(200, R"({"value": [{"id": "a"}, {"id": "b"}]})"), answer(200, R"({"value": []})")});
  EXPECT_EQ(found(batch), "t: error: which of the tasks of job 'j'? a, b\nhint: it comes behind the job\n");
  EXPECT_EQ(found(batch), "t: error: job 'j' has no task\n");
}

TaskView task_of(int instances) {
  TaskView task;
  task.id = "t";
  task.node = "n0";
  task.instances = instances;
  return task;
}

TEST(ListSubtasks, ThePrimaryIsFirstAndTheOthersByNumber) {
  FakeBatch batch({answer(200, R"({"value": [{"id": 10, "nodeInfo": {"nodeId": "n10"}},
    {"id": 2, "nodeInfo": {"nodeId": "n2"}}, {"id": 0, "nodeInfo": {"nodeId": "n0"}}, {"id": 1}]})")});
  const auto subtasks = list_subtasks("j", task_of(11), batch.service);
  ASSERT_TRUE(subtasks);
  std::vector<std::string> ids;
  for (const auto& subtask : *subtasks) ids.push_back(subtask.id);
  EXPECT_THAT(ids, ElementsAre("0", "1", "2", "10"));
  EXPECT_EQ(find_subtask(*subtasks, "2")->node, "n2");
  EXPECT_EQ(find_subtask(*subtasks, "n10")->id, "10");
  EXPECT_EQ(find_subtask(*subtasks, "n0")->id, "0");
  EXPECT_EQ(shown(find_subtask(*subtasks, "3")),
            "t: error: --node: there is no '3' among 0 (n0), 1, 2 (n2), 10 (n10)\n");
}

TEST(ListSubtasks, OfATaskOfOneNodeNobodyIsAsked) {
  FakeBatch batch({});
  const auto subtasks = list_subtasks("j", task_of(1), batch.service);
  ASSERT_TRUE(subtasks);
  EXPECT_EQ(subtasks->size(), 1u);
  EXPECT_TRUE(batch.http.sent.empty());
}

}  // namespace
}  // namespace shipyard::batch
