#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/local/service/resource.hpp"
#include "batch/local/service/task_resource.hpp"

namespace shipyard::local {

/// The preparation or release task of a job on one node.
struct NodeRun {
  std::string node;
  Time started;
  std::optional<Time> ended;
  CommandEnd end;
  bool repeat = false;  ///< the node has started anew since: what ran there runs again
};

struct JobResource : Resource {
  std::string pool;
  std::optional<Time> ended;
  std::string terminate_reason;
  std::vector<TaskResource> tasks;  ///< in the order in which they were added
  std::vector<NodeRun> preparations;
  std::vector<NodeRun> releases;
  bool released = false;  ///< the release task was asked for, or there is none

  [[nodiscard]] TaskResource* task(std::string_view task_id);
  [[nodiscard]] NodeRun* preparation(std::string_view node);
  [[nodiscard]] NodeRun* release(std::string_view node);
  /// Whether its preparation has to run on this node before a task of it does.
  [[nodiscard]] bool has_to_prepare(std::string_view node) const;
  /// Its preparation has failed there, which the job takes as a reason to keep away.
  [[nodiscard]] bool has_failed_on(std::string_view node) const;
  /// What ran there is forgotten: the node is gone.
  void forget_node(std::string_view node);
  /// True of no tasks too: "if a Job contains no Tasks, then all Tasks are considered complete".
  [[nodiscard]] bool has_all_complete() const;
  [[nodiscard]] int retries_of_tasks() const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> wall_clock_limit() const;
  /// No task of the job may run there: its preparation is running, or has failed and must have succeeded
  /// (waitForSuccess, which is true unless said otherwise).
  [[nodiscard]] bool refuses(std::string_view node) const;
  /// Whether all that `task` depends on lets it run (dependsOn: ids and ranges of ids).
  [[nodiscard]] bool dependencies_are_met(const TaskResource& task) const;
};

[[nodiscard]] JobResource new_job(const nlohmann::json& body, const std::string& pool, Time now);

[[nodiscard]] nlohmann::json to_json(const JobResource& job);
void read(const nlohmann::json& document, JobResource& job);

}  // namespace shipyard::local
