#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "batch/client/edge.hpp"
#include "batch/client/task_view.hpp"

namespace shipyard::batch {

/// A file of a running task that is shown as it grows. A file that was made anew (Batch has started the task
/// again) is shown from its first byte.
class GrowingFile {
 public:
  GrowingFile(std::string path, std::ostream& out) : path_(std::move(path)), out_(out) {}

  /// Shows what is new. Good where it is not there (yet). `whole`: asks until there is no more, since a file
  /// that is complete may come in parts.
  Answer pump(Service& service, bool whole = false);
  /// The task has been started again: from the first byte on, unless the new file has been met already.
  void restart() {
    if (!std::exchange(is_new_, false)) offset_ = 0, created_.clear();
  }
  /// Batch's code where the last look has found no such file; else empty.
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  std::string path_;
  std::ostream& out_;
  long long offset_ = 0;
  std::string created_;
  bool is_new_ = false;
  std::string missing_;
};

/// How a task ended, as far as Batch and the launcher say.
struct TaskEnd {
  TaskView view;
  nlohmann::json report = nullptr;  ///< the launcher's, of this attempt
  bool interrupted = false;         ///< the user wants the end before there is one
  bool not_started = false;         ///< there is none: it did not run in time (Following::start_within)
};

/// What somebody who follows a task says beside the command line.
struct Following {
  /// The task as it was when it was last seen: what Batch has done to it since is told. Nothing: how often it
  /// was started before the first look is no news.
  std::optional<TaskView> seen;
  /// After this time a task that does not run, and has not ended, is not waited for; nothing: it always is.
  std::optional<std::chrono::seconds> start_within;
};

/// Stays with a task until it is completed: its standard output goes to edge.out, its standard error to
/// edge.err. What happens meanwhile is told in notes: its state, why it waits, that Batch has started it
/// anew. Fails where the task is not there (any more), or Batch is silent for `give_up`. An interruption ends
/// it, and so does a task that does not start in time.
Result<TaskEnd> follow_task(const std::string& job, const std::string& task, const Edge& edge,
                            const Following& following = {});

/// The launcher's report into `report`, where it belongs to this end: it has the same exit status; else null.
/// Only a silent answer (Answer::silent) says that nobody knows whether there is one.
Answer fetch_report(const std::string& job, const TaskView& view, Service& service, nlohmann::json& report);

/// 120 to 123, and the launcher's report says the same: a program may end with 121 by itself.
[[nodiscard]] bool failed_for_its_nodes(const TaskEnd& end);

/// The exit status for the caller, after telling what is not clear from the task's own output: that Batch
/// failed it, that the container did.
int report_end(const std::string& job, const TaskEnd& end, const Edge& edge);

}  // namespace shipyard::batch
