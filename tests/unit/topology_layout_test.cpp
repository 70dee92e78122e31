#include "launcher/topology/layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "launcher/topology/apportion.hpp"
#include "topology_samples.hpp"

namespace shipyard::topology {
namespace {

using samples::cpusets;
using samples::node;
using testing::ElementsAre;
using testing::HasSubstr;
using Mode = RanksPerNode::Mode;

LayoutWish number(int ranks) {
  LayoutWish wish;
  wish.ranks_per_node = {Mode::kNumber, ranks, "--ppn"};
  return wish;
}

LayoutWish by(Mode mode) {
  LayoutWish wish;
  wish.ranks_per_node = {mode, 0, "--ppn"};
  return wish;
}

NodeLayout lay_out(const LayoutWish& wish, const NodeTopology& topology) {
  auto job = plan_layout(wish, {topology}, {0});
  EXPECT_TRUE(job) << job.error().message;
  return job ? job->layouts.at(0) : NodeLayout{};
}

std::string error_of(const LayoutWish& wish, const NodeTopology& topology, int nodes = 1) {
  auto job = plan_layout(wish, {topology}, std::vector<int>(static_cast<std::size_t>(nodes), 0));
  return job ? "" : job.error().message;
}

TEST(Apportion, GivesEveryPartItsShareRoundedDownOrUp) {
  EXPECT_THAT(apportion(10, {7, 8}, {100, 100}, 10, 15), ElementsAre(5, 5));
  EXPECT_THAT(apportion(3, {4, 2}, {100, 100}, 3, 6), ElementsAre(2, 1));
}

TEST(Apportion, BreaksTiesInFavourOfTheFirst) {
  EXPECT_THAT(apportion(3, {1, 1}, {9, 9}, 3, 2), ElementsAre(2, 1));
}

TEST(Apportion, KeepsToTheLimits) { EXPECT_THAT(apportion(4, {5, 5}, {1, 9}, 4, 10), ElementsAre(1, 3)); }

TEST(Apportion, TakesBackWhatTheWholeHasLessOf) {
  // The parent got 1 where the shares of the whole would round down to 2.
  EXPECT_THAT(apportion(1, {4, 4}, {9, 9}, 4, 16), ElementsAre(0, 1));
}

TEST(Apportion, GivesTheRestToTheLeastLoadedWithinItsShare) {
  EXPECT_THAT(apportion(16, {8, 8, 8, 6}, {8, 8, 8, 6}, 16, 30, Rest::kLeastLoaded), ElementsAre(4, 4, 4, 4));
  EXPECT_THAT(apportion(16, {8, 8, 8, 6}, {8, 8, 8, 6}, 16, 30), ElementsAre(5, 4, 4, 3));
  // A fifth would be a whole one more than the last one's share of 4.
  EXPECT_THAT(apportion(20, {8, 8, 8, 6}, {8, 8, 8, 6}, 20, 30, Rest::kLeastLoaded), ElementsAre(6, 5, 5, 4));
}

TEST(Layout, GivesEveryCoreARankWithoutAWish) {
  auto layout = lay_out({}, samples::hb120());
  ASSERT_EQ(layout.ranks.size(), 120u);
  EXPECT_EQ(format_cpu_list(layout.ranks[119].cpus), "119");
  EXPECT_EQ(layout.threads, 1);
  EXPECT_EQ(layout.idle_cores, 0);
}

TEST(Layout, PutsARankOnEachCacheWithTheSizeThatUsesMostCores) {
  auto layout = lay_out(by(Mode::kL3), samples::hb120());
  EXPECT_EQ(layout.threads, 6);
  EXPECT_THAT(cpusets(layout),
              ElementsAre("0-5", "8-13", "16-21", "24-29", "30-35", "38-43", "46-51", "54-59", "60-65",
                          "68-73", "76-81", "84-89", "90-95", "98-103", "106-111", "114-119"));
}

TEST(Layout, PrefersMoreRanksWhereTwoSizesUseTheSameCores) {
  // 3, 3 and six 4s: 8 ranks of 3 and 6 of 4 both use 24 cores.
  auto layout = lay_out(by(Mode::kL3), node({{{3, 3, 4, 4, 4, 4, 4, 4}}}));
  EXPECT_EQ(layout.threads, 3);
  EXPECT_EQ(layout.ranks.size(), 8u);
}

TEST(Layout, LetsARankOwnWholeCachesWhereThatIdlesLittle) {
  auto layout = lay_out(number(8), samples::hb120());
  EXPECT_EQ(layout.threads, 14);
  EXPECT_THAT(cpusets(layout), ElementsAre("0-6,8-14", "16-29", "30-36,38-44", "46-59", "60-66,68-74",
                                           "76-89", "90-96,98-104", "106-119"));
  EXPECT_THAT(layout.notes, ElementsAre("8 of 120 cores idle; 4 ranks would use 120"));
}

TEST(Layout, GroupsWholeDomainsForFewRanks) {
  EXPECT_THAT(cpusets(lay_out(number(2), samples::hb120())), ElementsAre("0-59", "60-119"));
  EXPECT_THAT(cpusets(lay_out(number(1), samples::hb120())), ElementsAre("0-119"));
}

TEST(Layout, SplitsSocketsIntoBlocksWhereWholeDomainsWouldIdleMuch) {
  EXPECT_THAT(cpusets(lay_out(number(8), samples::hb60())),
              ElementsAre("0-6", "7-13", "14-20", "21-27", "28-34", "36-42", "44-50", "52-58"));
}

TEST(Layout, SpreadsFewSmallRanksOverTheCaches) {
  LayoutWish wish = number(16);
  wish.threads = {1, "--threads"};
  EXPECT_THAT(cpusets(lay_out(wish, samples::hb120())),
              ElementsAre("0", "8", "16", "24", "30", "38", "46", "54", "60", "68", "76", "84", "90", "98",
                          "106", "114"));
}

TEST(Layout, GivesUpCachesWhereTheyWouldIdleAQuarter) {
  // Two ranks on caches of 2: whole caches give 4 of 5 cores.
  auto layout = lay_out(number(4), node({{{2, 2, 2, 2, 2, 2, 2, 2, 2, 2}}}));
  EXPECT_THAT(cpusets(layout), ElementsAre("0-4", "5-9", "10-14", "15-19"));
  EXPECT_THAT(layout.reason, HasSubstr("4 ranks of 5 cores"));
}

TEST(Layout, LetsOnlyThoseCrossCachesThatHaveTo) {
  LayoutWish wish = number(4);
  wish.threads = {7, "--threads"};
  EXPECT_THAT(cpusets(lay_out(wish, node({{{8, 8, 8, 6}}}))), ElementsAre("0-6", "8-14", "16-22", "23-29"));
}

TEST(Layout, SpreadsOverUnequalDomainsInProportion) {
  auto unequal = node({{{1, 1, 1, 1}}, {{1, 1}}});
  EXPECT_THAT(cpusets(lay_out(number(2), unequal)), ElementsAre("0-1", "4-5"));
  EXPECT_THAT(cpusets(lay_out(number(3), unequal)), ElementsAre("0-1", "2-3", "4-5"));
}

TEST(Layout, RefusesWhatCouldOnlyCrossDomains) {
  LayoutWish wish = number(3);
  wish.threads = {2, "--threads"};
  EXPECT_EQ(error_of(wish, node({{{3}, {3}}})),
            "3 ranks of 2 cores do not fit 2 NUMA domains without one that crosses domains");
}

TEST(Layout, NamesBothNumbersWhereRanksDoNotFit) {
  EXPECT_EQ(error_of(number(3), node({{{2}}})), "3 ranks on a node that has 2 cores");
  LayoutWish wish = number(2);
  wish.threads = {3, "--threads"};
  EXPECT_EQ(error_of(wish, node({{{4}}})), "2 ranks of 3 cores need 6, on a node that has 4 cores");
}

TEST(Layout, CountsAMemoryThatPackagesShareOnce) {
  auto topology = node({{{1}}, {{2}}});
  topology.numa_domains[1].os_index = topology.numa_domains[0].os_index;
  EXPECT_THAT(cpusets(lay_out(by(Mode::kNuma), topology)), ElementsAre("0-2"));
  EXPECT_THAT(cpusets(lay_out(by(Mode::kSocket), topology)), ElementsAre("0", "1"));
}

TEST(Layout, SharesCoresOnlyWhenAsked) {
  LayoutWish wish = number(3);
  wish.oversubscribe = true;
  auto layout = lay_out(wish, node({{{2}}}));
  EXPECT_TRUE(layout.shares_cores);
  EXPECT_FALSE(layout.bound);
  EXPECT_THAT(cpusets(layout), ElementsAre("0-1", "0-1", "0-1"));
}

TEST(Layout, KeepsToTheQuota) {
  auto topology = samples::hb120();
  topology.cpu_quota = 6.5;
  EXPECT_EQ(lay_out({}, topology).ranks.size(), 6u);
  auto layout = lay_out(number(2), topology);
  EXPECT_EQ(layout.threads, 3);
  EXPECT_THAT(cpusets(layout), ElementsAre("0-2", "60-62"));
  EXPECT_EQ(error_of(number(7), topology), "7 ranks on a node that has 6 cores (CPU quota 6.5 of 120)");
  topology.cpu_quota = 0.5;
  EXPECT_EQ(lay_out({}, topology).ranks.size(), 1u);
}

TEST(Layout, LeavesOutSlowCoresUnlessAsked) {
  auto topology = node({{{2, 2}}});
  topology.cores[2].kind = topology.cores[3].kind = 1;
  auto layout = lay_out({}, topology);
  EXPECT_THAT(cpusets(layout), ElementsAre("0", "1"));
  EXPECT_THAT(layout.notes, ElementsAre(HasSubstr("2 cores of the slower kind left idle")));
  LayoutWish all;
  all.all_kinds = true;
  EXPECT_EQ(lay_out(all, topology).ranks.size(), 4u);
}

TEST(Layout, TakesHardwareThreadsForCoresWhenAsked) {
  auto topology = node({{{2, 2}}}, 2);
  EXPECT_THAT(cpusets(lay_out({}, topology)), ElementsAre("0-1", "2-3", "4-5", "6-7"));
  EXPECT_EQ(lay_out(by(Mode::kHardwareThread), topology).ranks.size(), 8u);
  LayoutWish smt;
  smt.smt = true;
  EXPECT_EQ(lay_out(smt, topology).ranks.size(), 8u);
  smt.ranks_per_node = {Mode::kNumber, 3, "--ppn"};
  auto layout = lay_out(smt, topology);
  EXPECT_EQ(layout.threads, 2);
  EXPECT_THAT(cpusets(layout), ElementsAre("0-1", "2-3", "4-5"));
  smt.ranks_per_node->number = 6;
  EXPECT_THAT(cpusets(lay_out(smt, topology)), ElementsAre("0", "1", "2", "4", "5", "6"));
}

TEST(Layout, BindsToMoreThanTheCoresWhenAsked) {
  LayoutWish wish = by(Mode::kL3);
  wish.bind_to = BindTo::kL3;
  EXPECT_EQ(cpusets(lay_out(wish, samples::hb120()))[0], "0-7");
  wish.bind_to = BindTo::kNuma;
  EXPECT_EQ(cpusets(lay_out(wish, samples::hb120()))[15], "90-119");
  wish.bind_to = BindTo::kSocket;
  EXPECT_EQ(cpusets(lay_out(wish, samples::hb120()))[15], "60-119");
  wish.bind_to = BindTo::kHardwareThread;
  EXPECT_EQ(cpusets(lay_out(wish, node({{{2, 2}}}, 2)))[1], "4,6");
  wish.bind_to = BindTo::kNone;
  EXPECT_FALSE(lay_out(wish, samples::hb120()).bound);
}

TEST(Layout, GivesEachGpuARankOnItsOwnDomain) {
  auto topology = node({{{4, 4}, {4, 4}}});
  for (int near : {8, 8, 0, 0}) {
    Gpu gpu;
    for (int i = 0; i < 8; ++i) gpu.near_cores.push_back(near + i);
    topology.gpus.push_back(gpu);
  }
  auto layout = lay_out(by(Mode::kGpu), topology);
  EXPECT_THAT(cpusets(layout), ElementsAre("8-11", "12-15", "0-3", "4-7"));
  EXPECT_EQ(layout.ranks[2].gpu, 2);
}

TEST(Layout, TakesAGpusNearestCachesWhereTheyAreKnown) {
  auto topology = node({{{4, 4}, {4, 4}}});
  for (int near : {12, 8, 4, 0}) {
    Gpu gpu;
    for (int i = 0; i < 4; ++i) gpu.near_cores.push_back(near + i);
    topology.gpus.push_back(gpu);
  }
  EXPECT_THAT(cpusets(lay_out(by(Mode::kGpu), topology)), ElementsAre("12-15", "8-11", "4-7", "0-3"));
}

TEST(Layout, SpreadsGpusWhosePlaceIsUnknown) {
  auto topology = node({{{4}, {4}}});
  topology.gpus.resize(4);
  EXPECT_THAT(cpusets(lay_out(by(Mode::kGpu), topology)), ElementsAre("0-1", "4-5", "2-3", "6-7"));
}

TEST(Layout, SaysThatThereIsNoGpu) {
  EXPECT_EQ(error_of(by(Mode::kGpu), node({{{2}}})), "--ppn: this node has no GPU");
}

TEST(Layout, KeepsToTheMemory) {
  LayoutWish wish;
  wish.memory_per_rank = std::uint64_t{16} << 30;  // 4 in each domain's 64 GiB
  auto topology = samples::hb120();
  EXPECT_EQ(lay_out(wish, topology).ranks.size(), 16u);
  topology.memory_limit = std::uint64_t{100} << 30;
  EXPECT_EQ(lay_out(wish, topology).ranks.size(), 6u);
  wish.ranks_per_node = {Mode::kNumber, 8, "--ppn"};
  EXPECT_EQ(error_of(wish, topology),
            "8 ranks of 16 GiB each (--mem-per-rank) on a node that has room for 6");
}

TEST(Layout, CountsTheMemoryOfEachDomainByItself) {
  // 64 GiB in each of 4 domains: one rank of 60 or 40 GiB each, although the sum would hold 6 of 40.
  LayoutWish wish;
  for (std::uint64_t gibibytes : {60, 40}) {
    wish.memory_per_rank = gibibytes << 30;
    EXPECT_THAT(cpusets(lay_out(wish, samples::hb120())), ElementsAre("0", "30", "60", "90"));
  }
  // More than any domain has: then the sum counts.
  wish.memory_per_rank = std::uint64_t{100} << 30;
  EXPECT_EQ(lay_out(wish, samples::hb120()).ranks.size(), 2u);
}

TEST(Layout, LaysRanksOutForAnyMemorySize) {
  for (const auto& topology : {samples::hb120(), samples::hb60(), node({{{4, 2}, {1}}, {{3}}}, 2)}) {
    for (Mode mode :
         {Mode::kCore, Mode::kHardwareThread, Mode::kL3, Mode::kNuma, Mode::kSocket, Mode::kNumber}) {
      for (int gibibytes = 1; gibibytes < 300; gibibytes += 7) {
        LayoutWish wish = by(mode);
        wish.ranks_per_node->number = 3;
        wish.memory_per_rank = static_cast<std::uint64_t>(gibibytes) << 30;
        auto job = plan_layout(wish, {topology}, {0});
        if (job) {
          EXPECT_EQ(static_cast<int>(job->layouts[0].ranks.size()), job->total);
        } else {
          EXPECT_THAT(job.error().message, HasSubstr("--mem-per-rank"));
        }
      }
    }
  }
}

TEST(Layout, LetsRanksShareAMemoryThatPackagesShare) {
  auto topology = node({{{16}}, {{16}}});
  topology.numa_domains[1].os_index = topology.numa_domains[0].os_index;
  LayoutWish wish = number(3);
  wish.threads = {10, "--threads"};
  EXPECT_THAT(cpusets(lay_out(wish, topology)), ElementsAre("0-9", "10-19", "20-29"));
}

TEST(Layout, SaysHowManyWouldFit) {
  LayoutWish wish = number(17);
  wish.threads = {7, "--threads"};
  auto job = plan_layout(wish, {samples::hb120()}, {0});
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().hint, "16 such ranks on a node fit, or leave out --threads");
}

TEST(Layout, DealsRanksOutOverNodes) {
  LayoutWish wish;
  wish.ranks = {7, "-n"};
  auto job = plan_layout(wish, {node({{{8}}})}, {0, 0, 0});
  ASSERT_TRUE(job);
  std::vector<std::size_t> ranks;
  for (int layout : job->node_layout)
    ranks.push_back(job->layouts[static_cast<std::size_t>(layout)].ranks.size());
  EXPECT_THAT(ranks, ElementsAre(3u, 2u, 2u));
  // One size for all, that of the fullest node.
  for (const auto& layout : job->layouts) EXPECT_EQ(layout.threads, 2);
}

TEST(Layout, DealsRanksOutInProportionWhereNodesDiffer) {
  LayoutWish wish;
  wish.ranks = {15, "-n"};
  auto job = plan_layout(wish, {node({{{16}}}), node({{{4}}})}, {0, 1});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->layouts[static_cast<std::size_t>(job->node_layout[0])].ranks.size(), 12u);
  EXPECT_EQ(job->layouts[static_cast<std::size_t>(job->node_layout[1])].ranks.size(), 3u);
}

