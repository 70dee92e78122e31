#pragma once

#include <vector>

#include "base/result.hpp"

namespace shipyard::rank {

/// The CPUs that this thread may run on (sched_getaffinity(2)), whatever their numbers.
Result<std::vector<int>> own_cpus();

/// Binds this thread, and what it starts from now on.
Status bind_to(const std::vector<int>& cpus);

/// Which CPUs of this node, where a process may use `own`, stand for `cpus` of a plan for a node where it may
/// use `usable`. The same where this node has all of those; the i-th for the i-th where it has others but as
/// many, as in a container with another cpuset. Otherwise the plan is for another kind of node: an error. All
/// ascending; `usable` empty: not known, `cpus` are meant as they are. Pure.
Result<std::vector<int>> cpus_on_this_node(const std::vector<int>& cpus, const std::vector<int>& usable,
                                           const std::vector<int>& own);

}  // namespace shipyard::rank
