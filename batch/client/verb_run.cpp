#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/signals.hpp"
#include "batch/client/follow.hpp"
#include "batch/client/job_key.hpp"
#include "batch/client/new_job_id.hpp"
#include "batch/client/submission_record.hpp"
#include "batch/client/submit.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {
namespace {

std::string absolute_path(const std::string& file, const Environment& environment) {
  return file.starts_with('/') ? file : environment.working_directory + "/" + file;
}

/// A job that is submitted: its bodies, and the record that keeps it from being submitted twice.
struct Underway {
  Submission submission;
  std::optional<SubmissionRecord> record;
  bool is_new = true;  ///< false: it was there before
};

/// Whether a VM has InfiniBand matters to native pools alone, where its type is all that is known.
Result<std::string> vm_size_of_pool(const JobFile& job, Service& service) {
  if (job.pool.is_new()) return job.pool.vm_size;
  const Answer pool = service.get(pool_path(job.pool.id));
  if (pool.is("PoolNotFound"))
    return input_error(fmt::format("there is no pool '{}'", job.pool.id),
                       "shipyard-submit pool create makes one");
  if (!pool.good()) return pool.error;
  const bool native = starts_containers(pool.body);
  if (native != job.pool.native)
    return input_error(
        native ? fmt::format("pool '{}' starts containers itself (containerConfiguration)", job.pool.id)
               : fmt::format("pool '{}' does not start containers itself (no containerConfiguration)",
                             job.pool.id),
        native ? "say so in the job file: pool: {native: true}" : "without `native: true` in the job file");
  if (const auto faults = faults_of_pool(pool.body); !faults.empty())
    return input_error(fmt::format("pool '{}': {}", job.pool.id, faults[0]));
  return text_at(pool.body, "vmSize");
}

bool end_job(const std::string& job, const std::string& task, const Edge& edge);

/// `begun`: Batch has been asked for the job. An interruption ends that job too.
Result<Underway> submit_file(const Edge& edge, bool& begun) {
  const JobFile& job = *edge.job;
  SubmissionFacts facts;
  facts.infrastructure_retries = edge.request.retry_infrastructure;
  facts.job_id = job.id;
  // What the file alone can be wrong in comes before the first question to Batch.
  if (auto plan = plan_submission(job, facts); !plan) return plan.error();
  auto vm_size = vm_size_of_pool(job, edge.service);
  if (!vm_size) return vm_size.error();
  facts.vm_size = std::move(*vm_size);
  auto plan = plan_submission(job, facts);
  if (!plan) return plan.error();

  SubmissionRecord::Content content{"", edge.service.signer().sign_in().endpoint, plan->content,
                                    absolute_path(edge.request.source(), edge.environment)};
  Underway submitted;
  if (job.id.empty() && !edge.request.once_more)
    submitted.record = SubmissionRecord::find_abandoned(edge.environment, content);
  const bool goes_on = submitted.record.has_value();
  if (goes_on) {
    facts.job_id = submitted.record->content().job;
    edge.messages.note(fmt::format(
        "going on with job '{}', which an earlier run of this file submitted (--new: another one)",
        facts.job_id));
  } else {
    if (facts.job_id.empty()) facts.job_id = new_job_id(edge.request.source());
    content.job = facts.job_id;
    auto record = SubmissionRecord::create(edge.environment, content);
    if (!record) return record.error();
    submitted.record = std::move(*record);
  }
  auto key = make_job_key(edge.environment);
  if (!key) return key.error();
  facts.key = std::move(*key);
  plan = plan_submission(job, facts);
  if (!plan) return plan.error();
  submitted.submission = std::move(*plan);
  begun = true;
  const Submitted made = submit(submitted.submission, edge.service);
  if (!made.status) {
    // The job may be there by now, with a pool of its own that costs.
    if (made.undone ||
        (edge.interruption.signal() != 0 && end_job(facts.job_id, submitted.submission.tasks[0].first, edge)))
      submitted.record->finish();
    return made.status.error();
  }
  submitted.is_new = !made.existed;
  if (goes_on && submitted.is_new)
    edge.messages.note(
        fmt::format("the earlier run's job '{}' is not there: it is submitted now", facts.job_id));
  else if (submitted.is_new)
    edge.messages.note(fmt::format("job '{}' is submitted", facts.job_id));
  return submitted;
}

int report_no_submission(const Error& error, bool begun, const Edge& edge) {
  if (edge.interruption.signal() == 0) return edge.fail(error);
  if (!begun) edge.messages.note("interrupted before anything was submitted");
  return kOwnFailure;
}

/// After a signal: Batch is asked to end the job, and its task is waited for, a while. True where the job
/// ends, or is not there.
bool end_job(const std::string& job, const std::string& task, const Edge& edge) {
  const int asked = edge.interruption.count();
  edge.messages.note(fmt::format("{}: asking Batch to terminate job '{}'; a second one ends the wait",
                                 signal_name(edge.interruption.signal()), job));
  auto terminated = terminate_job(job, edge.service);
  if (!terminated && edge.interruption.count() > asked) {
    edge.messages.warning(fmt::format(
        "Batch may not have heard: shipyard-submit status {0}, shipyard-submit terminate {0}", job));
    return false;
  }
  if (!terminated && terminated.error().code == Error::Code::kInput &&
      edge.service.get(job_path(job)).is("JobNotFound")) {
    edge.messages.note(fmt::format("there is no job '{}'", job));
    return true;
  }
  if (!terminated) {
    edge.messages.error(terminated.error());
    edge.messages.warning(
        fmt::format("job '{0}' may go on: shipyard-submit status {0}, shipyard-submit terminate {0}", job));
    return false;
  }
  const auto deadline = std::chrono::steady_clock::now() + edge.request.kill_after;
  std::string state = "not there";
  while (edge.interruption.count() == asked && std::chrono::steady_clock::now() < deadline) {
    const Answer answer = edge.service.get(task_path(job, task));
    if (answer.good()) state = view_task(answer.body).state;
    // What has not started by now never will, and stays active: see Batch's "Terminate Job".
    if ((answer.good() && (state == "completed" || state == "active")) || answer.status == 404) {
      edge.messages.note(fmt::format("job '{}' is terminated", job));
      return true;
    }
    edge.interruption.pause(
        std::min<std::chrono::milliseconds>(edge.request.poll, std::chrono::milliseconds(2000)));
  }
  edge.messages.warning(
      fmt::format("Batch has been told to terminate job '{}'; task '{}' is still {}", job, task, state));
  return true;
}

/// Only this end of the task is taken back, not one that comes meanwhile: where the first sending arrived and
/// its answer did not, the task is active by now, or has even ended again.
Answer reactivate(const std::string& job, const TaskView& ended, Service& service) {
  Call call{"POST", task_path(job, ended.id) + "/reactivate"};
  if (!ended.etag.empty()) call.headers = {{"If-Match", ended.etag}};
  Answer answer = service.send(call);
  if (answer.may_have_been_done && (answer.is("TaskNotCompleted") || answer.status == 412)) {
    const Answer now = service.get(task_path(job, ended.id));
    if (!now.good()) return now;
    const TaskView view = view_task(now.body);
    if (!view.completed() || view.attempt() != ended.attempt()) return now;
  }
  return answer;
}

struct Outcome {
  int status = 0;
  bool ended = true;  ///< false: nobody knows what became of the task
};

/// Follows one task to its final end: again after each reactivation. Nothing after an interruption. `is_new`:
/// all that has happened to the task is news.
std::optional<Outcome> follow_to_the_end(const std::string& job, const std::string& task, bool is_new,
                                         const Edge& edge) {
  Following following;
  if (is_new) following.seen = TaskView{};
  for (int attempt = 0;; ++attempt) {
    auto end = follow_task(job, task, edge, following);
    if (!end) return Outcome{edge.fail(end.error()), false};
    if (end->interrupted) return std::nullopt;
    if (!failed_for_its_nodes(*end) || attempt >= edge.request.retry_infrastructure)
      return Outcome{report_end(job, *end, edge)};
    if (edge.interruption.signal() != 0) return std::nullopt;
    edge.messages.note(fmt::format(
        "task '{}': exit status {} ({}): its nodes failed it; again, {} of {}", task, *end->view.exit_code,
        text_at(part_at(end->report, "outcome"), "name"), attempt + 1, edge.request.retry_infrastructure));
    const Answer answer = reactivate(job, end->view, edge.service);
    if (!answer.good()) {
      if (answer.interrupted()) return std::nullopt;
      edge.messages.error(answer.error);
      return Outcome{report_end(job, *end, edge)};
    }
    // A reactivation begins Batch's own retries anew.
    following.seen = end->view;
    following.seen->retries = 0;
  }
}

Outcome follow_job(const Underway& submitted, const Edge& edge) {
  const std::string& job = submitted.submission.job_id;
  Outcome whole;
  for (const auto& [task, body] : submitted.submission.tasks) {
    if (submitted.submission.tasks.size() > 1) edge.messages.note(fmt::format("task '{}':", task));
    const auto end = follow_to_the_end(job, task, submitted.is_new, edge);
    if (!end) return {kOwnFailure, end_job(job, task, edge)};
    if (whole.status == 0) whole.status = end->status;
    whole.ended = whole.ended && end->ended;
  }
  return whole;
}

std::string in_one_line(const Error& error) {
  return error.hint.empty() ? error.message : error.message + "; " + error.hint;
}

}  // namespace