TEST(Layout, FillsNodesInTurnWhereTheirShareIsGiven) {
  LayoutWish wish = number(2);
  wish.ranks = {3, "-n"};
  auto job = plan_layout(wish, {node({{{4}}})}, {0, 0, 0});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->total, 3);
  EXPECT_EQ(job->node_layout[2], -1);
  wish.ranks->value = 7;
  EXPECT_EQ(error_of(wish, node({{{4}}}), 3), "7 ranks (-n) do not fit: 3 nodes take 6");
}

TEST(Layout, TakesTheHostfilesSlots) {
  LayoutWish wish;
  wish.node_slots = {1, std::nullopt};
  auto job = plan_layout(wish, {node({{{4}}})}, {0, 0});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->total, 5);
  EXPECT_EQ(job->reason, "the hostfile's slots");
}

/// The invariants, on generated nodes.
struct Random {
  std::uint64_t state;
  int operator()(int least, int most) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return least + static_cast<int>((state >> 33) % static_cast<std::uint64_t>(most - least + 1));
  }
};

NodeTopology random_node(Random& random) {
  samples::Shape shape;
  const int packages = random(1, 4);
  const bool regular = random(0, 1) == 0;
  const int numa = random(1, 4);
  const int caches = random(1, 6);
  const int cores = random(1, 8);
  for (int p = 0; p < packages; ++p) {
    auto& package = shape.emplace_back();
    for (int n = 0; n < (regular ? numa : random(1, 4)); ++n) {
      auto& domain = package.emplace_back();
      for (int c = 0; c < (regular ? caches : random(1, 6)); ++c)
        domain.push_back(regular ? cores : random(1, 8));
    }
  }
  return node(shape, random(1, 2));
}

