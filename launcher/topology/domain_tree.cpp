#include "launcher/topology/domain_tree.hpp"

namespace shipyard::topology {
namespace {

/// The last child of `parent` if it is the one wanted, otherwise a new one that begins at unit `first`.
Domain& child(Domain& parent, Domain::Level level, int index, int first) {
  if (parent.children.empty() || parent.children.back().index != index)
    parent.children.push_back({.level = level, .index = index, .first = first});
  return parent.children.back();
}

void collect(const Domain& domain, Domain::Level level, std::vector<const Domain*>& result) {
  if (domain.level == level) {
    result.push_back(&domain);
    return;
  }
  for (const auto& part : domain.children) collect(part, level, result);
}

}  // namespace

std::vector<const Domain*> DomainTree::domains(Domain::Level level) const {
  std::vector<const Domain*> result;
  collect(machine, level, result);
  return result;
}

DomainTree build_tree(const NodeTopology& node, const std::vector<int>& cores, bool hardware_threads) {
  DomainTree tree;
  for (int index : cores) {
    const Core& core = node.cores[static_cast<std::size_t>(index)];
    const auto first = static_cast<int>(tree.units.size());
    if (hardware_threads) {
      for (int cpu : core.hardware_threads) tree.units.push_back({index, {cpu}});
    } else {
      tree.units.push_back({index, core.hardware_threads});
    }
    const int added = static_cast<int>(tree.units.size()) - first;
    Domain& package = child(tree.machine, Domain::Level::kPackage, core.package, first);
    Domain& numa = child(package, Domain::Level::kNuma, core.numa, first);
    Domain& cache = child(numa, Domain::Level::kCache, core.cache, first);
    for (Domain* domain : {&tree.machine, &package, &numa, &cache}) domain->size += added;
    if (hardware_threads) child(cache, Domain::Level::kCore, index, first).size += added;
  }
  const auto numas = tree.domains(Domain::Level::kNuma);
  for (std::size_t i = 1; i < numas.size(); ++i) {
    const int os_index = node.numa_domains[static_cast<std::size_t>(numas[i]->index)].os_index;
    const int before = node.numa_domains[static_cast<std::size_t>(numas[i - 1]->index)].os_index;
    tree.memory_spans_packages = tree.memory_spans_packages || (os_index >= 0 && os_index == before);
  }
  return tree;
}

}  // namespace shipyard::topology
