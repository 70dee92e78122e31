#include "batch/local/service/placement.hpp"

#include <fmt/format.h>

namespace shipyard::local {

Placement place_task(const PoolResource* pool, const JobResource& job, const TaskResource& task,
                     const std::map<std::string, int>& slots_taken) {
  if (job.state != "active") return {{}, fmt::format("the job is {}", job.state)};
  if (pool == nullptr) return {{}, fmt::format("the pool {} does not exist", job.pool)};
  if (pool->state != "active") return {{}, fmt::format("the pool {} is {}", pool->id, pool->state)};
  const int slots = pool->slots_per_node();
  if (task.is_multi_instance()) {
    if (!pool->has_internode_communication())
      return {{}, fmt::format("the pool {} has no inter-node communication", pool->id)};
    if (slots != 1) return {{}, fmt::format("the pool {} has more than one task slot per node", pool->id)};
  }
  if (!job.dependencies_are_met(task)) return {{}, "it depends on tasks that have not succeeded"};
  const auto wanted = static_cast<std::size_t>(task.instances());
  Placement placement;
  for (const auto& node : pool->nodes) {
    if (node.leaving || !node.enabled || job.refuses(node.info.id)) continue;
    const auto taken = slots_taken.find(node.info.id);
    if (slots - (taken == slots_taken.end() ? 0 : taken->second) < task.required_slots()) continue;
    placement.nodes.push_back(node.info.id);
    if (placement.nodes.size() == wanted) return placement;
  }
  return {{},
          fmt::format("the pool {} has {} free nodes, the task needs {}", pool->id, placement.nodes.size(),
                      wanted)};
}

}  // namespace shipyard::local
