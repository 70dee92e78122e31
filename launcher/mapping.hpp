#pragma once

#include <string>
#include <vector>

#include "launcher/mpi/installation.hpp"
#include "launcher/topology/layout.hpp"

namespace shipyard::launcher {

/// How mpirun is told a layout.
struct Mapping {
  std::string map_by = {};   ///< "ppr:30:numa:pe=1", "slot"
  std::string bind_to = {};  ///< "core", "hwthread", "none"
  bool binder = false;       ///< the ranks are dealt out by slots only and shipyard-rank binds each by itself
  std::string why = {};
};

/// Pure. mpirun's own flags where they give exactly the cpusets of the layout, rank by rank, on every node
/// (what they give is worked out from the topology in the same way as mpirun does); otherwise the binder.
Mapping choose_mapping(mpi::Dialect dialect, const topology::JobLayout& layout,
                       const std::vector<topology::NodeTopology>& topologies,
                       const std::vector<int>& node_topology);

}  // namespace shipyard::launcher
