#include "launcher/mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace shipyard::launcher {
namespace {

using topology::JobLayout;
using topology::NodeLayout;
using topology::NodeTopology;

/// The cores (indexes) of each rank of one node.
using CoreSets = std::vector<std::vector<int>>;
/// The cores (indexes) of each object that mpirun maps by, in logical order.
using Domains = std::vector<std::vector<int>>;

/// Nothing where mpirun counts objects that are no domains of the topology: it would put ranks on a memory
/// without CPUs, or refuse.
template <class MemberOf>
std::optional<Domains> domains(const NodeTopology& node, std::size_t count, int objects, MemberOf member_of) {
  if (objects != static_cast<int>(count)) return std::nullopt;
  Domains result(count);
  for (std::size_t core = 0; core < node.cores.size(); ++core) {
    result.at(static_cast<std::size_t>(member_of(node.cores[core]))).push_back(static_cast<int>(core));
  }
  return result;
}

std::optional<Domains> numa_domains(const NodeTopology& node) {
  const auto& all = node.numa_domains;
  if (std::any_of(all.begin(), all.end(), [](const auto& domain) { return domain.os_index < 0; }))
    return std::nullopt;
  return domains(node, all.size(), node.numa_objects, [](const auto& core) { return core.numa; });
}

/// mpirun does not see the corrections of a wrong guest map.
std::optional<Domains> l3_caches(const NodeTopology& node) {
  const auto& all = node.caches;
  if (!node.corrections.empty() ||
      std::any_of(all.begin(), all.end(), [](const auto& cache) { return cache.level != 3; }))
    return std::nullopt;
  return domains(node, all.size(), node.l3_objects, [](const auto& core) { return core.cache; });
}

std::optional<Domains> packages(const NodeTopology& node) {
  return domains(node, node.packages.size(), node.package_objects,
                 [](const auto& core) { return core.package; });
}

/// `ppr:N:…:pe=T` as Open MPI 4.1 and 5.0 carry it out: the ranks of a domain on its cores in turn, T each.
/// Where a domain is too small they spill over into the next one or fail, so nothing then.
std::optional<CoreSets> dealt_out(const Domains& domains, std::size_t ranks_per_domain, std::size_t width) {
  CoreSets result;
  for (const auto& cores : domains) {
    if (ranks_per_domain * width > cores.size()) return std::nullopt;
    for (std::size_t rank = 0; rank < ranks_per_domain; ++rank) {
      const auto first = cores.begin() + static_cast<std::ptrdiff_t>(rank * width);
      result.emplace_back(first, first + static_cast<std::ptrdiff_t>(width));
    }
  }
  return result;
}

/// `slot` with `--bind-to core`: rank after rank on core after core.
std::optional<CoreSets> in_turn(const NodeTopology& node, std::size_t ranks) {
  if (ranks > node.cores.size()) return std::nullopt;
  CoreSets result;
  for (std::size_t rank = 0; rank < ranks; ++rank) result.push_back({static_cast<int>(rank)});
  return result;
}

/// With `--bind-to core` a rank gets all hardware threads of its cores.
bool is_planned(const std::optional<CoreSets>& found, const NodeTopology& node, const NodeLayout& layout) {
  if (!found || found->size() != layout.ranks.size()) return false;
  return std::equal(found->begin(), found->end(), layout.ranks.begin(),
                    [&](const auto& cores, const auto& place) {
                      std::vector<int> cpus;
                      for (int core : cores) {
                        const auto& threads = node.cores[static_cast<std::size_t>(core)].hardware_threads;
                        cpus.insert(cpus.end(), threads.begin(), threads.end());
                      }
                      std::sort(cpus.begin(), cpus.end());
                      return cpus == place.cpus;
                    });
}

struct Candidate {
  std::string map_by;
  std::string why;
};

/// The first flags that give each of the layouts on nodes like this one (with `-n` the last node may have
/// fewer ranks than the others).
std::optional<Candidate> native_flags(mpi::Dialect dialect, const NodeTopology& node,
                                      const std::vector<const NodeLayout*>& layouts) {
  const auto all_planned = [&](const auto& outcome_for) {
    return std::all_of(layouts.begin(), layouts.end(), [&](const NodeLayout* layout) {
      return is_planned(outcome_for(*layout), node, *layout);
    });
  };
  if (all_planned([&](const NodeLayout& layout) { return in_turn(node, layout.ranks.size()); })) {
    return Candidate{"slot", "mpirun gives each rank the next core, as planned"};
  }
  const std::size_t ranks = layouts.front()->ranks.size();
  const std::size_t width = layouts.front()->ranks.front().cores.size();
  // Open MPI 5.0 calls "socket" deprecated, 4.1 does not know "package".
  const char* package = dialect == mpi::Dialect::kOpenMpi4 ? "socket" : "package";
  struct Level {
    const char* word;
    const char* name;
    std::optional<Domains> domains;
  };
  for (const Level& level :
       {Level{"numa", "NUMA domain", numa_domains(node)}, Level{"l3cache", "L3 cache", l3_caches(node)},
        Level{package, "package", packages(node)}}) {
    if (!level.domains || level.domains->empty()) continue;
    const std::size_t each = ranks / level.domains->size();
    if (all_planned([&](const NodeLayout&) { return dealt_out(*level.domains, each, width); })) {
      return Candidate{fmt::format("ppr:{}:{}:pe={}", each, level.word, width),
                       fmt::format("mpirun puts {} rank{} on each {}, {} core{} a rank, as planned", each,
                                   each == 1 ? "" : "s", level.name, width, width == 1 ? "" : "s")};
    }
  }
  return std::nullopt;
}

Mapping bound_by_rank(std::string_view because) {
  return {.map_by = "slot",
          .bind_to = "none",
          .binder = true,
          .why = fmt::format("shipyard-rank binds each rank: {}", because)};
}

}  // namespace

