#include "batch/local/service/pool_resource.hpp"

#include <algorithm>

#include "batch/client/json_access.hpp"

namespace shipyard::local {

using batch::number_at;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

int PoolResource::dedicated_target() const { return number_at(body, "targetDedicatedNodes"); }
int PoolResource::low_priority_target() const { return number_at(body, "targetLowPriorityNodes"); }
int PoolResource::slots_per_node() const { return std::max(1, number_at(body, "taskSlotsPerNode", 1)); }

bool PoolResource::has_internode_communication() const {
  return part_at(body, "enableInterNodeCommunication") == json(true);
}

bool PoolResource::starts_containers() const {
  return part_at(body, "virtualMachineConfiguration").contains("containerConfiguration");
}

NodeResource* PoolResource::node(std::string_view node_id) {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const NodeResource& node) {
    return is_same_id(node.info.id, node_id);
  });
  return found == nodes.end() ? nullptr : &*found;
}

const NodeResource* PoolResource::node(std::string_view node_id) const {
  return const_cast<PoolResource*>(this)->node(node_id);  // NOLINT: the same search
}

void PoolResource::enter_allocation(const std::string& next, Time now) {
  if (next == allocation_state) return;
  allocation_state = next;
  allocation_since = now;
}

PoolResource new_pool(const std::string& id, const json& body, Time now) {
  PoolResource pool;
  pool.id = id;
  pool.body = {{"targetDedicatedNodes", 0},
               {"targetLowPriorityNodes", 0},
               {"enableInterNodeCommunication", false},
               {"taskSlotsPerNode", 1},
               {"enableAutoScale", false}};
  pool.body.update(body);
  pool.created = pool.modified = pool.state_since = pool.allocation_since = now;
  return pool;
}

json to_json(const PoolResource& pool) {
  json document = to_json(static_cast<const Resource&>(pool));
  document["allocationState"] = pool.allocation_state;
  document["allocationSince"] = batch_time(pool.allocation_since);
  document["resizeError"] = pool.resize_error;
  document["automatic"] = pool.automatic;
  document["nodes"] = json::array();
  for (const auto& node : pool.nodes)
    document["nodes"].push_back({{"id", node.info.id},
                                 {"address", node.info.address},
                                 {"directory", node.info.directory},
                                 {"number", node.info.number},
                                 {"startStatus", node.info.start_status},
                                 {"made", batch_time(node.made)},
                                 {"stateSince", batch_time(node.state_since)},
                                 {"dedicated", node.dedicated},
                                 {"leaving", node.leaving},
                                 {"enabled", node.enabled},
                                 {"tasksRun", node.tasks_run},
                                 {"tasksSucceeded", node.tasks_succeeded}});
  return document;
}

void read(const json& document, PoolResource& pool) {
  read(document, static_cast<Resource&>(pool));
  pool.allocation_state = text_at(document, "allocationState", pool.allocation_state);
  pool.allocation_since = time_at(document, "allocationSince").value_or(pool.created);
  pool.resize_error = text_at(document, "resizeError");
  pool.automatic = part_at(document, "automatic") == json(true);
  for (const auto& item : part_at(document, "nodes")) {
    NodeResource node;
    node.info = {text_at(item, "id"), text_at(item, "address"), text_at(item, "directory"),
                 number_at(item, "number"), number_at(item, "startStatus")};
    node.made = time_at(item, "made").value_or(pool.created);
    node.state_since = time_at(item, "stateSince").value_or(node.made);
    node.dedicated = part_at(item, "dedicated") != json(false);
    node.leaving = part_at(item, "leaving") == json(true);
    node.enabled = part_at(item, "enabled") != json(false);
    node.tasks_run = number_at(item, "tasksRun");
    node.tasks_succeeded = number_at(item, "tasksSucceeded");
    pool.nodes.push_back(std::move(node));
  }
}

}  // namespace shipyard::local
