#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "launcher/topology/domain_tree.hpp"

namespace shipyard::topology {

/// The units of each rank, ascending; ranks in locality order.
using Places = std::vector<std::vector<int>>;

/// Places `ranks` of `size` units each: over packages, NUMA domains and caches in proportion to their units,
/// each rank inside one of them as deep as it goes; a rank that is larger owns whole neighbours where that
/// works for all, otherwise ranks stand side by side. No rank crosses a NUMA domain unless there are fewer
/// ranks than domains or none is large enough. nullopt: they do not fit in this way.
[[nodiscard]] std::optional<Places> place_ranks(const DomainTree& tree, int ranks, int size);

/// The same for one domain and what is below it, whatever its neighbours.
[[nodiscard]] std::optional<Places> place_inside(const Domain& domain, int ranks, int size);

/// The largest size for `ranks` equal ranks, no larger than `limit`: inside caches, or owning whole ones, as
/// long as that idles no more than a quarter (where a rank owns several: an eighth) of the units that a split
/// without regard to caches would use; with fewer ranks than NUMA domains the same with domains for caches.
/// 0: there is no room.
[[nodiscard]] int largest_size(const DomainTree& tree, int ranks, int limit);

/// The same for domains with a number of ranks each.
[[nodiscard]] int largest_size(const std::vector<std::pair<const Domain*, int>>& domains, int limit);

/// How many ranks of `size` units fit, at most `limit`: inside caches, unless that idles more than a quarter
/// of what inside NUMA domains would use; of ranks larger than a domain as many as packages, or the machine,
/// have room for.
[[nodiscard]] int most_ranks(const DomainTree& tree, int size, int limit);

}  // namespace shipyard::topology