Mapping choose_mapping(mpi::Dialect dialect, const JobLayout& layout,
                       const std::vector<NodeTopology>& topologies, const std::vector<int>& node_topology) {
  std::set<int> used_layouts;
  std::set<int> used_topologies;
  for (std::size_t node = 0; node < layout.node_layout.size(); ++node) {
    if (layout.node_layout[node] < 0) continue;
    used_layouts.insert(layout.node_layout[node]);
    used_topologies.insert(node_topology.at(node));
  }
  std::vector<const NodeLayout*> layouts;
  for (int index : used_layouts) layouts.push_back(&layout.layouts.at(static_cast<std::size_t>(index)));

  const auto is_bound = [](const NodeLayout* one) { return one->bound; };
  if (std::none_of(layouts.begin(), layouts.end(), is_bound))
    return {.map_by = "slot", .bind_to = "none", .why = "the ranks are not bound"};
  if (mpi::is_hydra(dialect)) return bound_by_rank("MPICH and Intel MPI know different flags");
  // Open MPI 4.1 takes nodes with the same numbers of packages, caches, cores … for equal
  // (opal_hwloc_base_get_topo_signature) and maps the second on the topology of the first.
  if (used_topologies.size() > 1) return bound_by_rank("the nodes differ");
  if (!std::all_of(layouts.begin(), layouts.end(), is_bound))
    return bound_by_rank("on some nodes ranks share cores");
  const NodeTopology& node = topologies.at(static_cast<std::size_t>(*used_topologies.begin()));
  if (node.masked) return bound_by_rank("mpirun does not see this process's CPU affinity");
  if (node.core_objects != static_cast<int>(node.cores.size()))
    return bound_by_rank("mpirun sees other cores here");
  if (node.reordered) return bound_by_rank("mpirun counts the cores in another order");
  if (auto native = native_flags(dialect, node, layouts))
    return {.map_by = native->map_by, .bind_to = "core", .why = native->why};
  return bound_by_rank("no flags of mpirun give this layout");
}

}  // namespace shipyard::launcher
