#include "launcher/mapping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace shipyard::launcher {
namespace {

using mpi::Dialect;
using testing::HasSubstr;
using topology::JobLayout;
using topology::NodeLayout;
using topology::NodeTopology;

struct Shape {
  int packages = 1;
  int numa = 1;                  ///< per package
  std::vector<int> caches = {};  ///< cores of each L3 of a NUMA domain
  int threads = 1;               ///< hardware threads per core, numbered as AMD's: 0 and N, 1 and N + 1, …
};

/// As hwloc and mpirun see such a machine, with nothing unusual about it.
NodeTopology node(const Shape& shape) {
  NodeTopology result;
  for (int package = 0; package < shape.packages; ++package) {
    result.packages.emplace_back();
    for (int numa = 0; numa < shape.numa; ++numa) {
      const int domain = static_cast<int>(result.numa_domains.size());
      result.numa_domains.push_back({.os_index = domain, .package = package});
      for (int cores : shape.caches) {
        const int cache = static_cast<int>(result.caches.size());
        result.caches.push_back({.numa = domain, .level = 3});
        for (int i = 0; i < cores; ++i)
          result.cores.push_back({.package = package, .numa = domain, .cache = cache});
      }
    }
  }
  const int count = static_cast<int>(result.cores.size());
  for (int core = 0; core < count; ++core) {
    for (int thread = 0; thread < shape.threads; ++thread)
      result.cores[core].hardware_threads.push_back(core + thread * count);
  }
  result.allowed_cores = result.core_objects = count;
  result.numa_objects = static_cast<int>(result.numa_domains.size());
  result.l3_objects = static_cast<int>(result.caches.size());
  result.package_objects = static_cast<int>(result.packages.size());
  return result;
}

/// HB120rs_v3: L3 caches of 8, 8, 8 and 6 cores, two NUMA domains of 30 in each of two packages.
NodeTopology hb120() { return node({.packages = 2, .numa = 2, .caches = {8, 8, 8, 6}}); }

/// Each rank on so many cores from the first one of its own on, with all their threads.
NodeLayout ranks_from(const NodeTopology& on, const std::vector<int>& first_cores, int width) {
  NodeLayout result{.threads = width};
  for (int first : first_cores) {
    topology::RankPlace place;
    for (int core = first; core < first + width; ++core) {
      place.cores.push_back(core);
      const auto& threads = on.cores.at(core).hardware_threads;
      place.cpus.insert(place.cpus.end(), threads.begin(), threads.end());
    }
    std::sort(place.cpus.begin(), place.cpus.end());
    result.ranks.push_back(place);
  }
  return result;
}

NodeLayout first_cores(const NodeTopology& on, int ranks) {
  std::vector<int> first(ranks);
  for (int i = 0; i < ranks; ++i) first[i] = i;
  return ranks_from(on, first, 1);
}

Mapping choose(Dialect dialect, const NodeTopology& on, const NodeLayout& layout) {
  return choose_mapping(dialect, {.node_layout = {0}, .layouts = {layout}}, {on}, {0});
}

Mapping choose(const NodeTopology& on, const NodeLayout& layout) {
  return choose(Dialect::kOpenMpi4, on, layout);
}

/// "ppr:1:numa:pe=30 core", or the binder.
std::string words(const Mapping& mapping) {
  return mapping.map_by + ' ' + mapping.bind_to + (mapping.binder ? " binder" : "");
}

constexpr const char* kBinder = "slot none binder";

TEST(ChooseMapping, TakesSlotsForARankOnEveryCore) {
  const auto on = hb120();
  EXPECT_EQ(words(choose(on, first_cores(on, 120))), "slot core");
  EXPECT_EQ(words(choose(Dialect::kOpenMpi5, on, first_cores(on, 120))), "slot core");
}

TEST(ChooseMapping, TakesSlotsForRanksOnTheFirstCores) {
  const auto on = hb120();
  EXPECT_EQ(words(choose(on, first_cores(on, 7))), "slot core");
}

TEST(ChooseMapping, BindsByRankWhereARankHasNotTheNextCore) {
  const auto on = hb120();
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 1, 3}, 1))), kBinder);
}

TEST(ChooseMapping, MapsByNuma) {
  const auto on = hb120();
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 30, 60, 90}, 30))), "ppr:1:numa:pe=30 core");
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 5, 30, 35, 60, 65, 90, 95}, 5))), "ppr:2:numa:pe=5 core");
}

TEST(ChooseMapping, MapsByL3WhereCachesDifferInSize) {
  const auto on = hb120();
  std::vector<int> first;
  for (int domain : {0, 30, 60, 90}) {
    for (int cache : {0, 8, 16, 24}) first.push_back(domain + cache);
  }
  EXPECT_EQ(words(choose(on, ranks_from(on, first, 6))), "ppr:1:l3cache:pe=6 core");
  EXPECT_EQ(words(choose(Dialect::kOpenMpi5, on, ranks_from(on, first, 6))), "ppr:1:l3cache:pe=6 core");
}

