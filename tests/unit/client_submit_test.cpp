#include "batch/client/submit.hpp"

#include <gmock/gmock.h>

#include "client_errors.hpp"
#include "client_fake_batch.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using testing::answer;
using ::testing::ElementsAre;
using testing::FakeBatch;
using testing::no_answer;
using testing::refusal;
using testing::shown;

const HttpOutcome kDone = answer(201);

Submission submission() {
  Submission submission;
  submission.job_id = "j";
  submission.content = "0123";
  submission.job = {{"id", "j"}};
  submission.tasks = {{"a", {{"id", "a"}}}, {"b", {{"id", "b"}}}};
  submission.completion = {{"onAllTasksComplete", "terminatejob"}};
  return submission;
}

/// The job as the service has it.
HttpOutcome job_of(const std::string& content, const std::string& state = "active") {
  json job = {{"id", "j"}, {"state", state}, {"metadata", json::array()}};
  job["metadata"].push_back(json::object({{"name", "other"}, {"value", "x"}}));
  if (!content.empty())
    job["metadata"].push_back(json::object({{"name", "shipyard-content"}, {"value", content}}));
  return answer(200, job.dump());
}

const std::string kV = "?api-version=1";

TEST(Submit, MakesTheJobAndThenItsTasks) {
  FakeBatch batch({kDone, kDone, kDone});
  EXPECT_EQ(shown(submit(submission(), batch.service).status), "(none)");
  EXPECT_THAT(batch.http.asked(),
              ElementsAre("POST /jobs" + kV, "POST /jobs/j/tasks" + kV, "POST /jobs/j/tasks" + kV));
  EXPECT_EQ(batch.http.sent[0].body, R"({"id":"j"})");
  EXPECT_EQ(batch.http.sent[1].body, R"({"id":"a"})");
  EXPECT_EQ(batch.http.sent[2].body, R"({"id":"b"})");
}

TEST(Submit, AJobWithTheSameContentIsThisOne) {
  FakeBatch batch({refusal(409, "JobExists"), job_of("0123"), refusal(409, "TaskExists"), kDone});
  EXPECT_EQ(shown(submit(submission(), batch.service).status), "(none)");
  EXPECT_THAT(batch.http.asked(), ElementsAre("POST /jobs" + kV, "GET /jobs/j" + kV,
                                              "POST /jobs/j/tasks" + kV, "POST /jobs/j/tasks" + kV));
}

TEST(Submit, AJobWithAnotherContentIsAnotherOne) {
  for (const char* content : {"4567", ""}) {
    FakeBatch batch({refusal(409, "JobExists"), job_of(content, "completed")});
    EXPECT_EQ(shown(submit(submission(), batch.service).status),
              "t: error: there is a job 'j' already (completed), and it is another one\n"
              "hint: another id: --job ID; or delete it: shipyard-submit terminate --delete j\n");
    EXPECT_TRUE(batch.http.over());
  }
}

TEST(Submit, AJobThatIsBeingDeletedIsNoMore) {
  FakeBatch batch({refusal(409, "JobExists"), job_of("0123", "deleting")});
  EXPECT_EQ(shown(submit(submission(), batch.service).status),
            "t: error: job 'j' is being deleted\nhint: another id: --job ID\n");
}

TEST(Submit, AJobThatIsGoneWhenItIsLookedAtIsToldSo) {
  FakeBatch batch({refusal(409, "JobExists"), refusal(404, "JobNotFound", "gone")});
  EXPECT_EQ(shown(submit(submission(), batch.service).status),
            "t: error: GET /jobs/j: Azure Batch answers JobNotFound: gone\n");
}

TEST(Submit, AJobWhoseAnswerWasLostIsThisOne) {
  FakeBatch batch({no_answer(HttpOutcome::Kind::kUnanswered, "cut off"), refusal(409, "JobExists"),
                   job_of("0123"), no_answer(HttpOutcome::Kind::kUnanswered, "cut off"),
                   refusal(409, "TaskExists"), kDone});
  EXPECT_EQ(shown(submit(submission(), batch.service).status), "(none)");
  EXPECT_TRUE(batch.http.over());
}

TEST(Submit, AJobThatEndedMeanwhileIsThisOneWhereItHasTheTask) {
  for (const char* code : {"JobCompleted", "JobBeingTerminated", "JobNotActive"}) {
    FakeBatch batch({refusal(409, "JobExists"), job_of("0123", "completed"), refusal(409, code),
                     answer(200, R"({"id": "a"})"), refusal(409, code), answer(200, R"({"id": "b"})")});
    EXPECT_EQ(shown(submit(submission(), batch.service).status), "(none)") << code;
    EXPECT_THAT(batch.http.asked(), ElementsAre("POST /jobs" + kV, "GET /jobs/j" + kV,
                                                "POST /jobs/j/tasks" + kV, "GET /jobs/j/tasks/a" + kV,
                                                "POST /jobs/j/tasks" + kV, "GET /jobs/j/tasks/b" + kV));
  }
}

TEST(Submit, AJobThatEndedWithoutTheTaskIsOver) {
  FakeBatch batch({refusal(409, "JobExists"), job_of("0123", "completed"), refusal(409, "TaskExists"),
                   refusal(409, "JobCompleted"), refusal(404, "TaskNotFound")});
  EXPECT_EQ(shown(submit(submission(), batch.service).status),
            "t: error: job 'j' has ended without task 'b'\nhint: a new one: --new\n");
}

TEST(Submit, ARefusalIsTold) {
  FakeBatch batch({refusal(400, "InvalidPropertyValue", "no such pool")});
  EXPECT_EQ(shown(submit(submission(), batch.service).status),
            "t: error: POST /jobs: Azure Batch answers InvalidPropertyValue: no such pool\n");
  FakeBatch other({kDone, refusal(400, "InvalidPropertyValue", "no such user")});
  EXPECT_EQ(shown(submit(submission(), other.service).status),
            "t: error: POST /jobs/j/tasks: Azure Batch answers InvalidPropertyValue: no such user\n");
  EXPECT_TRUE(other.http.over()) << "nothing more is sent";
}

TEST(CompleteWithTasks, NowOrAtOnce) {
  for (const auto& outcome :
       {answer(200), refusal(409, "JobCompleted"), refusal(409, "JobBeingTerminated")}) {
    FakeBatch batch({outcome});
    EXPECT_EQ(shown(complete_with_tasks(submission(), batch.service)), "(none)");
    EXPECT_THAT(batch.http.asked(), ElementsAre("PATCH /jobs/j" + kV));
    EXPECT_EQ(batch.http.sent[0].body, R"({"onAllTasksComplete":"terminatejob"})");
  }
  FakeBatch batch({refusal(404, "JobNotFound", "gone")});
  EXPECT_EQ(shown(complete_with_tasks(submission(), batch.service)),
            "t: error: PATCH /jobs/j: Azure Batch answers JobNotFound: gone\n");
}

TEST(TerminateJob, SaysWhetherThereWasSomethingToEnd) {
  FakeBatch batch({answer(202), refusal(409, "JobCompleted"), refusal(404, "JobNotFound", "gone")});
  EXPECT_TRUE(*terminate_job("j", batch.service));
  EXPECT_EQ(batch.http.sent[0].body, R"({"terminateReason":"shipyard-submit: asked to end it"})");
  EXPECT_FALSE(*terminate_job("j", batch.service));
  EXPECT_EQ(shown(terminate_job("j", batch.service)),
            "t: error: POST /jobs/j/terminate: Azure Batch answers JobNotFound: gone\n");
}

}  // namespace
}  // namespace shipyard::batch
