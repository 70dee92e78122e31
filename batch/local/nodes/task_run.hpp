#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/terminal.hpp"
#include "batch/local/batch_variables.hpp"
#include "batch/local/cpu_set.hpp"
#include "batch/local/nodes/node_maker.hpp"
#include "batch/local/service/work.hpp"

namespace shipyard::local {

/// What all tasks of a service have in common.
struct TaskSettings {
  std::string engine;              ///< "docker" or "podman"
  std::string account;             ///< its name
  std::string account_url;         ///< ends in '/'
  std::string storage;             ///< directory that stands for storage accounts; empty: none
  std::chrono::seconds grace{10};  ///< between SIGTERM and SIGKILL for a task that is ended
};

/// A node of a task, as the task finds it.
struct TaskNode {
  NodeContainer container;
  bool wants_preparation = false;  ///< the job's preparation task has not run there yet
};

/// One attempt of a task, from its directories to its end, in the order of Azure Batch ("Use multi-instance
/// tasks"): preparation, resource files, coordination command on all nodes at once, application command on
/// the primary, the end of all that still runs on its nodes. Blocks; other threads see to `ended`, which they
/// set to end it.
class TaskRun {
 public:
  TaskRun(const TaskSettings& settings, const TaskOrder& order, std::vector<TaskNode> nodes,
          const CpuDeal& cpus, const std::atomic<bool>& ended, const Environment& environment,
          Events& events);

  CommandEnd run();

 private:
  /// Somebody has ended it, or it has failed on another node.
  [[nodiscard]] std::function<bool()> is_over() const;
  CommandEnd prepare(std::size_t node);
  CommandEnd bring_files(std::size_t node);
  CommandEnd coordinate(std::size_t node);
  CommandEnd apply();
  CommandEnd carry_out(std::size_t node, const std::string& line, Variables variables,
                       const std::string& directory, const nlohmann::json& user,
                       const std::string& container);
  void end_all();
  [[nodiscard]] Variables variables_of(std::size_t node, const std::string& task) const;
  /// Of all nodes at once: the first that failed, by number.
  CommandEnd on_all_nodes(CommandEnd (TaskRun::*step)(std::size_t));
  CommandEnd start_native_container(std::size_t node);

  const TaskSettings& settings_;
  const TaskOrder& order_;
  std::vector<TaskNode> nodes_;
  int cores_per_node_;
  bool cpus_are_shared_;
  const std::atomic<bool>& ended_;
  std::atomic<bool> step_failed_{false};  ///< on one node: the others need not go on
  const Environment& environment_;
  Events& events_;
  bool multi_instance_;
  std::string marker_;
  std::vector<std::string> native_containers_;      ///< by node; empty where Batch starts none
  std::vector<std::vector<std::string>> sessions_;  ///< by node; of the commands that have run there
};

/// A command that belongs to no task: start, preparation and release tasks, in a directory of their own below
/// the node's root. `body`: StartTask, JobPreparationTask, JobReleaseTask. Ends when `ended` is set, and each
/// attempt by its maxWallClockTime (WallClockTimeExpired), `longest` where it has none.
CommandEnd run_single_command(const TaskSettings& settings, const NodeContainer& node,
                              const nlohmann::json& body, Variables variables, const std::string& directory,
                              const std::function<bool()>& ended, const Environment& environment,
                              std::optional<std::chrono::milliseconds> longest = std::nullopt);

/// The last line of a file that a task may have written, without control characters; empty where there is
/// none.
[[nodiscard]] std::string last_words(const std::string& path);

/// Removes a directory below the node's root, on the node, where also what root has written there can be
/// removed.
void remove_task_directory(const std::string& engine, const NodeContainer& node, const std::string& directory,
                           const Environment& environment);

}  // namespace shipyard::local