TEST(ChooseMapping, PrefersNumaToL3WhereBothFit) {
  const auto on = node({.packages = 2, .caches = {4, 4}});
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 4, 8, 12}, 4))), "ppr:2:numa:pe=4 core");
}

TEST(ChooseMapping, CallsPackagesAsEachOpenMpiDoes) {
  const auto on = hb120();
  EXPECT_EQ(words(choose(Dialect::kOpenMpi4, on, ranks_from(on, {0, 60}, 60))), "ppr:1:socket:pe=60 core");
  EXPECT_EQ(words(choose(Dialect::kOpenMpi5, on, ranks_from(on, {0, 60}, 60))), "ppr:1:package:pe=60 core");
}

TEST(ChooseMapping, CountsHardwareThreadsWithTheirCores) {
  const auto on = node({.packages = 2, .caches = {4}, .threads = 2});
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 4}, 4))), "ppr:1:numa:pe=4 core");
  auto one_thread = ranks_from(on, {0, 4}, 4);
  for (auto& rank : one_thread.ranks) rank.cpus.resize(4);
  EXPECT_EQ(words(choose(on, one_thread)), kBinder);
}

TEST(ChooseMapping, BindsByRankToSingleHardwareThreads) {
  const auto on = node({.caches = {2}, .threads = 2});
  NodeLayout layout;
  for (int cpu : {0, 2, 1, 3}) layout.ranks.push_back({.cores = {cpu % 2}, .cpus = {cpu}});
  EXPECT_EQ(words(choose(on, layout)), kBinder);
}

TEST(ChooseMapping, DoesNotSpillFromASmallDomainIntoTheNext) {
  // A rank of 3 on each cache of 4 and 2 cores would go on in the next cache.
  const auto on = node({.caches = {4, 2}});
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 3}, 3))), "ppr:2:numa:pe=3 core");
  auto two_domains = on;
  two_domains.numa_domains.push_back({.os_index = 1});
  two_domains.numa_objects = 2;
  two_domains.caches[1].numa = 1;
  for (int core : {4, 5}) two_domains.cores[core].numa = 1;
  EXPECT_EQ(words(choose(two_domains, ranks_from(on, {0, 4}, 2))), "ppr:1:numa:pe=2 core");
  EXPECT_EQ(words(choose(two_domains, ranks_from(on, {0, 2, 4}, 2))), "ppr:3:socket:pe=2 core");
  two_domains.package_objects = 0;
  EXPECT_EQ(words(choose(two_domains, ranks_from(on, {0, 2, 4}, 2))), kBinder);
}

TEST(ChooseMapping, KeepsTheOrderOfRanks) {
  // In GPU mode the ranks follow the GPUs' PCI order.
  const auto on = hb120();
  EXPECT_EQ(words(choose(on, ranks_from(on, {30, 0, 90, 60}, 30))), kBinder);
}

TEST(ChooseMapping, LeavesNumaWhereMpirunCountsOtherMemories) {
  auto on = hb120();
  on.numa_objects = 8;  // KNL's flat mode, memory of GPUs
  EXPECT_EQ(words(choose(on, ranks_from(on, {0, 30, 60, 90}, 30))), "ppr:2:socket:pe=30 core");
  auto without_memory = hb120();
  without_memory.numa_domains[3].os_index = -1;  // and another memory without CPUs makes up for it
  EXPECT_EQ(words(choose(without_memory, ranks_from(on, {0, 30, 60, 90}, 30))), "ppr:2:socket:pe=30 core");
}

TEST(ChooseMapping, LeavesL3WhereMpirunCountsOtherCaches) {
  std::vector<int> first;
  for (int domain : {0, 30, 60, 90}) {
    for (int cache : {0, 8, 16, 24}) first.push_back(domain + cache);
  }
  auto over_domains = hb120();
  over_domains.l3_objects = 8;
  EXPECT_EQ(words(choose(over_domains, ranks_from(over_domains, first, 6))), kBinder);
  auto corrected = hb120();
  corrected.corrections = {"L3 caches of EPYC 9V33X"};
  EXPECT_EQ(words(choose(corrected, ranks_from(corrected, first, 6))), kBinder);
  EXPECT_EQ(words(choose(corrected, ranks_from(corrected, {0, 30, 60, 90}, 30))), "ppr:1:numa:pe=30 core");
  auto shared_l2 = hb120();
  for (auto& cache : shared_l2.caches) cache.level = 2;
  EXPECT_EQ(words(choose(shared_l2, ranks_from(shared_l2, first, 6))), kBinder);
}