void check_invariants(const NodeTopology& topology, const NodeLayout& layout, int ranks) {
  ASSERT_EQ(static_cast<int>(layout.ranks.size()), ranks);
  std::vector<int> owner(topology.cores.size(), -1);
  const int size = layout.threads;
  const auto domains = static_cast<int>(topology.numa_domains.size());
  std::vector<int> domain_cores(topology.numa_domains.size(), 0);
  for (const auto& core : topology.cores) ++domain_cores[static_cast<std::size_t>(core.numa)];
  const int largest = *std::max_element(domain_cores.begin(), domain_cores.end());
  std::vector<int> per_domain(topology.numa_domains.size(), 0);
  std::vector<int> per_package(topology.packages.size(), 0);
  int last_first = -1;
  for (std::size_t rank = 0; rank < layout.ranks.size(); ++rank) {
    const auto& place = layout.ranks[rank];
    EXPECT_EQ(static_cast<int>(place.cores.size()), size);
    EXPECT_GT(place.cores.front(), last_first);
    last_first = place.cores.front();
    std::vector<int> cpus;
    for (int core : place.cores) {
      EXPECT_EQ(owner[static_cast<std::size_t>(core)], -1);
      owner[static_cast<std::size_t>(core)] = static_cast<int>(rank);
      const auto& threads = topology.cores[static_cast<std::size_t>(core)].hardware_threads;
      cpus.insert(cpus.end(), threads.begin(), threads.end());
      if (ranks >= domains && size <= largest) {
        EXPECT_EQ(topology.cores[static_cast<std::size_t>(core)].numa,
                  topology.cores[static_cast<std::size_t>(place.cores[0])].numa);
      }
    }
    EXPECT_EQ(place.cpus, cpus);
    ++per_domain[static_cast<std::size_t>(topology.cores[static_cast<std::size_t>(place.cores[0])].numa)];
    ++per_package[static_cast<std::size_t>(topology.cores[static_cast<std::size_t>(place.cores[0])].package)];
  }
  if (ranks >= domains && size <= largest) {
    const auto total = static_cast<double>(topology.cores.size());
    for (std::size_t d = 0; d < per_domain.size(); ++d)
      EXPECT_LT(std::abs(per_domain[d] - ranks * domain_cores[d] / total), 1) << "domain " << d;
  }
}

TEST(LayoutInvariants, HoldOnGeneratedNodes) {
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    Random random{seed};
    const NodeTopology topology = random_node(random);
    const int ranks = random(1, static_cast<int>(topology.cores.size()));
    auto job = plan_layout(number(ranks), {topology}, {0});
    ASSERT_TRUE(job) << "seed " << seed << ": " << job.error().message;
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_invariants(topology, job->layouts[0], ranks);
    auto again = plan_layout(number(ranks), {topology}, {0});
    EXPECT_EQ(cpusets(again->layouts[0]), cpusets(job->layouts[0]));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace shipyard::topology
