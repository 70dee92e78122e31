#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "launcher/topology/layout.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::launcher {

/// What a terminal can show. Fewer than 40 columns are taken as 40, more than 200 as 200.
struct MapStyle {
  int columns = 80;
  bool unicode = true;  ///< false: ASCII alone
  bool colour = false;  ///< ANSI colours, which add nothing that the text does not say
};

/// The terminal of `environment`, where `is_terminal` says whether the drawing goes to one: Unicode in a
/// UTF-8 locale (LC_ALL, LC_CTYPE, LANG, as locale(7) ranks them), colour without NO_COLOR (no-color.org),
/// neither on a dumb terminal.
[[nodiscard]] MapStyle map_style(const Environment& environment, bool is_terminal);

/// A node as text, lines no longer than the columns: its NUMA domains, in packages, with their caches, each
/// core with its rank or idle, and GPUs and InfiniBand ports at their domain. Every core (as an operating-
/// system index, first column) and every rank appears. The node's first rank is called `first_rank`. Pure.
[[nodiscard]] std::string draw_node(const topology::NodeTopology& node, const topology::NodeLayout& layout,
                                    int first_rank, const MapStyle& style);

/// The nodes of a job in order: one drawing for those that are alike, under their names and ranks. `hosts`
/// and `node_topology` (indexes into `topologies`) have an entry for each node. Pure.
[[nodiscard]] std::string draw_job(const topology::JobLayout& layout,
                                   const std::vector<topology::NodeTopology>& topologies,
                                   const std::vector<int>& node_topology,
                                   const std::vector<std::string>& hosts, const MapStyle& style);

}  // namespace shipyard::launcher
