#pragma once

#include <string>
#include <vector>

#include "batch/local/service/resource.hpp"
#include "batch/local/service/work.hpp"

namespace shipyard::local {

struct NodeResource {
  NodeInfo info;
  Time made;
  Time state_since;
  bool dedicated = true;
  bool leaving = false;  ///< takes no more tasks
  bool enabled = true;   ///< for scheduling
  int tasks_run = 0;
  int tasks_succeeded = 0;
};

struct PoolResource : Resource {
  std::string allocation_state = "steady";
  Time allocation_since;
  std::string resize_error;         ///< empty: there was none
  bool automatic = false;           ///< made for a job (autoPoolSpecification)
  std::vector<NodeResource> nodes;  ///< by their numbers

  [[nodiscard]] int dedicated_target() const;
  [[nodiscard]] int low_priority_target() const;
  [[nodiscard]] int target() const { return dedicated_target() + low_priority_target(); }
  [[nodiscard]] int slots_per_node() const;
  [[nodiscard]] bool has_internode_communication() const;
  /// Whether it starts containers itself (containerConfiguration): a "native" pool.
  [[nodiscard]] bool starts_containers() const;

  [[nodiscard]] NodeResource* node(std::string_view node_id);
  [[nodiscard]] const NodeResource* node(std::string_view node_id) const;

  void enter_allocation(const std::string& next, Time now);
};

/// A pool of a client, or of a job: PoolAddParameter or PoolSpecification.
[[nodiscard]] PoolResource new_pool(const std::string& id, const nlohmann::json& body, Time now);

[[nodiscard]] nlohmann::json to_json(const PoolResource& pool);
void read(const nlohmann::json& document, PoolResource& pool);

}  // namespace shipyard::local
