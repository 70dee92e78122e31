#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>

#include "base/cpu_list.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// Packages in brackets, with their NUMA domains by operating-system index, each with its caches' levels and
/// cores: "[0: L3 8,8 | 1: L3 8,6] [2: L0 4]".
inline std::string shape(const NodeTopology& node) {
  std::string text;
  auto out = std::back_inserter(text);
  for (std::size_t package = 0; package < node.packages.size(); ++package) {
    text += package == 0 ? "[" : " [";
    bool is_first = true;
    for (std::size_t numa = 0; numa < node.numa_domains.size(); ++numa) {
      if (node.numa_domains[numa].package != static_cast<int>(package)) continue;
      fmt::format_to(out, "{}{}:", is_first ? "" : " | ", node.numa_domains[numa].os_index);
      is_first = false;
      int level = -1;
      for (std::size_t cache = 0; cache < node.caches.size(); ++cache) {
        if (node.caches[cache].numa != static_cast<int>(numa)) continue;
        int cores = 0;
        for (const auto& core : node.cores) cores += core.cache == static_cast<int>(cache) ? 1 : 0;
        if (node.caches[cache].level == level) {
          fmt::format_to(out, ",{}", cores);
        } else {
          level = node.caches[cache].level;
          fmt::format_to(out, " L{} {}", level, cores);
        }
      }
    }
    text += "]";
  }
  return text;
}

/// Cores' CPUs in order: "0-1 2-3 4 5".
inline std::string cpus(const NodeTopology& node) {
  std::string text;
  for (const auto& core : node.cores) {
    if (!text.empty()) text += ' ';
    text += format_cpu_list(core.hardware_threads);
  }
  return text;
}

/// Everything that there is to know, for comparisons.
inline std::string account(const NodeTopology& node) {
  std::string text = shape(node) + "\n";
  auto out = std::back_inserter(text);
  for (const auto& core : node.cores) {
    fmt::format_to(out, "core {} of package {} numa {} cache {} kind {}\n",
                   format_cpu_list(core.hardware_threads), core.package, core.numa, core.cache, core.kind);
  }
  for (const auto& package : node.packages) fmt::format_to(out, "package '{}'\n", package.model);
  for (const auto& numa : node.numa_domains) {
    fmt::format_to(out, "numa {} of package {}: {} bytes\n", numa.os_index, numa.package, numa.memory_bytes);
  }
  for (const auto& cache : node.caches)
    fmt::format_to(out, "cache L{} of numa {}: {} bytes\n", cache.level, cache.numa, cache.bytes);
  for (const auto& gpu : node.gpus) {
    fmt::format_to(out, "gpu {} vendor {} near {}\n", gpu.pci_address, static_cast<int>(gpu.vendor),
                   format_cpu_list(gpu.near_cores));
  }
  for (const auto& port : node.infiniband_ports)
    fmt::format_to(out, "port {} near {}\n", port.name, format_cpu_list(port.near_cores));
  if (node.cpu_quota) fmt::format_to(out, "quota {}\n", *node.cpu_quota);
  if (node.memory_limit) fmt::format_to(out, "memory limit {}\n", *node.memory_limit);
  fmt::format_to(out, "masked {} allowed {} objects {} {} {} {}\n", node.masked, node.allowed_cores,
                 node.numa_objects, node.l3_objects, node.core_objects, node.package_objects);
  for (const auto& correction : node.corrections) fmt::format_to(out, "{}\n", correction);
  return text;
}

}  // namespace shipyard::topology
