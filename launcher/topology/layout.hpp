#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// How many ranks are wanted, each value with what the user calls it ("--ppn", "SHIPYARD_PPN", "slots in
/// hosts.txt").
struct LayoutWish {
  struct Count {
    int value = 0;
    std::string origin;
  };

  std::optional<Count> ranks;                  ///< of the job (-n)
  std::optional<Count> ranks_per_node;         ///< on every node (--ppn)
  std::vector<std::optional<int>> node_slots;  ///< by node, from a hostfile; empty: none
  bool oversubscribe = false;
};

/// Ranks per node, in the order of the nodes; nodes at the end may have none.
struct Layout {
  std::vector<int> ranks;
  int total = 0;
  int cores = 0;              ///< usable on a node
  bool shares_cores = false;  ///< more ranks than cores somewhere, as asked for by --oversubscribe
  std::string reason;         ///< for --explain
};

/// Pure. All nodes are taken to have this node's hardware. Without a wish a rank per usable core; `-n` alone
/// is dealt out as evenly as it goes, the first nodes get one more. Fails where a node would get more ranks
/// than cores and `oversubscribe` is not set.
Result<Layout> plan_layout(const LayoutWish& wish, int nodes, const NodeTopology& node);

}  // namespace shipyard::topology
