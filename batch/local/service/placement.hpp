#pragma once

#include <map>
#include <string>
#include <vector>

#include "batch/local/service/job_resource.hpp"
#include "batch/local/service/pool_resource.hpp"

namespace shipyard::local {

/// Where a task is to run, or why it waits. Exactly one of the two is set.
struct Placement {
  std::vector<std::string> nodes;  ///< ids, the primary first
  std::string reason;
};

/// `pool`: the job's; nullptr where it is gone. `slots_taken`: by node. A multi-instance task needs
/// inter-node communication and one slot a node, and as many idle nodes as it has instances, at the same
/// time.
[[nodiscard]] Placement place_task(const PoolResource* pool, const JobResource& job, const TaskResource& task,
                                   const std::map<std::string, int>& slots_taken);

}  // namespace shipyard::local
