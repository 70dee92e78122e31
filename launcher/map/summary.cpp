#include "launcher/map/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace shipyard::launcher::map {
namespace {

using topology::NodeLayout;
using topology::NodeTopology;
using topology::RankPlace;

/// " of 96 MiB", or the sum where they differ.
std::string sizes_text(const std::vector<std::uint64_t>& sizes) {
  const auto sum = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  if (sum == 0) return {};
  if (alike(sizes)) return " of " + bytes_text(*std::max_element(sizes.begin(), sizes.end()));
  return fmt::format(", {} together", bytes_text(sum));
}

std::string packages_text(const NodeTopology& node, const Glyphs& glyphs) {
  std::set<std::string> models;
  for (const auto& package : node.packages) models.insert(package.model);
  if (models.size() != 1 || models.begin()->empty()) return count_text(node.packages.size(), "package");
  const std::string model = short_model(*models.begin());
  return node.packages.size() == 1 ? model
                                   : fmt::format("{} {} {}", node.packages.size(), glyphs.times, model);
}

std::string cores_text(const NodeTopology& node) {
  std::set<std::size_t> threads;
  for (const auto& core : node.cores) threads.insert(core.hardware_threads.size());
  std::string text = count_text(node.cores.size(), "core");
  if (threads.size() == 1 && *threads.begin() > 1) text += fmt::format(" of {} threads", *threads.begin());
  return text;
}

/// What a rank's own cores lie in.
struct Extent {
  std::set<int> cpus, caches, domains, packages;

  Extent(const NodeTopology& node, const RankPlace& rank) {
    for (int index : rank.cores) {
      const auto& core = node.cores[static_cast<std::size_t>(index)];
      cpus.insert(core.hardware_threads.begin(), core.hardware_threads.end());
      caches.insert(core.cache);
      domains.insert(core.numa);
      packages.insert(core.package);
    }
  }
};

std::string size_item(const NodeLayout& layout, const std::vector<int>& ranks, const Units& units) {
  const auto size = [&](const RankPlace& rank) {
    return units.are_threads() ? rank.cpus.size() : rank.cores.size();
  };
  const auto [least, most] = std::minmax_element(
      layout.ranks.begin(), layout.ranks.end(),
      [&](const RankPlace& left, const RankPlace& right) { return size(left) < size(right); });
  std::string text = ranks_text(ranks) + ", ";
  if (size(*least) != size(*most)) text += fmt::format("{} to ", size(*least));
  text += count_text(size(*most), units.are_threads() ? "hardware thread" : "core");
  return ranks.size() > 1 ? text + " each" : text;
}

void add_span_items(const NodeTopology& node, const NodeLayout& layout, int first_rank,
                    std::vector<std::string>& items) {
  std::vector<int> over_domains;
  std::vector<int> over_caches;
  for (std::size_t rank = 0; rank < layout.ranks.size(); ++rank) {
    const Extent extent(node, layout.ranks[rank]);
    if (extent.domains.size() > 1) {
      over_domains.push_back(first_rank + static_cast<int>(rank));
    } else if (extent.caches.size() > 1) {
      over_caches.push_back(first_rank + static_cast<int>(rank));
    }
  }
  constexpr std::size_t kReadable = 24;
  const auto add = [&](const std::vector<int>& ranks, const char* what) {
    if (ranks.empty()) return;
    std::string who = ranks_text(ranks);
    // A long list says less than its length.
    if (who.size() > kReadable) who = count_text(ranks.size(), "rank");
    if (ranks.size() == layout.ranks.size() && ranks.size() > 1) who = "each";
    items.push_back(fmt::format("{} over several {}", who, what));
  };
  add(over_domains, "NUMA domains");
  const int level = common_cache_level(node);
  add(over_caches, level > 0 ? cache_name(level) : "caches");
}

/// Where the CPUs that ranks are bound to are not just their own cores.
std::string binding_item(const NodeTopology& node, const NodeLayout& layout, const Units& units) {
  bool wider = false;
  bool narrower = false;
  bool in_cache = true;
  bool in_domain = true;
  bool in_package = true;
  for (const auto& rank : layout.ranks) {
    const Extent own(node, rank);
    const auto count = static_cast<std::size_t>(
        std::count_if(rank.cpus.begin(), rank.cpus.end(), [&](int cpu) { return own.cpus.contains(cpu); }));
    wider = wider || count < rank.cpus.size();
    narrower = narrower || count < own.cpus.size();
    for (const auto& core : node.cores) {
      for (int cpu : core.hardware_threads) {
        if (!std::binary_search(rank.cpus.begin(), rank.cpus.end(), cpu)) continue;
        in_cache = in_cache && own.caches.contains(core.cache);
        in_domain = in_domain && own.domains.contains(core.numa);
        in_package = in_package && own.packages.contains(core.package);
      }
    }
  }
  if (wider) {
    const int level = common_cache_level(node);
    const char* limit = in_cache && level != 0 ? (level > 0 ? cache_name(level) : "cache")
                        : in_domain            ? "NUMA domain"
                        : in_package           ? "package"
                                               : "node";
    return fmt::format("each may move within its {}", limit);
  }
  return narrower && !units.are_threads() ? "on one hardware thread of each core" : "";
}

}  // namespace

