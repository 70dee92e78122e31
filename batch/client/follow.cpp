#include "batch/client/follow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "batch/client/waiting.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr long long kChunk = 4 << 20;
/// How soon somebody who waits is told why, and how often that is looked at again.
constexpr std::chrono::seconds kFirstPatience{15};
constexpr std::chrono::seconds kPatience{60};
constexpr int kFirstInfrastructureStatus = 120;
constexpr int kLastInfrastructureStatus = 123;
constexpr int kFirstContainerStatus = 125;
constexpr int kLastContainerStatus = 127;

bool is_not_there(const Answer& answer) {
  return answer.kind == HttpOutcome::Kind::kAnswered && (answer.status == 404 || answer.status == 409);
}

/// An answer that says nothing of the task's state is none: it could be looked at for ever.
Answer ask_for_task(const std::string& path, Service& service) {
  Answer answer = service.get(path);
  if (answer.good() && view_task(answer.body).state.empty()) {
    answer.kind = HttpOutcome::Kind::kUnanswered;
    answer.error = {
        Error::Code::kSystem, fmt::format("GET {}: the answer says nothing of its state", path), {}, {}};
  }
  return answer;
}

/// Notes about a task that does not run yet, each once.
class WaitingNotes {
 public:
  WaitingNotes(std::string job, const Edge& edge)
      : job_(std::move(job)), edge_(edge), next_(Clock::now() + kFirstPatience) {}

  void look(const TaskView& view) {
    if (view.state != "active" || Clock::now() < next_) return;
    next_ = Clock::now() + kPatience;
    const auto reasons = reasons_for_waiting(ask_why_it_waits(job_, view, edge_.service));
    std::string text;
    for (const auto& reason : reasons) text += (text.empty() ? "" : "; ") + reason;
    if (text.empty()) text = "the pool's nodes are busy";
    if (text == said_) return;
    said_ = text;
    edge_.messages.note(fmt::format("task '{}' waits: {}", view.id, text));
  }

 private:
  std::string job_;
  const Edge& edge_;
  Clock::time_point next_;
  std::string said_;
};

}  // namespace

Answer GrowingFile::pump(Service& service, bool whole) {
  while (true) {
    Answer answer = service.read_file(path_, offset_, kChunk);
    missing_.clear();
    if (is_not_there(answer)) {
      missing_ = answer.code;
      answer.kind = HttpOutcome::Kind::kAnswered;
      answer.status = 200;
      return answer;
    }
    if (!answer.good()) return answer;
    if (!answer.file_created.empty() && answer.file_created != created_) {
      const bool another = !created_.empty();
      created_ = answer.file_created;
      is_new_ = is_new_ || another;
      if (another && offset_ > 0) {
        offset_ = 0;
        continue;
      }
    }
    if (answer.text.empty()) return answer;
    out_ << answer.text << std::flush;
    offset_ += static_cast<long long>(answer.text.size());
    if (!whole && static_cast<long long>(answer.text.size()) < kChunk) return answer;
  }
}

