#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/rank/rank_layout.hpp"
#include "launcher/topology/layout.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::launcher {

/// What a layout means for the ranks' environment.
struct RankEnvironment {
  /// The same for all ranks: OMP_NUM_THREADS, OMP_PLACES, OMP_PROC_BIND (OpenMP 5.2, chapter 21).
  std::map<std::string, std::string> variables = {};
  /// For shipyard-rank; without layouts where it has nothing to do.
  rank::LayoutTable table = {};
};

struct RankEnvironmentRequest {
  bool binder = false;  ///< shipyard-rank binds the ranks
  bool smt = false;
  topology::BindTo bind_to = topology::BindTo::kCore;
  /// Variables that the user has set: they are left alone.
  std::function<bool(std::string_view name)> is_users;
};

/// Pure. `node_topology`: for each node an index into `topologies`.
[[nodiscard]] RankEnvironment rank_environment(const topology::JobLayout& layout,
                                               const std::vector<topology::NodeTopology>& topologies,
                                               const std::vector<int>& node_topology,
                                               const RankEnvironmentRequest& request);

}  // namespace shipyard::launcher
