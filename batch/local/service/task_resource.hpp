#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "batch/local/service/resource.hpp"
#include "batch/local/service/work.hpp"

namespace shipyard::local {

/// The coordination command on one node of a task; 0 is the primary's.
struct Subtask {
  Time started;
  std::optional<Time> ended;
  CommandEnd end;
};

/// Whether a command has ended as its user wishes.
[[nodiscard]] inline bool is_good(const CommandEnd& end) { return end.exit_code == 0 && end.fault.empty(); }

/// TaskFailureInformation of an end that was not good: FailureExitCode, as Azure marks a program's own
/// failure, or the fault that kept it from ending by itself.
[[nodiscard]] nlohmann::json failure_info(const CommandEnd& end);

struct TaskResource : Resource {
  int attempt = -1;                ///< number of the last that began, from 0; -1: none has
  std::string pool;                ///< that of `nodes`
  std::vector<std::string> nodes;  ///< of the present or last attempt, the primary first; empty while active
  std::map<int, Subtask> subtasks;
  std::optional<Time> started;
  std::optional<Time> ended;
  std::optional<Time> last_retry;
  std::optional<Time> last_requeue;
  int retries = 0;
  int requeues = 0;
  std::optional<CommandEnd> end;  ///< set where it is completed

  [[nodiscard]] bool is_multi_instance() const { return body.contains("multiInstanceSettings"); }
  [[nodiscard]] int instances() const;
  [[nodiscard]] int required_slots() const;
  [[nodiscard]] bool is_on_nodes() const { return state == "preparing" || state == "running"; }
  [[nodiscard]] bool is_completed() const { return state == "completed"; }
  [[nodiscard]] bool has_succeeded() const { return is_completed() && end && is_good(*end); }
  /// By its constraints, in which the job's stand where it has none of its own; -1 is for ever.
  [[nodiscard]] bool has_retries_left() const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> wall_clock_limit() const;

  /// Begins an attempt.
  void place(const std::string& on_pool, std::vector<std::string> on_nodes, Time now);
  void run(Time now);
  void complete(CommandEnd how, Time now);
  /// Active again: tried again by Batch itself, requeued since a node is gone, or reactivated by the user.
  void retry(Time now);
  /// Active again as if the attempt had not been: the nodes turned out not to be fit for it.
  void postpone(Time now) { back_to_active(now); }
  void requeue(Time now);
  void reactivate(Time now);

  /// What its exit conditions want of the job after a failure: none, disable, terminate. "The default is none
  /// for exit code 0 and terminate for all other exit conditions" (ExitOptions).
  [[nodiscard]] std::string job_action() const;
  /// Whether tasks that depend on this one may run: it has succeeded, or its exit conditions say "satisfy".
  [[nodiscard]] bool satisfies_dependents() const;

 private:
  void back_to_active(Time now);
  [[nodiscard]] nlohmann::json exit_options() const;
};

[[nodiscard]] TaskResource new_task(const nlohmann::json& body, int retries_of_job, Time now);

[[nodiscard]] nlohmann::json to_json(const CommandEnd& end);
[[nodiscard]] CommandEnd read_command_end(const nlohmann::json& document);
[[nodiscard]] nlohmann::json to_json(const TaskResource& task);
void read(const nlohmann::json& document, TaskResource& task);

}  // namespace shipyard::local