Result<TaskEnd> follow_task(const std::string& job, const std::string& task, const Edge& edge,
                            const Following& following) {
  const std::string path = task_path(job, task);
  GrowingFile output(path + "/files/stdout.txt", edge.out);
  GrowingFile errors(path + "/files/stderr.txt", edge.err);
  WaitingNotes waiting(job, edge);
  std::string attempt;
  std::string state;
  std::optional<TaskView> before = following.seen;
  auto heard = Clock::now();
  std::optional<Clock::time_point> start_by;
  if (following.start_within) start_by = heard + *following.start_within;
  bool silence_told = false;
  while (true) {
    const Answer answer = ask_for_task(path, edge.service);
    Answer pumped;
    pumped.status = 200;
    TaskEnd end;
    if (answer.good()) {
      end.view = view_task(answer.body);
      const TaskView& view = end.view;
      if (before && view.requeues > before->requeues)
        edge.messages.note(
            fmt::format("Batch starts task '{}' anew, since a node of it is gone (requeued {} time{})", task,
                        view.requeues, view.requeues == 1 ? "" : "s"));
      if (before && view.retries > before->retries)
        edge.messages.note(
            fmt::format("Batch starts task '{}' anew, after a failure (retry {})", task, view.retries));
      before = view;
      if (!view.start.empty() && view.attempt() != attempt) {
        output.restart();
        errors.restart();
        attempt = view.attempt();
      }
      if (view.state != state && !view.completed())
        edge.messages.note(fmt::format(
            "task '{}' is {}{}", task, view.state,
            view.state == "running" && !view.node.empty() ? fmt::format(" on {}", view.node) : ""));
      state = view.state;
      waiting.look(view);
      if (view.state == "running" || view.completed()) {
        pumped = output.pump(edge.service, view.completed());
        if (pumped.good()) pumped = errors.pump(edge.service, view.completed());
      }
      // A report that Batch does not hand out now is not one that is missing: a status of 120 to 127 means
      // something else without it.
      if (pumped.good() && view.completed()) {
        const Answer asked = fetch_report(job, view, edge.service, end.report);
        if (asked.silent() || asked.interrupted()) pumped = asked;
      }
      if (pumped.good()) {
        heard = Clock::now();
        silence_told = false;
        if (view.completed()) {
          // A task that never ran has none.
          const std::string& lost = output.missing().empty() ? errors.missing() : output.missing();
          if (view.exit_code && !lost.empty())
            edge.messages.warning(fmt::format(
                "task '{}': Batch has its output no longer ({}): the end of it may be missing here", task,
                lost));
          return end;
        }
      }
    }
    const Answer& worst = answer.good() ? pumped : answer;
    // Also a signal that came before: during a request that was carried out all the same.
    if (worst.interrupted() || edge.interruption.signal() != 0) {
      end.interrupted = true;
      return end;
    }
    // Also one that has run, and waits for other nodes since one of its own is gone.
    const bool waits = answer.good() && !end.view.completed() && end.view.state != "running";
    if (waits && start_by && Clock::now() >= *start_by) {
      end.not_started = true;
      return end;
    }
    if (!worst.good()) {
      const auto silent = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - heard);
      if (!worst.silent() || silent >= edge.request.give_up) {
        Error error = worst.error;
        if (worst.silent())
          error.hint =
              fmt::format("whatever the job does, it goes on: shipyard-submit logs --follow {}", job);
        return error;
      }
      if (!silence_told)
        edge.messages.warning(fmt::format("{}; the job goes on meanwhile", worst.error.message));
      silence_told = true;
    }
    // Left alone as it asks, but for the last question before its silence has been too long.
    const auto patience =
        std::chrono::duration_cast<std::chrono::milliseconds>(heard + edge.request.give_up - Clock::now());
    auto next =
        Clock::now() + std::max<std::chrono::milliseconds>(
                           edge.request.poll, std::min<std::chrono::milliseconds>(worst.wish, patience));
    if (waits && start_by) next = std::min(next, *start_by);
    edge.interruption.pause(std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()));
  }
}

Answer fetch_report(const std::string& job, const TaskView& view, Service& service, json& report) {
  report = nullptr;
  if (!view.exit_code) {
    Answer none;
    none.status = 200;
    return none;
  }
  Answer answer = service.read_file(task_file_path(job, view.id, "shipyard-report.json"), 0, kChunk);
  if (!answer.good() || answer.text.empty()) return answer;
  json read = json::parse(answer.text, nullptr, false);
  if (number_at(part_at(read, "outcome"), "status", -1) == *view.exit_code) report = std::move(read);
  return answer;
}

bool failed_for_its_nodes(const TaskEnd& end) {
  return end.view.exit_code && *end.view.exit_code >= kFirstInfrastructureStatus &&
         *end.view.exit_code <= kLastInfrastructureStatus && !end.report.is_null();
}

int report_end(const std::string& job, const TaskEnd& end, const Edge& edge) {
  const TaskView& view = end.view;
  const std::string hint = fmt::format("shipyard-submit diagnose {} collects every node's output", job);
  if (!view.exit_code) {
    edge.messages.error({Error::Code::kSystem,
                         fmt::format("task '{}' has ended without an exit status: {}", view.id,
                                     view.failure ? describe(*view.failure) : "Batch says nothing about it"),
                         hint,
                         {}});
    return kOwnFailure;
  }
  const int status = *view.exit_code;
  if (status >= kFirstContainerStatus && status <= kLastContainerStatus && end.report.is_null()) {
    edge.messages.error(
        {Error::Code::kSystem,
         fmt::format(
             "task '{}': exit status {} without a report of shipyard-mpirun: the container failed, or the "
             "program could not be started in it",
             view.id, status),
         hint,
         {}});
  } else if (status != 0 && view.failure && view.failure->code != "FailureExitCode") {
    edge.messages.error(
        {Error::Code::kSystem,
         fmt::format("task '{}': exit status {}; Batch: {}", view.id, status, describe(*view.failure)),
         hint,
         {}});
  } else if (status != 0) {
    edge.messages.note(fmt::format(
        "task '{}': exit status {}{}", view.id, status,
        end.report.is_null() ? "" : fmt::format(" ({})", text_at(part_at(end.report, "outcome"), "name"))));
  } else if (view.failure) {
    edge.messages.error(
        {Error::Code::kSystem,
         fmt::format("task '{}': its program ended with 0; Batch: {}", view.id, describe(*view.failure)),
         hint,
         {}});
    return kOwnFailure;
  }
  return status;
}

}  // namespace shipyard::batch
