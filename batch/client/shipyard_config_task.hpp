#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "batch/client/shipyard_config_pool.hpp"

namespace shipyard::batch {

/// What a job and a task both may say, and the task's word wins: keys `limits`, `container` and
/// `environment` of a job file. A job's own `max_wall_time` is left alone, since it is of the job.
nlohmann::ordered_json convert_common(const ConfigValue& job_or_task, bool is_task, bool native);

/// Batch's exitConditions of a task, the job's in the places where it says nothing; empty where neither does.
nlohmann::ordered_json convert_exit_conditions(const ConfigValue& job, const ConfigValue& task);

/// Why a task cannot be converted at all; empty where it can.
std::string reason_to_leave_out(const ConfigValue& task);

struct TaskSurroundings {
  const ConfigFiles& files;
  const ConfigValue& job;
  const ConvertedPool& pool;
  nlohmann::ordered_json* pool_mounts = nullptr;  ///< of a pool that is made
  const Volumes& job_volumes;
  const nlohmann::ordered_json& job_options;  ///< of `docker run`, for all tasks
  const std::set<std::string>& left_out;      ///< ids of tasks that are not converted
};

/// A task as an entry of `tasks`.
nlohmann::ordered_json convert_task(const TaskSurroundings& surroundings, const ConfigValue& task,
                                    const std::string& id);

}  // namespace shipyard::batch
