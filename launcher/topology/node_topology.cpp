#include "launcher/topology/node_topology.hpp"

#include <algorithm>

namespace shipyard::topology {

int NodeTopology::usable_cores() const {
  int count = static_cast<int>(cores.size());
  if (cpu_quota) count = std::min(count, static_cast<int>(*cpu_quota));
  return std::max(count, 1);
}

}  // namespace shipyard::topology
