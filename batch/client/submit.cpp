#include "batch/client/submit.hpp"

#include <fmt/format.h>

#include "batch/client/task_view.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

std::string content_of_job(const json& job) {
  for (const auto& item : part_at(job, "metadata")) {
    if (text_at(item, "name") == kContentName) return text_at(item, "value");
  }
  return "";
}

/// The job of this id is there: is it this one?
Status check_existing_job(const Submission& submission, Service& service) {
  const Answer found = service.get(job_path(submission.job_id));
  if (!found.good()) return found.error;
  const std::string state = text_at(found.body, "state");
  if (content_of_job(found.body) == submission.content) {
    if (state == "deleting")
      return input_error(fmt::format("job '{}' is being deleted", submission.job_id), "another id: --job ID");
    if (state == "completed" || state == "terminating")
      service.messages().note(fmt::format("job '{}' has been run already, and is {}: this is what it brought",
                                          submission.job_id, state));
    return Ok{};
  }
  return input_error(
      fmt::format("there is a job '{}' already ({}), and it is another one", submission.job_id, state),
      fmt::format("another id: --job ID; or delete it: shipyard-submit terminate --delete {}",
                  submission.job_id));
}

bool says_it_ended(const Answer& answer) {
  return answer.is("JobCompleted") || answer.is("JobBeingTerminated") || answer.is("JobNotActive") ||
         answer.is("TaskCompleted");
}

}  // namespace

namespace {

/// Batch does not take a task: its job, made a moment ago, is of no use, and may have a pool that costs.
bool take_back(const std::string& job, Service& service) {
  const auto ended = terminate_job(job, service);
  service.messages().note(
      ended ? fmt::format("job '{}', without its task, is terminated", job)
            : fmt::format("job '{0}' is there without its task: shipyard-submit terminate {0}", job));
  return bool(ended);
}

}  // namespace

Submitted submit(const Submission& submission, Service& service) {
  const Answer job = service.send({"POST", "/jobs", "", submission.job});
  bool existed = false;
  if (job.is("JobExists")) {
    existed = true;
    if (auto same = check_existing_job(submission, service); !same) return {same, existed, false};
  } else if (!job.good()) {
    return {job.error, false, job.refused() && !job.may_have_been_done};
  }
  for (const auto& [id, body] : submission.tasks) {
    const Answer task = service.send({"POST", job_path(submission.job_id) + "/tasks", "", body});
    if (task.good()) continue;
    // The job's content covers its tasks: this one is the same.
    if (task.is("TaskExists")) continue;
    if (existed && says_it_ended(task)) {
      // It ended while nobody looked; was the task in it?
      const Answer there = service.get(task_path(submission.job_id, id));
      if (there.good()) continue;
      return {input_error(fmt::format("job '{}' has ended without task '{}'", submission.job_id, id),
                          "a new one: --new"),
              existed, false};
    }
    return {task.error, existed, task.refused() && !existed && take_back(submission.job_id, service)};
  }
  return {Ok{}, existed, false};
}

Status complete_with_tasks(const Submission& submission, Service& service) {
  const Answer answer = service.send({"PATCH", job_path(submission.job_id), "", submission.completion});
  if (answer.good() || says_it_ended(answer)) return Ok{};
  Error error = answer.error;
  if (submission.completion.contains("constraints"))
    error.hint = fmt::format(
        "Batch ends job '{}', whose pool must not stay for ever, {} after it was made, whatever it does then",
        submission.job_id, text_at(part_at(submission.job, "constraints"), "maxWallClockTime"));
  return error;
}

Result<bool> terminate_job(const std::string& job, Service& service) {
  const Answer answer = service.send(
      {"POST", job_path(job) + "/terminate", "", {{"terminateReason", "shipyard-submit: asked to end it"}}});
  if (answer.good()) return true;
  if (says_it_ended(answer)) return false;
  return answer.error;
}

}  // namespace shipyard::batch