bool alike(const std::vector<std::uint64_t>& sizes) {
  if (sizes.empty()) return true;
  const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
  return static_cast<double>(*most - *least) <= 0.03 * static_cast<double>(*most);
}

int common_cache_level(const NodeTopology& node) {
  const int level = node.caches.empty() ? 0 : node.caches.front().level;
  return std::all_of(node.caches.begin(), node.caches.end(),
                     [&](const auto& cache) { return cache.level == level; })
             ? level
             : -1;
}

std::vector<std::string> node_items(const NodeTopology& node, const Glyphs& glyphs) {
  std::vector<std::string> items = {packages_text(node, glyphs), cores_text(node)};
  std::vector<std::uint64_t> memories;
  for (const auto& domain : node.numa_domains) memories.push_back(domain.memory_bytes);
  items.push_back(fmt::format("{} NUMA{}", memories.size(), sizes_text(memories)));
  std::map<int, std::vector<std::uint64_t>, std::greater<>> caches;
  for (const auto& cache : node.caches) {
    if (cache.level > 0) caches[cache.level].push_back(cache.bytes);
  }
  for (const auto& [level, sizes] : caches) {
    items.push_back(fmt::format("{} L{}{}", sizes.size(), level, sizes_text(sizes)));
  }
  if (!node.gpus.empty()) items.push_back(count_text(node.gpus.size(), "GPU"));
  return items;
}

std::vector<std::string> rank_items(const NodeTopology& node, const NodeLayout& layout, int first_rank,
                                    const Units& units) {
  if (layout.ranks.empty()) return {"no rank"};
  std::vector<int> ranks(layout.ranks.size());
  std::iota(ranks.begin(), ranks.end(), first_rank);
  if (!layout.bound) return {ranks_text(ranks) + ", not bound: any of them may run on any of these cores"};

  std::vector<std::string> items = {size_item(layout, ranks, units)};
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].ranks.size() < 2) continue;
    items.emplace_back("ranks share cores");
    break;
  }
  const auto usable = static_cast<std::size_t>(layout.usable_cores);
  if (layout.idle_cores > 0) {
    items.push_back(fmt::format("{} of {} idle", layout.idle_cores, count_text(usable, "core")));
  }
  if (usable < node.cores.size()) {
    const bool quota = node.cpu_quota && *node.cpu_quota < static_cast<double>(usable + 1);
    items.push_back(fmt::format("{} not used ({})", count_text(node.cores.size() - usable, "core"),
                                quota ? "CPU quota" : "slower"));
  }
  add_span_items(node, layout, first_rank, items);
  if (auto bound = binding_item(node, layout, units); !bound.empty()) items.push_back(bound);
  return items;
}

}  // namespace shipyard::launcher::map
