#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::local {

/// CPU numbers of the operating system.
using Cpus = std::vector<int>;

/// The kernel's list format: "0-3,8" (cpuset(7)). Anything else gives what could be read up to the fault.
[[nodiscard]] Cpus parse_cpu_list(std::string_view text);
[[nodiscard]] std::string format_cpu_list(Cpus cpus);

/// How the CPUs of this machine are dealt out to a pool's nodes.
struct CpuDeal {
  std::vector<Cpus> sets;  ///< one a node; empty vector: no cpuset, all nodes run everywhere
  int cpus_per_node = 1;   ///< what CCP_NODES says
  bool shared = false;     ///< some CPU serves more than one node, or another pool as well
  std::string note = {};   ///< why it is shared, for the user; empty where it is not
};

/// `cores`: the CPUs this process may use, one entry a core with its hardware threads, in the order of
/// packages and cores, so that neighbours go to one node. `taken`: CPUs of other pools. Without `per_node`
/// every node gets an equal share of whole cores, and no cpuset where there is not one CPU for each. With it,
/// a node gets exactly so many, shared if need be; more than there are is an error.
Result<CpuDeal> deal_cpus(int nodes, std::optional<int> per_node, const std::vector<Cpus>& cores,
                          const Cpus& taken);

}  // namespace shipyard::local