int run_job(const Edge& edge) {
  bool begun = false;
  auto submitted = submit_file(edge, begun);
  if (!submitted) return report_no_submission(submitted.error(), begun, edge);
  // A job that waits for reactivations must stay open: one that is completing takes none.
  const bool at_once = edge.job->auto_complete && edge.request.retry_infrastructure == 0;
  if (at_once) {
    if (auto done = complete_with_tasks(submitted->submission, edge.service);
        !done && edge.interruption.signal() == 0)
      edge.messages.warning(in_one_line(done.error()));
  }
  const Outcome end = follow_job(*submitted, edge);
  if (edge.interruption.signal() == 0 && edge.job->auto_complete && !at_once) {
    if (auto done = complete_with_tasks(submitted->submission, edge.service); !done)
      edge.messages.warning(in_one_line(done.error()));
  }
  // What ended without our knowing stays on record: another run goes on with it.
  if (end.ended) submitted->record->finish();
  return end.status;
}

int submit_job(const Edge& edge) {
  bool begun = false;
  auto submitted = submit_file(edge, begun);
  if (!submitted) return report_no_submission(submitted.error(), begun, edge);
  const std::string& job = submitted->submission.job_id;
  if (edge.job->auto_complete) {
    if (auto done = complete_with_tasks(submitted->submission, edge.service); !done)
      return edge.fail(done.error());
  }
  submitted->record->finish();
  edge.out << job << "\n" << std::flush;
  edge.messages.note(
      fmt::format("shipyard-submit logs --follow {0} stays with it; status, terminate, diagnose {0}", job));
  return 0;
}

}  // namespace shipyard::batch
