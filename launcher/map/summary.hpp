#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/map/text.hpp"
#include "launcher/map/units.hpp"

namespace shipyard::launcher::map {

/// What the node is: "2 × AMD EPYC 7V73X", "120 cores", "4 NUMA of 112 GiB" …
[[nodiscard]] std::vector<std::string> node_items(const topology::NodeTopology& node, const Glyphs& glyphs);

/// What the ranks are: "ranks 0-15, 6 cores each", "24 of 120 cores idle" …
[[nodiscard]] std::vector<std::string> rank_items(const topology::NodeTopology& node,
                                                  const topology::NodeLayout& layout, int first_rank,
                                                  const Units& units);

/// NUMA nodes lose some of their memory to the kernel, the first more than the others: what differs by less
/// than 3 % is the same.
[[nodiscard]] bool alike(const std::vector<std::uint64_t>& sizes);

/// The level of all caches of the node; -1 where they differ.
[[nodiscard]] int common_cache_level(const topology::NodeTopology& node);

}  // namespace shipyard::launcher::map
