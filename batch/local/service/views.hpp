#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "batch/local/service/job_resource.hpp"
#include "batch/local/service/pool_resource.hpp"

namespace shipyard::local {

/// Pools, nodes, jobs and tasks as a client sees them: CloudPool, ComputeNode, CloudJob, CloudTask,
/// SubtaskInformation, JobPreparationAndReleaseTaskExecutionInformation. `base`: the service's URL as the
/// client calls it, without a slash at its end. Passwords and keys that the service was given are left out.

[[nodiscard]] nlohmann::json pool_view(const PoolResource& pool, const std::string& base);
/// `tasks` and `slots`: those that run on it.
[[nodiscard]] nlohmann::json node_view(const PoolResource& pool, const NodeResource& node, int tasks,
                                       int slots, const std::string& base);
[[nodiscard]] nlohmann::json job_view(const JobResource& job, const std::string& base);
[[nodiscard]] nlohmann::json task_view(const JobResource& job, const TaskResource& task,
                                       const std::string& base);
/// Of all subtasks but the primary's, which is the task itself.
[[nodiscard]] std::vector<nlohmann::json> subtask_views(const JobResource& job, const TaskResource& task,
                                                        const std::string& base);
/// One for each node on which the preparation has begun.
[[nodiscard]] std::vector<nlohmann::json> preparation_views(const JobResource& job, const std::string& base);
/// TaskCountsResult. A task that prepares counts as running.
[[nodiscard]] nlohmann::json task_counts(const JobResource& job);

[[nodiscard]] std::string pool_path(const PoolResource& pool);
[[nodiscard]] std::string job_path(const JobResource& job);
[[nodiscard]] std::string task_path(const JobResource& job, const TaskResource& task);

}  // namespace shipyard::local
