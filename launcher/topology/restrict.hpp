#pragma once

#include <functional>

#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// The part of the node whose hardware threads (operating-system indexes) `may_use` accepts. Cores without
/// any are left out, and so are the packages, NUMA domains and caches without cores. Cores of a package, of a
/// NUMA domain in it and of a cache in that come to stand together, otherwise they keep their order; indexes
/// are dense, in order of first appearance; the fastest kind that is left is kind 0. `allowed_cores` and
/// what mpirun counts stay. Every index in `node` must be valid.
[[nodiscard]] NodeTopology restricted(const NodeTopology& node, const std::function<bool(int cpu)>& may_use);

}  // namespace shipyard::topology
