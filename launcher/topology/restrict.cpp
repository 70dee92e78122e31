#include "launcher/topology/restrict.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace shipyard::topology {
namespace {

/// New indexes for old ones, in order of first appearance.
class Renumbering {
 public:
  explicit Renumbering(std::size_t size) : numbers_(size, -1) {}

  int operator()(int old_index) {
    int& number = numbers_[static_cast<std::size_t>(old_index)];
    if (number < 0) number = next_++;
    return number;
  }
  /// -1: left out.
  [[nodiscard]] int at(int old_index) const { return numbers_[static_cast<std::size_t>(old_index)]; }

  template <typename T>
  [[nodiscard]] std::vector<T> picked(const std::vector<T>& values) const {
    std::vector<T> result(static_cast<std::size_t>(next_));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (numbers_[i] >= 0) result[static_cast<std::size_t>(numbers_[i])] = values[i];
    }
    return result;
  }

 private:
  std::vector<int> numbers_;
  int next_ = 0;
};

struct NumberedCore {
  Core core;
  int old_index;
};

void renumber(std::vector<int>& indexes, const Renumbering& cores) {
  std::vector<int> result;
  for (int old_index : indexes) {
    if (cores.at(old_index) >= 0) result.push_back(cores.at(old_index));
  }
  std::sort(result.begin(), result.end());
  indexes = std::move(result);
}

/// Kinds 0, 2, 3 become 0, 1, 2.
void make_kinds_dense(std::vector<NumberedCore>& cores) {
  std::set<int> kinds;
  for (const auto& core : cores) kinds.insert(core.core.kind);
  for (auto& core : cores)
    core.core.kind = static_cast<int>(std::distance(kinds.begin(), kinds.find(core.core.kind)));
}

}  // namespace

NodeTopology restricted(const NodeTopology& node, const std::function<bool(int cpu)>& may_use) {
  std::vector<NumberedCore> cores;
  for (std::size_t i = 0; i < node.cores.size(); ++i) {
    Core core = node.cores[i];
    std::erase_if(core.hardware_threads, [&](int cpu) { return !may_use(cpu); });
    if (!core.hardware_threads.empty()) cores.push_back({std::move(core), static_cast<int>(i)});
  }
  make_kinds_dense(cores);

  Renumbering packages(node.packages.size());
  Renumbering numas(node.numa_domains.size());
  Renumbering caches(node.caches.size());
  for (auto& [core, ignored] : cores) {
    core.package = packages(core.package);
    core.numa = numas(core.numa);
    core.cache = caches(core.cache);
  }
  std::stable_sort(cores.begin(), cores.end(), [](const NumberedCore& left, const NumberedCore& right) {
    return std::tie(left.core.package, left.core.numa, left.core.cache) <
           std::tie(right.core.package, right.core.numa, right.core.cache);
  });
  const bool in_order = std::is_sorted(cores.begin(), cores.end(), [](const auto& left, const auto& right) {
    return left.old_index < right.old_index;
  });
  // Dense numbers in the new order: a package that came late may hold a domain that came early.
  NodeTopology result = node;
  result.reordered = node.reordered || !in_order;
  Renumbering new_cores(node.cores.size());
  Renumbering ordered_numas(node.numa_domains.size());
  Renumbering ordered_caches(node.caches.size());
  result.cores.clear();
  for (auto& [core, old_index] : cores) {
    new_cores(old_index);
    core.numa = ordered_numas(core.numa);
    core.cache = ordered_caches(core.cache);
    result.cores.push_back(std::move(core));
  }
  result.packages = packages.picked(node.packages);
  result.numa_domains = ordered_numas.picked(numas.picked(node.numa_domains));
  result.caches = ordered_caches.picked(caches.picked(node.caches));
  for (auto& domain : result.numa_domains) domain.package = packages.at(domain.package);
  for (auto& cache : result.caches) cache.numa = ordered_numas.at(numas.at(cache.numa));
  for (auto& gpu : result.gpus) renumber(gpu.near_cores, new_cores);
  for (auto& port : result.infiniband_ports) renumber(port.near_cores, new_cores);
  return result;
}

}  // namespace shipyard::topology
