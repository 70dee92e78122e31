#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "batch/client/json_access.hpp"

namespace shipyard::batch {

/// Why Batch calls something failed: TaskFailureInformation, and what has its form.
struct Failure {
  std::string category;  ///< usererror, servererror
  std::string code;
  std::string message;
  std::vector<std::string> details;  ///< "name: value"
};

/// A CloudTask, or a SubtaskInformation, as far as it is of use here. What Batch left out is empty.
struct TaskView {
  std::string id;
  std::string state;  ///< active, preparing, running, completed
  std::optional<int> exit_code;
  std::optional<Failure> failure;
  std::string pool, node;  ///< where it runs
  std::string directory;   ///< of the task on the node, relative to its root: workitems/j/job-1/t
  std::string start, end;  ///< times as Batch writes them
  std::string etag;        ///< of this state of it; a change of it can be asked for under this condition
  int instances = 1;
  int retries = 0;   ///< Batch's own, after a failure
  int requeues = 0;  ///< after a node was lost or taken away

  [[nodiscard]] bool completed() const { return state == "completed"; }
  /// Another one means: it was started again, and its files are new.
  [[nodiscard]] std::string attempt() const;
};

/// From the service's JSON; wrong types count as missing.
[[nodiscard]] TaskView view_task(const nlohmann::json& task);
[[nodiscard]] std::optional<Failure> view_failure(const nlohmann::json& object,
                                                  const char* key = "failureInfo");

/// "FailureExitCode: the task exited with an exit code… (name: value)" on one line; the category where there
/// is no code.
[[nodiscard]] std::string describe(const Failure& failure);

/// Whether Batch itself starts containers on a pool (CloudPool) and removes them: "native",
/// containerConfiguration.
[[nodiscard]] bool starts_containers(const nlohmann::json& pool);

/// What a pool (CloudPool) is like that runs no multi-instance task, ever; empty where it does.
[[nodiscard]] std::vector<std::string> faults_of_pool(const nlohmann::json& pool);

/// Why a multi-instance task does not start, from what the pool, its nodes and the job say; empty where
/// nothing is wrong and nodes are just busy. All as Batch's JSON; null where not asked for.
struct WaitingFacts {
  nlohmann::json job = nullptr;
  nlohmann::json pool = nullptr;  ///< CloudPool
  bool pool_is_missing = false;
  nlohmann::json nodes = nullptr;        ///< an array of ComputeNode
  nlohmann::json preparation = nullptr;  ///< an array of JobPreparationAndReleaseTaskExecutionInformation
  int instances = 1;
};
[[nodiscard]] std::vector<std::string> reasons_for_waiting(const WaitingFacts& facts);

}  // namespace shipyard::batch
