#pragma once

#include <string>
#include <utility>
#include <vector>

namespace shipyard::local {

/// Where Batch keeps its files on a Linux node (learn.microsoft.com/azure/batch/files-and-directories).
inline constexpr const char* kNodeRootDirectory = "/mnt/batch/tasks";

/// A multi-instance task: its names, and the nodes it runs on, the primary first.
struct MultiInstanceTask {
  std::string account_name;
  std::string account_url;  ///< ends in '/'
  std::string pool;
  std::string job;
  std::string task;
  std::vector<std::string> addresses;
  int cores_per_node = 1;
};

using Variables = std::vector<std::pair<std::string, std::string>>;

/// What Batch puts into the environment of both commands on node `index`, in its formats
/// (learn.microsoft.com/azure/batch/batch-compute-node-environment-variables).
[[nodiscard]] Variables batch_variables(const MultiInstanceTask& task, int index);

/// `tvmps_…_d`: the shape of a dedicated VM's id; the same names give the same id.
[[nodiscard]] std::string node_id(const MultiInstanceTask& task, int index);

/// The directories that exist before the task starts, below the node's root, parents first.
[[nodiscard]] std::vector<std::string> batch_directories(const MultiInstanceTask& task);

}  // namespace shipyard::local