TEST(ChooseMapping, DoesNotRelyOnAnAffinityThatMpirunDoesNotSee) {
  auto on = hb120();
  on.masked = true;
  const auto mapping = choose(on, first_cores(on, 120));
  EXPECT_EQ(words(mapping), kBinder);
  EXPECT_EQ(mapping.why, "shipyard-rank binds each rank: mpirun does not see this process's CPU affinity");
}

TEST(ChooseMapping, DoesNotBindToCoresWhereHwlocHasNone) {
  auto on = node({.caches = {4}});
  on.core_objects = 0;
  EXPECT_EQ(words(choose(on, first_cores(on, 4))), kBinder);
}

TEST(ChooseMapping, DoesNotRelyOnMpirunsOrderWhereItIsAnother) {
  auto on = hb120();
  on.reordered = true;
  EXPECT_EQ(words(choose(on, first_cores(on, 120))), kBinder);
}

TEST(ChooseMapping, TellsHydraNothingButTheOrder) {
  const auto on = hb120();
  EXPECT_EQ(words(choose(Dialect::kHydra, on, first_cores(on, 120))), kBinder);
  EXPECT_EQ(words(choose(Dialect::kHydra, on, ranks_from(on, {0, 30, 60, 90}, 30))), kBinder);
}

TEST(ChooseMapping, LeavesWideAndUnboundRanksAlone) {
  const auto on = hb120();
  auto layout = first_cores(on, 4);
  layout.bound = false;
  const auto unbound = choose(on, layout);
  EXPECT_EQ(words(unbound), "slot none");
  EXPECT_EQ(unbound.why, "the ranks are not bound");
  auto wide = first_cores(on, 4);  // --bind-to l3
  for (auto& rank : wide.ranks) rank.cpus = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(words(choose(on, wide)), kBinder);
}

TEST(ChooseMapping, BindsByRankWhereOnlySomeNodesShareCores) {
  const auto on = hb120();
  auto shared = first_cores(on, 4);
  shared.bound = false;
  const JobLayout job{.node_layout = {0, 1}, .layouts = {first_cores(on, 4), shared}};
  EXPECT_EQ(words(choose_mapping(Dialect::kOpenMpi4, job, {on}, {0, 0})), kBinder);
}

TEST(ChooseMapping, TakesTheSameFlagsOnManyEqualNodes) {
  const auto on = hb120();
  JobLayout job{.layouts = {ranks_from(on, {0, 30, 60, 90}, 30)}};
  job.node_layout.assign(100, 0);
  job.node_layout.back() = -1;
  std::vector<int> topologies(100, 0);
  EXPECT_EQ(words(choose_mapping(Dialect::kOpenMpi4, job, {on}, topologies)), "ppr:1:numa:pe=30 core");
  // A node without ranks does not count, whatever it is.
  topologies.back() = 1;
  EXPECT_EQ(words(choose_mapping(Dialect::kOpenMpi4, job, {on, node({.caches = {2}})}, topologies)),
            "ppr:1:numa:pe=30 core");
  topologies.front() = 1;
  const auto mapping = choose_mapping(Dialect::kOpenMpi4, job, {on, on}, topologies);
  EXPECT_EQ(words(mapping), kBinder);
  EXPECT_THAT(mapping.why, HasSubstr("the nodes differ"));
}

TEST(ChooseMapping, LetsTheLastNodeHaveFewerRanksBySlotsOnly) {
  const auto on = hb120();
  const JobLayout cores{.node_layout = {0, 1}, .layouts = {first_cores(on, 120), first_cores(on, 5)}};
  EXPECT_EQ(words(choose_mapping(Dialect::kOpenMpi4, cores, {on}, {0, 0})), "slot core");
  const JobLayout domains{.node_layout = {0, 1},
                          .layouts = {ranks_from(on, {0, 30, 60, 90}, 30), ranks_from(on, {0, 30}, 30)}};
  EXPECT_EQ(words(choose_mapping(Dialect::kOpenMpi4, domains, {on}, {0, 0})), kBinder);
}

TEST(ChooseMapping, SaysWhatMpirunDoes) {
  const auto on = hb120();
  EXPECT_EQ(choose(on, ranks_from(on, {0, 30, 60, 90}, 30)).why,
            "mpirun puts 1 rank on each NUMA domain, 30 cores a rank, as planned");
  EXPECT_EQ(choose(on, first_cores(on, 120)).why, "mpirun gives each rank the next core, as planned");
  EXPECT_EQ(choose(on, ranks_from(on, {1}, 1)).why,
            "shipyard-rank binds each rank: no flags of mpirun give this layout");
}

}  // namespace
}  // namespace shipyard::launcher
