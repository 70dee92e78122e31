#pragma once

#include <limits>
#include <vector>

#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// What ranks are made of: a core with its hardware threads, or one hardware thread.
struct Unit {
  int core = 0;                ///< index into NodeTopology::cores
  std::vector<int> cpus = {};  ///< operating-system indexes
};

/// A part of the node: units [first, first + size) in locality order, and the parts that it consists of.
struct Domain {
  enum class Level { kMachine, kPackage, kNuma, kCache, kCore };

  Level level = Level::kMachine;
  int index = 0;  ///< in NodeTopology's vector of this level
  int first = 0;
  int size = 0;
  /// Ranks that a NUMA domain's memory has room for.
  int rank_limit = std::numeric_limits<int>::max();
  std::vector<Domain> children = {};
};

struct DomainTree {
  std::vector<Unit> units = {};
  Domain machine = {};
  bool memory_spans_packages = false;  ///< a NUMA domain stands here as one of each package

  [[nodiscard]] std::vector<const Domain*> domains(Domain::Level level) const;
};

/// The cores in `cores` (indexes, ascending) only; `hardware_threads`: a unit is a hardware thread, and cores
/// are domains.
[[nodiscard]] DomainTree build_tree(const NodeTopology& node, const std::vector<int>& cores,
                                    bool hardware_threads);

}  // namespace shipyard::topology
