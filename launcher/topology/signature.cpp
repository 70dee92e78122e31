#include "launcher/topology/signature.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <string_view>

namespace shipyard::topology {
namespace {

/// Bump it when the text below or the meaning of the indexes in it changes: nodes may run other versions.
constexpr int kVersion = 1;

std::uint64_t to_gib(std::uint64_t bytes) { return (bytes + (1ULL << 29U)) >> 30U; }

/// One line a core and a domain, with the operating system's numbers.
std::string canonical_text(const NodeTopology& node) {
  std::string text;
  auto out = std::back_inserter(text);
  for (const auto& core : node.cores) {
    fmt::format_to(out, "core {} package {} numa {} cache {} kind {}\n",
                   fmt::join(core.hardware_threads, ","), core.package, core.numa, core.cache, core.kind);
  }
  for (const auto& numa : node.numa_domains)
    fmt::format_to(out, "numa {} GiB {}\n", numa.os_index, to_gib(numa.memory_bytes));
  for (const auto& cache : node.caches) fmt::format_to(out, "cache L{}\n", cache.level);
  // A quota counts in whole CPUs, and not at all where the cores are fewer; a limit above the memory is none.
  const auto cores = static_cast<double>(node.cores.size());
  const auto quota = std::floor(std::min(node.cpu_quota.value_or(cores), cores));
  fmt::format_to(out, "quota {} allowed {} masked {}\n", quota, node.allowed_cores, node.masked);
  fmt::format_to(out, "objects {} {} {} {}\n", node.numa_objects, node.l3_objects, node.core_objects,
                 node.package_objects);
  const auto memory =
      std::accumulate(node.numa_domains.begin(), node.numa_domains.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const NumaDomain& numa) { return sum + numa.memory_bytes; });
  if (node.memory_limit && (memory == 0 || *node.memory_limit < memory))
    fmt::format_to(out, "memory limit MiB {}\n", *node.memory_limit >> 20U);
  fmt::format_to(out, "corrections {}\n", node.corrections.size());
  return text;
}

/// FNV-1a, 64 bits (draft-eastlake-fnv): no adversary, and a launch compares some thousands of them.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    value ^= static_cast<unsigned char>(letter);
    value *= 0x100000001b3ULL;
  }
  return value;
}

}  // namespace

std::string signature(const NodeTopology& node) {
  return fmt::format("shipyard-{}-{:016x}", kVersion, hash(canonical_text(node)));
}

}  // namespace shipyard::topology
