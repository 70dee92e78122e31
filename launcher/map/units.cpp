#include "launcher/map/units.hpp"

#include <algorithm>
#include <map>

namespace shipyard::launcher::map {
namespace {

using topology::NodeLayout;
using topology::NodeTopology;

bool may_use(const NodeLayout& layout, int rank, int cpu) {
  const auto& cpus = layout.ranks[static_cast<std::size_t>(rank)].cpus;
  return std::binary_search(cpus.begin(), cpus.end(), cpu);
}

/// Ranks share a core's threads where each has some of them for itself.
bool shares_threads(const NodeTopology& node, const NodeLayout& layout,
                    const std::vector<std::vector<int>>& ranks_of_core) {
  for (std::size_t core = 0; core < node.cores.size(); ++core) {
    const auto& ranks = ranks_of_core[core];
    if (ranks.size() < 2) continue;
    const auto& threads = node.cores[core].hardware_threads;
    return std::all_of(threads.begin(), threads.end(), [&](int cpu) {
      return std::count_if(ranks.begin(), ranks.end(), [&](int r) { return may_use(layout, r, cpu); }) <= 1;
    });
  }
  return false;
}

}  // namespace

Units::Units(const NodeTopology& node, const NodeLayout& layout, int first_rank) {
  std::vector<std::vector<int>> ranks_of_core(node.cores.size());
  if (layout.bound) {
    for (std::size_t rank = 0; rank < layout.ranks.size(); ++rank) {
      for (int core : layout.ranks[rank].cores) {
        ranks_of_core[static_cast<std::size_t>(core)].push_back(static_cast<int>(rank));
      }
    }
  }
  threads_ = shares_threads(node, layout, ranks_of_core);
  for (std::size_t index = 0; index < node.cores.size(); ++index) {
    const auto& core = node.cores[index];
    Unit unit{.cpus = core.hardware_threads,
              .ranks = ranks_of_core[index],
              .numa = core.numa,
              .cache = core.cache,
              .kind = core.kind};
    kinds_ = std::max(kinds_, core.kind + 1);
    if (!threads_) {
      units_.push_back(std::move(unit));
      continue;
    }
    for (int cpu : core.hardware_threads) {
      Unit thread = unit;
      thread.cpus = {cpu};
      thread.first_of_core = cpu == core.hardware_threads.front();
      std::erase_if(thread.ranks, [&](int rank) { return !may_use(layout, rank, cpu); });
      units_.push_back(std::move(thread));
    }
  }
  for (auto& unit : units_) {
    for (int& rank : unit.ranks) rank += first_rank;
  }
  find_neighbours();
}

void Units::find_neighbours() {
  std::map<int, std::size_t> last;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if (units_[i].ranks.empty()) continue;
    auto [found, is_new] = last.try_emplace(units_[i].ranks.front(), i);
    if (is_new) continue;
    units_[i].before = static_cast<int>(found->second);
    units_[found->second].behind = static_cast<int>(i);
    found->second = i;
  }
}

std::size_t Units::run_end(std::size_t begin, std::size_t limit) const {
  std::size_t end = begin + 1;
  while (!units_[begin].ranks.empty() && end < limit && units_[end].ranks == units_[begin].ranks) ++end;
  return end;
}

bool Units::same_cache(std::size_t one, std::size_t other) const {
  return units_[one].cache == units_[other].cache;
}

std::vector<int> Units::cpus(std::size_t begin, std::size_t end) const {
  std::vector<int> result;
  for (std::size_t i = begin; i < end; ++i) {
    result.insert(result.end(), units_[i].cpus.begin(), units_[i].cpus.end());
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace shipyard::launcher::map
