#pragma once

#include <string>
#include <vector>

#include "base/cpu_list.hpp"
#include "launcher/topology/layout.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology::samples {

/// Packages of NUMA domains of caches with so many cores each; CPUs are numbered in order, `threads` a core.
using Shape = std::vector<std::vector<std::vector<int>>>;

inline NodeTopology node(const Shape& shape, int threads = 1) {
  NodeTopology result;
  int cpu = 0;
  for (const auto& package : shape) {
    const auto package_index = static_cast<int>(result.packages.size());
    result.packages.push_back({"Sample CPU"});
    for (const auto& domain : package) {
      const auto numa_index = static_cast<int>(result.numa_domains.size());
      result.numa_domains.push_back({numa_index, package_index, std::uint64_t{64} << 30});
      for (int cores : domain) {
        const auto cache_index = static_cast<int>(result.caches.size());
        result.caches.push_back({numa_index, 3, std::uint64_t{32} << 20});
        for (int i = 0; i < cores; ++i) {
          Core core{.package = package_index, .numa = numa_index, .cache = cache_index};
          for (int thread = 0; thread < threads; ++thread) core.hardware_threads.push_back(cpu++);
          result.cores.push_back(core);
        }
      }
    }
  }
  result.allowed_cores = static_cast<int>(result.cores.size());
  result.numa_objects = static_cast<int>(result.numa_domains.size());
  result.l3_objects = static_cast<int>(result.caches.size());
  result.core_objects = static_cast<int>(result.cores.size());
  result.package_objects = static_cast<int>(result.packages.size());
  return result;
}

/// HB120rs_v3: 2 packages, 2 domains each, caches of 8, 8, 8 and 6 cores.
inline NodeTopology hb120() {
  const std::vector<int> domain = {8, 8, 8, 6};
  return node({{domain, domain}, {domain, domain}});
}

/// HB60rs: sockets of 7 and 8 domains of 4 cores.
inline NodeTopology hb60() {
  const std::vector<int> domain = {4};
  return node({std::vector<std::vector<int>>(7, domain), std::vector<std::vector<int>>(8, domain)});
}

inline std::vector<std::string> cpusets(const NodeLayout& layout) {
  std::vector<std::string> result;
  for (const auto& rank : layout.ranks) result.push_back(format_cpu_list(rank.cpus));
  return result;
}

}  // namespace shipyard::topology::samples
