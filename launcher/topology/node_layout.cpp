#include "launcher/topology/node_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace shipyard::topology {
namespace {

using Level = Domain::Level;

constexpr int kNoLimit = std::numeric_limits<int>::max();

std::string plural(int count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// "16 GiB", "800 MiB".
std::string size_text(std::uint64_t bytes) {
  const char* unit = "MiB";
  std::uint64_t amount = bytes >> 20;
  for (const char* larger : {"GiB", "TiB"}) {
    if (amount == 0 || amount % 1024 != 0) break;
    amount /= 1024;
    unit = larger;
  }
  return fmt::format("{} {}", amount, unit);
}

std::string cache_name(const NodeTopology& node) {
  return node.caches.empty() || node.caches[0].level == 0 ? "NUMA domain"
                                                          : fmt::format("L{} cache", node.caches[0].level);
}

int at_most(std::uint64_t value) { return static_cast<int>(std::min<std::uint64_t>(value, kNoLimit)); }

/// The part of `domain` below the cores in `wanted` (sorted): whole children where there are such.
std::optional<Domain> part_with(const Domain& domain, const std::vector<int>& units) {
  const auto covers = [&](const Domain& part) {
    return std::binary_search(units.begin(), units.end(), part.first) &&
           std::binary_search(units.begin(), units.end(), part.first + part.size - 1);
  };
  Domain result = domain;
  result.children.clear();
  result.size = 0;
  for (const auto& child : domain.children) {
    if (!covers(child)) continue;
    if (result.children.empty()) result.first = child.first;
    result.size += child.size;
    result.children.push_back(child);
  }
  if (result.size != static_cast<int>(units.size())) return std::nullopt;
  return result;
}

}  // namespace

NodePlanner::NodePlanner(const LayoutWish& wish, const NodeTopology& node) : wish_(wish), node_(node) {
  for (std::size_t i = 0; i < node.cores.size(); ++i) {
    if (wish.all_kinds || node.cores[i].kind == 0) cores_.push_back(static_cast<int>(i));
  }
  thread_units_ = wish.smt || mode() == Mode::kHardwareThread;
  tree_ = build_tree(node, cores_, thread_units_);
  if (!wish.memory_per_rank) return;
  // A rank that needs more than any domain has takes from several: then only the sum counts.
  const auto bytes_of = [&](const Domain& domain) {
    return node.numa_domains[static_cast<std::size_t>(domain.index)].memory_bytes;
  };
  const auto domains = tree_.domains(Level::kNuma);
  if (std::none_of(domains.begin(), domains.end(),
                   [&](const Domain* domain) { return bytes_of(*domain) >= *wish.memory_per_rank; }))
    return;
  for (auto& package : tree_.machine.children) {
    for (auto& domain : package.children) {
      if (const auto bytes = bytes_of(domain); bytes > 0)
        domain.rank_limit = at_most(bytes / *wish.memory_per_rank);
    }
  }
}

NodePlanner::Mode NodePlanner::mode() const {
  return wish_.ranks_per_node ? wish_.ranks_per_node->mode : Mode::kCore;
}

int NodePlanner::usable_cores() const {
  auto count = static_cast<int>(cores_.size());
  if (node_.cpu_quota) count = std::min(count, static_cast<int>(*node_.cpu_quota));
  return std::max(count, 1);
}

int NodePlanner::unit_limit() const {
  int count = tree_.machine.size;
  if (node_.cpu_quota) count = std::min(count, static_cast<int>(*node_.cpu_quota));
  return std::max(count, 1);
}

int NodePlanner::ranks_of_memory() const {
  if (!wish_.memory_per_rank) return kNoLimit;
  std::uint64_t bytes = 0;
  for (const auto& domain : node_.numa_domains) bytes += domain.memory_bytes;
  if (node_.memory_limit) bytes = bytes > 0 ? std::min(bytes, *node_.memory_limit) : *node_.memory_limit;
  if (bytes == 0) return kNoLimit;
  std::uint64_t in_domains = 0;
  for (const Domain* domain : tree_.domains(Level::kNuma))
    in_domains += static_cast<std::uint64_t>(std::min(domain->rank_limit, domain->size));
  return at_most(std::min(bytes / *wish_.memory_per_rank, in_domains));
}

int NodePlanner::whole_cores(int size) const {
  if (!thread_units_) return size;
  std::size_t width = std::numeric_limits<std::size_t>::max();
  for (int core : cores_)
    width = std::min(width, node_.cores[static_cast<std::size_t>(core)].hardware_threads.size());
  const auto threads = static_cast<int>(width);
  return size > threads ? size - size % threads : size;
}

int NodePlanner::size_given() const { return wish_.threads ? wish_.threads->value : 0; }

NodePlanner::Automatic NodePlanner::one_per_cache() const {
  const auto caches = tree_.domains(Level::kCache);
  const auto count = [&](int size) {
    return static_cast<int>(std::count_if(caches.begin(), caches.end(),
                                          [&](const Domain* cache) { return cache->size >= size; }));
  };
  if (const int size = size_given(); size > 0) return {count(size), size};
  Automatic best;
  for (const Domain* cache : caches) {
    const int size = cache->size;
    const int product = size * count(size);
    const int best_product = best.size * best.ranks;
    if (product > best_product || (product == best_product && size < best.size)) best = {count(size), size};
  }
  return best;
}

std::vector<Domain> NodePlanner::domains_of(Level level) const {
  std::vector<Domain> result;
  for (const Domain* domain : tree_.domains(level)) {
    const auto os_index = [&](const Domain& one) {
      return node_.numa_domains[static_cast<std::size_t>(one.index)].os_index;
    };
    if (level == Level::kNuma && !result.empty() && os_index(*domain) >= 0 &&
        os_index(result.back()) == os_index(*domain)) {
      auto& children = result.back().children;
      children.insert(children.end(), domain->children.begin(), domain->children.end());
      result.back().size += domain->size;
    } else {
      result.push_back(*domain);
    }
  }
  return result;
}

NodePlanner::Automatic NodePlanner::one_per_domain(const std::vector<Domain>& domains) const {
  int size = size_given();
  if (size == 0) {
    size = kNoLimit;
    for (const auto& domain : domains) size = std::min(size, domain.size);
  }
  return {static_cast<int>(domains.size()), size};
}

NodePlanner::Automatic NodePlanner::one_per_gpu() const {
  Automatic result{static_cast<int>(node_.gpus.size()), size_given()};
  if (result.ranks == 0 || result.size > 0) return result;
  std::vector<GpuPlace> near = gpu_places();
  std::vector<std::pair<const Domain*, int>> domains;
  for (const auto& place : near) domains.emplace_back(&place.domain, static_cast<int>(place.gpus.size()));
  result.size = std::max(1, largest_size(domains, std::max(1, unit_limit() / result.ranks)));
  return result;
}

NodePlanner::Automatic NodePlanner::automatic() const {
  Automatic result;
  switch (mode()) {
    case Mode::kNumber:
      return {wish_.ranks_per_node->number, size_given()};
    case Mode::kGpu:
      return one_per_gpu();
    case Mode::kL3:
      result = one_per_cache();
      break;
    case Mode::kNuma:
      result = one_per_domain(domains_of(Level::kNuma));
      break;
    case Mode::kSocket:
      result = one_per_domain(domains_of(Level::kPackage));
      break;
    case Mode::kCore:
    case Mode::kHardwareThread: {
      const int size = std::max(1, size_given());
      return {most_ranks(tree_, size, std::min(unit_limit() / size, ranks_of_memory())), size};
    }
  }
  result.ranks = std::min({result.ranks, ranks_of_memory(), unit_limit()});
  if (result.ranks > 0 && size_given() == 0)
    result.size = std::min(result.size, std::max(1, unit_limit() / result.ranks));
  return result;
}

Result<int> NodePlanner::ranks_of_mode() const {
  const Automatic found = automatic();
  if (found.ranks > 0) return found.ranks;
  if (mode() == Mode::kGpu) {
    return input_error(fmt::format("{}: this node has no GPU", wish_.ranks_per_node->origin),
                       "is the container started with --gpus all?");
  }
  if (ranks_of_memory() == 0) {
    return input_error(fmt::format("--mem-per-rank: this node has no {} for even one rank",
                                   size_text(*wish_.memory_per_rank)),
                       "ask for less memory a rank");
  }
  return do_not_fit(1, std::max(1, size_given()));
}

std::string NodePlanner::mode_text() const {
  if (!wish_.ranks_per_node) {
    std::string text = fmt::format("one on each of this node's {}", room_text());
    if (const int size = size_given(); size > 1)
      text = fmt::format("as many of {} as fit ({})", units_text(size), wish_.threads->origin);
    if (ranks_of_memory() < unit_limit()) text += ", as far as its memory goes (--mem-per-rank)";
    return text;
  }
  const std::string& origin = wish_.ranks_per_node->origin;
  const auto domains = [&](Level level) { return static_cast<int>(domains_of(level).size()); };
  switch (mode()) {
    case Mode::kNumber:
      return fmt::format("{} on every node ({})", wish_.ranks_per_node->number, origin);
    case Mode::kCore:
      return fmt::format("one on each of this node's {} ({})", room_text(), origin);
    case Mode::kHardwareThread:
      return fmt::format("one on each of {} ({})", units_text(unit_limit()), origin);
    case Mode::kL3:
      return fmt::format("one on each of {} that hold {} ({})", plural(automatic().ranks, cache_name(node_)),
                         units_text(automatic().size), origin);
    case Mode::kNuma:
      return fmt::format("one on each of {} ({})", plural(domains(Level::kNuma), "NUMA domain"), origin);
    case Mode::kSocket:
      return fmt::format("one on each of {} ({})", plural(domains(Level::kPackage), "socket"), origin);
    case Mode::kGpu:
      return fmt::format("one for each of {} ({})", plural(static_cast<int>(node_.gpus.size()), "GPU"),
                         origin);
  }
  return {};
}

Result<int> NodePlanner::rank_size(int ranks) const {
  if (ranks > ranks_of_memory()) {
    return input_error(fmt::format("{} ranks of {} each (--mem-per-rank) on a node that has room for {}",
                                   ranks, size_text(*wish_.memory_per_rank), ranks_of_memory()),
                       "ask for fewer ranks on a node, or less memory a rank");
  }
  int size = size_given();
  if (size == 0) {
    const bool counted = mode() != Mode::kNumber && wish_.ranks_per_node.has_value();
    const bool by_number = mode() == Mode::kNumber || (wish_.ranks && !counted) || wish_.auto_threads;
    if (counted && mode() != Mode::kCore && mode() != Mode::kHardwareThread) {
      size = automatic().size;
    } else {
      size = by_number && !counted ? largest_size(tree_, ranks, std::max(1, unit_limit() / ranks)) : 1;
    }
    size = whole_cores(std::max(1, size));
  }
  if (static_cast<std::int64_t>(ranks) * size > unit_limit() && !wish_.oversubscribe) {
    return do_not_fit(ranks, size);
  }
  return size;
}

std::vector<int> NodePlanner::cores_of(const std::vector<int>& units) const {
  std::set<int> cores;
  for (int unit : units) cores.insert(tree_.units[static_cast<std::size_t>(unit)].core);
  return {cores.begin(), cores.end()};
}

std::vector<int> NodePlanner::bound_cpus(const std::vector<int>& units) const {
  std::set<int> cpus;
  const std::vector<int> own = cores_of(units);
  const auto same_domain = [&](int core, auto member) {
    const Core& other = node_.cores[static_cast<std::size_t>(core)];
    return std::any_of(own.begin(), own.end(), [&](int index) {
      return node_.cores[static_cast<std::size_t>(index)].*member == other.*member;
    });
  };
  const auto add_domain = [&](auto member) {
    for (int core : cores_) {
      if (!same_domain(core, member)) continue;
      const auto& threads = node_.cores[static_cast<std::size_t>(core)].hardware_threads;
      cpus.insert(threads.begin(), threads.end());
    }
  };
  switch (wish_.bind_to) {
    case BindTo::kL3:
      add_domain(&Core::cache);
      break;
    case BindTo::kNuma:
      add_domain(&Core::numa);
      break;
    case BindTo::kSocket:
      add_domain(&Core::package);
      break;
    case BindTo::kHardwareThread:
      for (int unit : units) cpus.insert(tree_.units[static_cast<std::size_t>(unit)].cpus[0]);
      break;
    case BindTo::kCore:
      for (int unit : units) {
        const auto& own_cpus = tree_.units[static_cast<std::size_t>(unit)].cpus;
        cpus.insert(own_cpus.begin(), own_cpus.end());
      }
      break;
    case BindTo::kNone:
      for (const auto& core : node_.cores)
        cpus.insert(core.hardware_threads.begin(), core.hardware_threads.end());
      break;
  }
  return {cpus.begin(), cpus.end()};
}

std::vector<NodePlanner::GpuPlace> NodePlanner::gpu_places() const {
  const auto domains = tree_.domains(Level::kNuma);
  // Units near each GPU, and the NUMA domain that they are in.
  std::vector<std::vector<int>> near(node_.gpus.size());
  std::vector<std::size_t> home(node_.gpus.size(), domains.size());
  for (std::size_t i = 0; i < node_.gpus.size(); ++i) {
    const auto& cores = node_.gpus[i].near_cores;
    for (std::size_t unit = 0; unit < tree_.units.size(); ++unit) {
      if (std::find(cores.begin(), cores.end(), tree_.units[unit].core) != cores.end())
        near[i].push_back(static_cast<int>(unit));
    }
    for (std::size_t d = 0; d < domains.size() && !near[i].empty(); ++d) {
      const int end = domains[d]->first + domains[d]->size;
      if (near[i].front() >= domains[d]->first && near[i].back() < end) home[i] = d;
    }
  }
  // One that is near to several domains, or whose place is unknown: where the fewest GPUs are for the cores.
  std::vector<int> load(domains.size(), 0);
  for (std::size_t d : home) {
    if (d < domains.size()) ++load[d];
  }
  for (std::size_t i = 0; i < home.size(); ++i) {
    if (home[i] < domains.size()) continue;
    for (std::size_t d = 0; d < domains.size(); ++d) {
      const auto in_domain = [&](int unit) {
        return unit >= domains[d]->first && unit < domains[d]->first + domains[d]->size;
      };
      if (!near[i].empty() && std::none_of(near[i].begin(), near[i].end(), in_domain)) continue;
      if (home[i] == domains.size() ||
          (load[d] + 1) * domains[home[i]]->size < (load[home[i]] + 1) * domains[d]->size)
        home[i] = d;
    }
    ++load[home[i]];
    near[i].clear();
  }
  // Finer than the domain (some of its caches) only where all its GPUs say so and none of them overlap.
  std::vector<GpuPlace> result;
  for (std::size_t d = 0; d < domains.size(); ++d) {
    std::map<std::vector<int>, std::vector<int>> by_units;
    std::vector<int> all;
    bool finer = true;
    for (std::size_t i = 0; i < home.size(); ++i) {
      if (home[i] != d) continue;
      by_units[near[i]].push_back(static_cast<int>(i));
      all.push_back(static_cast<int>(i));
    }
    if (all.empty()) continue;
    std::vector<GpuPlace> parts;
    int covered = -1;
    for (const auto& [units, gpus] : by_units) {
      auto part = units.empty() || units.front() <= covered ? std::nullopt : part_with(*domains[d], units);
      finer = finer && part;
      if (!finer) break;
      covered = units.back();
      parts.push_back({std::move(*part), gpus});
    }
    if (!finer) parts = {{*domains[d], all}};
    result.insert(result.end(), parts.begin(), parts.end());
  }
  return result;
}

std::optional<Places> NodePlanner::places_at_gpus(int ranks, int size, std::vector<int>& gpus) const {
  std::map<int, std::vector<int>> by_gpu;
  for (const auto& [domain, near] : gpu_places()) {
    auto found = place_inside(domain, static_cast<int>(near.size()), size);
    if (!found) return std::nullopt;
    for (std::size_t i = 0; i < near.size(); ++i) by_gpu[near[i]] = (*found)[i];
  }
  Places result;
  for (auto& [gpu, units] : by_gpu) {
    if (static_cast<int>(result.size()) == ranks) break;
    result.push_back(std::move(units));
    gpus.push_back(gpu);
  }
  if (static_cast<int>(result.size()) < ranks) return std::nullopt;
  return result;
}

std::optional<Places> NodePlanner::places_of_domains(Level level, int size) const {
  Places result;
  for (const auto& domain : domains_of(level)) {
    if (level == Level::kCache && domain.size < size) continue;
    auto found = place_inside(domain, 1, size);
    if (!found) return std::nullopt;
    result.push_back((*found)[0]);
  }
  return result;
}

std::optional<Places> NodePlanner::places(int ranks, int size, std::vector<int>& gpus) const {
  if (mode() == Mode::kGpu) return places_at_gpus(ranks, size, gpus);
  std::optional<Places> found;
  if (mode() == Mode::kL3) found = places_of_domains(Level::kCache, size);
  if (mode() == Mode::kNuma) found = places_of_domains(Level::kNuma, size);
  if (mode() == Mode::kSocket) found = places_of_domains(Level::kPackage, size);
  // Fewer than one on each (-n, a quota): spread like any other number.
  if (found && static_cast<int>(found->size()) == ranks) return found;
  return place_ranks(tree_, ranks, size);
}

Result<NodeLayout> NodePlanner::place(int ranks, int size) const {
  NodeLayout layout;
  layout.usable_cores = usable_cores();
  layout.threads = size;
  layout.shares_cores = static_cast<std::int64_t>(ranks) * size > unit_limit();
  layout.bound = wish_.bind_to != BindTo::kNone && !layout.shares_cores;
  if (layout.shares_cores) {
    std::vector<int> cpus;
    for (const auto& core : node_.cores)
      cpus.insert(cpus.end(), core.hardware_threads.begin(), core.hardware_threads.end());
    std::sort(cpus.begin(), cpus.end());
    layout.ranks.assign(static_cast<std::size_t>(ranks), RankPlace{{}, cpus, -1});
    layout.reason = fmt::format("{} of {} share {}", plural(ranks, "rank"), units_text(size), room_text());
    return layout;
  }
  std::vector<int> gpus;
  auto found = places(ranks, size, gpus);
  if (!found) return do_not_fit(ranks, size);
  for (std::size_t i = 0; i < found->size(); ++i) {
    layout.ranks.push_back({cores_of((*found)[i]), bound_cpus((*found)[i]), i < gpus.size() ? gpus[i] : -1});
  }
  layout.reason = fmt::format("{} of {}{}", plural(ranks, "rank"), units_text(size), where_text(*found));
  layout.idle_cores = std::max(0, usable_cores() - (thread_units_ ? 0 : ranks * size));
  if (thread_units_) {
    std::set<int> used;
    for (const auto& rank : layout.ranks) used.insert(rank.cores.begin(), rank.cores.end());
    layout.idle_cores = std::max(0, usable_cores() - static_cast<int>(used.size()));
  }
  add_notes(ranks, size, layout);
  return layout;
}

std::string NodePlanner::units_text(int count) const {
  return plural(count, thread_units_ ? "hardware thread" : "core");
}

std::string NodePlanner::room_text() const {
  std::string text = units_text(unit_limit());
  if (unit_limit() < tree_.machine.size) {
    text += fmt::format(" (CPU quota {:g} of {})", *node_.cpu_quota, tree_.machine.size);
  } else if (static_cast<int>(node_.cores.size()) < node_.allowed_cores) {
    text += fmt::format(" (CPU affinity allows {} of {})", node_.cores.size(), node_.allowed_cores);
  } else if (cores_.size() < node_.cores.size()) {
    text += fmt::format(" ({} slower ones left out)", node_.cores.size() - cores_.size());
  }
  return text;
}

std::string NodePlanner::where_text(const Places& places) const {
  const auto domains_of = [&](const std::vector<int>& units, auto member) {
    std::set<int> found;
    for (int core : cores_of(units)) found.insert(node_.cores[static_cast<std::size_t>(core)].*member);
    return found;
  };
  const auto all_inside_one = [&](auto member) {
    return std::all_of(places.begin(), places.end(),
                       [&](const auto& units) { return domains_of(units, member).size() == 1; });
  };
  if (tree_.domains(Level::kCache).size() > 1 && all_inside_one(&Core::cache))
    return fmt::format(", each inside one {}", cache_name(node_));
  std::map<int, int> owners;
  bool several = false;
  for (const auto& units : places) {
    const auto caches = domains_of(units, &Core::cache);
    several = several || caches.size() > 1;
    for (int cache : caches) ++owners[cache];
  }
  const bool shared =
      std::any_of(owners.begin(), owners.end(), [](const auto& owner) { return owner.second > 1; });
  std::string text;
  if (several) {
    text = shared ? fmt::format(", across {}s: {}", cache_name(node_),
                                size_given() > 0 ? "so many do not fit into whole ones"
                                                 : "whole ones would idle too many cores")
                  : fmt::format(", each with whole {}s of its own", cache_name(node_));
  }
  if (tree_.domains(Level::kNuma).size() > 1) {
    text += all_inside_one(&Core::numa)      ? ", inside one NUMA domain"
            : all_inside_one(&Core::package) ? ", inside one socket"
                                             : ", over several sockets";
  }
  return text;
}

Error NodePlanner::do_not_fit(int ranks, int size) const {
  const char* hint = "ask for fewer ranks, or let them share cores with --oversubscribe";
  if (static_cast<std::int64_t>(ranks) * size > unit_limit()) {
    if (size == 1) {
      return input_error(fmt::format("{} on a node that has {}", plural(ranks, "rank"), room_text()), hint);
    }
    return input_error(
        fmt::format("{} of {} need{} {}, on a node that has {}", plural(ranks, "rank"), units_text(size),
                    ranks == 1 ? "s" : "", static_cast<std::int64_t>(ranks) * size, room_text()),
        "ask for fewer ranks or threads, or let them share cores with --oversubscribe");
  }
  const auto domains = tree_.domains(Level::kNuma);
  int most = 0;
  for (const Domain* domain : domains) most += std::min(domain->size / size, domain->rank_limit);
  return input_error(
      fmt::format("{} of {} do not fit {} without one that crosses domains", plural(ranks, "rank"),
                  units_text(size), plural(static_cast<int>(domains.size()), "NUMA domain")),
      fmt::format("{} on a node fit, or leave out --threads", plural(most, "such rank")));
}

void NodePlanner::add_notes(int ranks, int size, NodeLayout& layout) const {
  if (cores_.size() < node_.cores.size()) {
    layout.notes.push_back(fmt::format(
        "{} of the slower kind left idle: MPI waits for the slowest rank (--core-kind all uses them)",
        plural(static_cast<int>(node_.cores.size() - cores_.size()), "core")));
  }
  if (layout.idle_cores == 0) return;
  std::string note = fmt::format("{} of {} idle", layout.idle_cores, plural(layout.usable_cores, "core"));
  // The nearest number of ranks that leaves fewer idle.
  const int used = ranks * size;
  const auto better = [&](int count) {
    if (count < 1 || count > std::min(unit_limit(), ranks_of_memory())) return 0;
    const int its = size_given() > 0 ? size : whole_cores(largest_size(tree_, count, unit_limit() / count));
    return count * its > used && count * its <= unit_limit() && place_ranks(tree_, count, its) ? count * its
                                                                                               : 0;
  };
  for (int distance = 1; distance <= unit_limit() && mode() != Mode::kGpu; ++distance) {
    const int fewer = better(ranks - distance);
    const int more = better(ranks + distance);
    if (fewer == 0 && more == 0) continue;
    const int count = more >= fewer ? ranks + distance : ranks - distance;
    note += fmt::format("; {} would use {}", plural(count, "rank"), std::max(more, fewer));
    break;
  }
  layout.notes.push_back(note);
}

}  // namespace shipyard::topology
