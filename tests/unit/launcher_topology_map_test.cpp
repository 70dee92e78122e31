#include "launcher/topology_map.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>
#include <set>
#include <sstream>

namespace shipyard::launcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using topology::BindTo;
using topology::NodeLayout;
using topology::NodeTopology;
using topology::RankPlace;

constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kMiB = 1ULL << 20U;

/// `packages` packages of `numa` domains, each with L3 caches of so many cores; CPUs numbered in order.
NodeTopology node_of(int packages, int numa, const std::vector<int>& caches, int threads = 1,
                     const std::string& model = "AMD EPYC 7V73X 64-Core Processor") {
  NodeTopology node;
  int cpu = 0;
  for (int package = 0; package < packages; ++package) {
    node.packages.push_back({model});
    for (int i = 0; i < numa; ++i) {
      const int domain = static_cast<int>(node.numa_domains.size());
      node.numa_domains.push_back({domain, package, 112 * kGiB});
      for (int cores : caches) {
        const int cache = static_cast<int>(node.caches.size());
        node.caches.push_back({domain, 3, 96 * kMiB});
        for (int core = 0; core < cores; ++core) {
          node.cores.push_back({{}, package, domain, cache, 0});
          for (int thread = 0; thread < threads; ++thread)
            node.cores.back().hardware_threads.push_back(cpu++);
        }
      }
    }
  }
  node.allowed_cores = static_cast<int>(node.cores.size());
  return node;
}

std::vector<int> range(int first, int last) {
  std::vector<int> result;
  for (int i = first; i <= last; ++i) result.push_back(i);
  return result;
}

RankPlace on_cores(const NodeTopology& node, const std::vector<int>& cores) {
  RankPlace place{cores, {}, -1};
  for (int core : cores) {
    const auto& cpus = node.cores[static_cast<std::size_t>(core)].hardware_threads;
    place.cpus.insert(place.cpus.end(), cpus.begin(), cpus.end());
  }
  std::sort(place.cpus.begin(), place.cpus.end());
  return place;
}

NodeLayout layout_of(const NodeTopology& node, const std::vector<std::vector<int>>& ranks) {
  NodeLayout layout;
  std::set<int> used;
  for (const auto& cores : ranks) {
    layout.ranks.push_back(on_cores(node, cores));
    used.insert(cores.begin(), cores.end());
  }
  layout.usable_cores = static_cast<int>(node.cores.size());
  layout.idle_cores = layout.usable_cores - static_cast<int>(used.size());
  return layout;
}

/// Ranks of `cores` cores one after another.
NodeLayout blocks(const NodeTopology& node, int cores) {
  std::vector<std::vector<int>> ranks;
  const int all = static_cast<int>(node.cores.size());
  for (int first = 0; first + cores <= all; first += cores) ranks.push_back(range(first, first + cores - 1));
  return layout_of(node, ranks);
}

NodeLayout rank_per_thread(const NodeTopology& node) {
  NodeLayout layout;
  for (std::size_t core = 0; core < node.cores.size(); ++core) {
    for (int cpu : node.cores[core].hardware_threads) {
      layout.ranks.push_back({{static_cast<int>(core)}, {cpu}, -1});
    }
  }
  layout.usable_cores = static_cast<int>(node.cores.size());
  return layout;
}

TEST(DrawNode, ShowsALaptopOfTwoCores) {
  const auto node = node_of(1, 1, {2}, 2, "Intel(R) Core(TM) i5-4210U CPU @ 1.70GHz");
  EXPECT_EQ(draw_node(node, blocks(node, 1), 0, {}),
            "Intel Core i5-4210U · 2 cores of 2 threads · 1 NUMA of 112 GiB · 1 L3 of 96 MiB\n"
            "ranks 0-1, 1 core each\n"
            "\n"
            "NUMA CPUs rank on each core, by L3\n"
            "   0 0-3  │  0   1│\n"
            "\n"
            "0 rank on a core   │ edge of an L3\n");
}

TEST(DrawNode, ShowsRanksThatLeaveCoresOfACacheIdle) {
  const auto node = node_of(2, 2, {8, 8, 8, 6});
  std::vector<std::vector<int>> ranks;
  for (int domain = 0; domain < 4; ++domain) {
    for (int cache = 0; cache < 4; ++cache) {
      ranks.push_back(range(30 * domain + 8 * cache, 30 * domain + 8 * cache + 5));
    }
  }
  EXPECT_EQ(draw_node(node, layout_of(node, ranks), 0, {}),
            "2 × AMD EPYC 7V73X · 120 cores · 4 NUMA of 112 GiB · 16 L3 of 96 MiB\n"
            "ranks 0-15, 6 cores each · 24 of 120 cores idle\n"
            "\n"
            "NUMA CPUs   rank on each core, by L3\n"
            "── package 0 ────────────────────────────────────────────────────────────\n"
            "   0 0-29   │├─── 0 ───┤ ○ ○│├─── 1 ───┤ ○ ○│├─── 2 ───┤ ○ ○│├─── 3 ───┤│\n"
            "   1 30-59  │├─── 4 ───┤ ○ ○│├─── 5 ───┤ ○ ○│├─── 6 ───┤ ○ ○│├─── 7 ───┤│\n"
            "── package 1 ────────────────────────────────────────────────────────────\n"
            "   2 60-89  │├─── 8 ───┤ ○ ○│├─── 9 ───┤ ○ ○│├── 10 ───┤ ○ ○│├── 11 ───┤│\n"
            "   3 90-119 │├── 12 ───┤ ○ ○│├── 13 ───┤ ○ ○│├── 14 ───┤ ○ ○│├── 15 ───┤│\n"
            "\n"
            "├ 0 ┤ rank on several cores   ○ idle core   │ edge of an L3\n");
}

TEST(DrawNode, ShowsWhereARankGoesOnInAnotherCacheAndInAnotherDomain) {
  const auto node = node_of(1, 2, {8, 8, 8, 6});
  std::vector<int> over_two = range(0, 6);
  for (int core : range(8, 14)) over_two.push_back(core);
  std::vector<int> over_domains = range(24, 37);
  EXPECT_EQ(draw_node(node, layout_of(node, {over_two, range(16, 22), over_domains}), 0, {}),
            "AMD EPYC 7V73X · 60 cores · 2 NUMA of 112 GiB · 8 L3 of 96 MiB\n"
            "ranks 0-2, 7 to 14 cores each · 25 of 60 cores idle\n"
            "rank 2 over several NUMA domains · rank 0 over several L3\n"
            "\n"
            "NUMA CPUs  rank on each core, by L3\n"
            "   0 0-29  │├──── 0 ────► ○│◄──── 0 ────┤ ○│├──── 1 ────┤ ○│├─── 2 ───»│\n"
            "   1 30-59 │«───── 2 ─────┤│○ ○ ○ ○ ○ ○ ○ ○│○ ○ ○ ○ ○ ○ ○ ○│○ ○ ○ ○ ○ ○│\n"
            "\n"
            "├ 0 ┤ rank on several cores   ○ idle core   │ edge of an L3\n"
            "► rank goes on in another L3   » rank goes on in another NUMA domain\n");
}

TEST(DrawNode, ShowsASingleCoreThatBelongsToARankInAnotherCache) {
  const auto node = node_of(1, 1, {3, 3});
  EXPECT_THAT(draw_node(node, layout_of(node, {{0, 1}, {2, 3}, {4, 5}}), 0, {}),
              HasSubstr("   0 0-5  │├─ 0 ─┤  1►│ ◄1 ├─ 2 ─┤│\n"));
}

TEST(DrawNode, GivesEachHardwareThreadItsRankAndKeepsThoseOfACoreTogether) {
  const auto node = node_of(2, 1, {4}, 2);
  EXPECT_EQ(draw_node(node, rank_per_thread(node), 0, {.columns = 40}),
            "2 × AMD EPYC 7V73X\n"
            "8 cores of 2 threads · 2 NUMA of 112 GiB\n"
            "2 L3 of 96 MiB\n"
            "ranks 0-15, 1 hardware thread each\n"
            "\n"
            "NUMA CPUs rank on each hardware thread,\n"
            "── package 0 ─────────────────────────\n"
            "   0 0-7  │ 0  1   2  3   4  5   6  7│\n"
            "── package 1 ─────────────────────────\n"
            "   1 8-15 │ 8  9  10 11  12 13  14 15│\n"
            "\n"
            "0 rank on a thread   │ edge of an L3\n");
}

TEST(DrawNode, ShowsThatRanksAreNotBound) {
  const auto node = node_of(1, 1, {4});
  auto layout = blocks(node, 1);
  layout.bound = false;
  EXPECT_EQ(draw_node(node, layout, 8, {}),
            "AMD EPYC 7V73X · 4 cores · 1 NUMA of 112 GiB · 1 L3 of 96 MiB\n"
            "ranks 8-11, not bound: any of them may run on any of these cores\n"
            "\n"
            "NUMA CPUs rank on each core, by L3\n"
            "   0 0-3  │  ~   ~   ~   ~│\n"
            "\n"
            "~ core open to every rank   │ edge of an L3\n");
}

TEST(DrawNode, BreaksALongSentenceAtItsBlanks) {
  const auto node = node_of(1, 1, {4});
  auto layout = blocks(node, 1);
  layout.bound = false;
  EXPECT_THAT(draw_node(node, layout, 0, {.columns = 40}),
              HasSubstr("\nranks 0-3, not bound: any of them may\nrun on any of these cores\n"));
}

TEST(DrawNode, SaysHowFarARankMayMove) {
  const auto node = node_of(2, 2, {4, 4});
  auto layout = blocks(node, 2);
  const auto bind_within = [&](int cores) {
    for (auto& rank : layout.ranks) {
      const int first = rank.cores.front() / cores * cores;
      rank.cpus = range(first, first + cores - 1);
    }
    return draw_node(node, layout, 0, {});
  };
  EXPECT_THAT(bind_within(2), Not(HasSubstr("move")));
  EXPECT_THAT(bind_within(4), HasSubstr("ranks 0-15, 2 cores each · each may move within its L3\n"));
  EXPECT_THAT(bind_within(8), HasSubstr("ranks 0-15, 2 cores each · each may move within its NUMA domain\n"));
  EXPECT_THAT(bind_within(16), HasSubstr("ranks 0-15, 2 cores each · each may move within its package\n"));
  EXPECT_THAT(bind_within(32), HasSubstr("ranks 0-15, 2 cores each · each may move within its node\n"));
}

TEST(DrawNode, SaysThatARankHasOneThreadOfEachCore) {
  const auto node = node_of(1, 1, {4}, 2);
  auto layout = blocks(node, 2);
  layout.ranks[0].cpus = {0, 2};
  layout.ranks[1].cpus = {4, 6};
  EXPECT_THAT(draw_node(node, layout, 0, {}),
              HasSubstr("ranks 0-1, 2 cores each · on one hardware thread of each core\n"));
}

TEST(DrawNode, SetsSlowCoresOfAHybridProcessorApart) {
  auto node = node_of(1, 1, {14}, 1, "12th Gen Intel(R) Core(TM) i7-12700H");
  for (int i = 0; i < 14; ++i) {
    auto& core = node.cores[static_cast<std::size_t>(i)];
    core.kind = i < 6 ? 0 : 1;
    core.hardware_threads = i < 6 ? std::vector<int>{2 * i, 2 * i + 1} : std::vector<int>{6 + i};
  }
  auto layout = blocks(node, 1);
  layout.ranks.resize(6);
  layout.usable_cores = 6;
  EXPECT_EQ(draw_node(node, layout, 0, {}),
            "12th Gen Intel Core i7-12700H · 14 cores · 1 NUMA of 112 GiB · 1 L3 of 96 MiB\n"
            "ranks 0-5, 1 core each · 8 cores not used (slower)\n"
            "\n"
            "NUMA CPUs       rank on each core, by L3\n"
            "   0 0-11       │  0   1   2   3   4   5┊\n"
            "     12-19 slow ┊  ○   ○   ○   ○   ○   ○   ○   ○│\n"
            "\n"
            "0 rank on a core   ○ idle core   │ edge of an L3   ┊ L3 goes on in another line\n");
}

TEST(DrawNode, PutsGpusWithTheirRanksAndPortsAtTheirDomain) {
  auto node = node_of(2, 1, {4});
  node.gpus = {{"0001:00:00.0", topology::Gpu::Vendor::kNvidia, range(4, 7)},
               {"0002:00:00.0", topology::Gpu::Vendor::kNvidia, range(0, 3)},
               {"0003:00:00.0", topology::Gpu::Vendor::kNvidia, {}}};
  node.infiniband_ports = {{"mlx5_0:1", range(0, 3)}, {"mlx5_1:1", range(0, 7)}};
  auto layout = layout_of(node, {range(4, 7), range(0, 3)});
  layout.ranks[0].gpu = 0;
  layout.ranks[1].gpu = 1;
  EXPECT_EQ(draw_node(node, layout, 0, {}),
            "2 × AMD EPYC 7V73X · 8 cores · 2 NUMA of 112 GiB · 2 L3 of 96 MiB · 3 GPUs\n"
            "ranks 0-1, 4 cores each\n"
            "\n"
            "NUMA CPUs rank on each core, by L3\n"
            "── package 0 ──────────────\n"
            "   0 0-3  │├───── 1 ─────┤│\n"
            "           GPU 1: rank 1 · InfiniBand mlx5_0:1\n"
            "── package 1 ──────────────\n"
            "   1 4-7  │├───── 0 ─────┤│\n"
            "           GPU 0: rank 0\n"
            "     near to several NUMA domains:\n"
            "           InfiniBand mlx5_1:1\n"
            "     of unknown place:\n"
            "           GPU 2: no rank\n"
            "\n"
            "├ 1 ┤ rank on several cores   │ edge of an L3\n");
}

TEST(DrawNode, PutsADeviceOfTheOnlyPackageBelow) {
  auto node = node_of(1, 2, {2});
  node.gpus = {{"0001:00:00.0", topology::Gpu::Vendor::kAmd, range(0, 3)}};
  EXPECT_THAT(draw_node(node, blocks(node, 1), 0, {}),
              HasSubstr("   1 2-3  │  2   3│\n     near to several NUMA domains:\n           GPU 0\n"));
}

TEST(DrawNode, PutsADeviceOfAPackageOfSeveralDomainsUnderThePackage) {
  auto node = node_of(2, 2, {2});
  node.gpus = {{"0001:00:00.0", topology::Gpu::Vendor::kAmd, range(4, 7)}};
  EXPECT_THAT(draw_node(node, blocks(node, 1), 0, {}), HasSubstr("── package 1 ──────\n"
                                                                 "           GPU 0\n"
                                                                 "   2 4-5  │  4   5│\n"));
}

TEST(DrawNode, DrawsInAsciiWhereTheTerminalHasNoMore) {
  const auto node = node_of(2, 1, {4, 4});
  const auto text = draw_node(node, layout_of(node, {range(0, 2), range(4, 9), {12}}), 0, {.unicode = false});
  EXPECT_EQ(text,
            "2 x AMD EPYC 7V73X, 16 cores, 2 NUMA of 112 GiB, 4 L3 of 96 MiB\n"
            "ranks 0-2, 1 to 6 cores each, 6 of 16 cores idle\n"
            "rank 1 over several NUMA domains\n"
            "\n"
            "NUMA CPUs rank on each core, by L3\n"
            "-- package 0 ------------------------------\n"
            "   0 0-7  |[--- 0 ---]   .|[----- 1 -----}|\n"
            "-- package 1 ------------------------------\n"
            "   1 8-15 |{- 1 -]   .   .|  2   .   .   .|\n"
            "\n"
            "2 rank on a core   [ 0 ] rank on several cores   . idle core   | edge of an L3\n"
            "} rank goes on in another NUMA domain\n");
}

TEST(DrawNode, ListsTheRanksThatShareACoreBelowWhereTheyAreMany) {
  const auto node = node_of(1, 1, {2});
  std::vector<std::vector<int>> ranks;
  for (int rank : {0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0}) ranks.push_back({rank});
  const auto text = draw_node(node, layout_of(node, ranks), 100, {});
  EXPECT_THAT(text, HasSubstr("ranks 100-112, 1 core each · ranks share cores\n"));
  EXPECT_THAT(text, HasSubstr("   0 0-1  │ ×7  ×6│\n"
                              "CPU 0: ranks 100,103,105,108-109,111-112\n"
                              "CPU 1: ranks 101-102,104,106-107,110\n"));
  EXPECT_THAT(draw_node(node, layout_of(node, ranks), 100, {.columns = 40}),
              HasSubstr("CPU 0: ranks 100,103,105,108-109,111-112\n"
                        "CPU 1: ranks 101-102,104,106-107,110\n"));
  EXPECT_THAT(draw_node(node, layout_of(node, ranks), 10'000, {.columns = 40}),
              HasSubstr("CPU 0: ranks 10000,10003,10005,\n10008-10009,10011-10012\n"));
  EXPECT_THAT(draw_node(node, layout_of(node, {{0}, {0}, {1}}), 0, {}), HasSubstr("   0 0-1  │ 0-1    2│\n"));
}

TEST(DrawNode, NumbersCpusOfInterleavedDomainsWithStrides) {
  auto node = node_of(2, 1, {4});
  for (int i = 0; i < 8; ++i) node.cores[static_cast<std::size_t>(i)].hardware_threads = {i % 4 * 2 + i / 4};
  const auto text = draw_node(node, blocks(node, 1), 0, {});
  EXPECT_THAT(text, HasSubstr("   0 0-6:2 │"));
  EXPECT_THAT(text, HasSubstr("   1 1-7:2 │"));
}

TEST(DrawNode, NamesTheMemoryOfEachDomainWhereTheyDiffer) {
  auto node = node_of(1, 2, {1});
  node.numa_domains[1].memory_bytes = 16 * kGiB;
  const auto text = draw_node(node, blocks(node, 1), 0, {});
  EXPECT_THAT(text, HasSubstr("2 NUMA, 128 GiB together"));
  EXPECT_THAT(text, HasSubstr("   0 0    │  0│\n           112 GiB\n   1 1    │  1│\n           16 GiB\n"));
}

TEST(DrawNode, TakesMemoriesAsOneSizeThatLackOnlyWhatTheKernelKeeps) {
  auto node = node_of(1, 2, {1});
  node.numa_domains[0].memory_bytes = 110 * kGiB;
  EXPECT_THAT(draw_node(node, blocks(node, 1), 0, {}), HasSubstr("· 2 NUMA of 112 GiB ·"));
  node.numa_domains[0].memory_bytes = 108 * kGiB;
  EXPECT_THAT(draw_node(node, blocks(node, 1), 0, {}), HasSubstr("· 2 NUMA, 220 GiB together ·"));
}

TEST(DrawNode, SaysWhatDiffersFromWhatHwlocWouldShow) {
  auto node = node_of(1, 1, {2});
  node.corrections = {"L3 caches of EPYC 9V33X in 4 NUMA domains: 8,8,8,8,6,6 cores as on the chip"};
  EXPECT_THAT(draw_node(node, blocks(node, 1), 0, {.columns = 60}),
              HasSubstr("\n\ncorrected: L3 caches of EPYC 9V33X in 4 NUMA domains:\n"
                        "  8,8,8,8,6,6 cores as on the chip\n\n"));
}

TEST(DrawNode, NamesThePackagesWhereTheyDiffer) {
  auto node = node_of(2, 1, {1}, 1, "Intel(R) Xeon(R) Gold 6242 CPU @ 2.80GHz");
  node.packages[1].model = "Intel(R) Xeon(R) Gold 5218 CPU @ 2.30GHz";
  const auto text = draw_node(node, blocks(node, 1), 0, {});
  EXPECT_THAT(text, HasSubstr("2 packages · 2 cores"));
  EXPECT_THAT(text, HasSubstr("── package 0 Intel Xeon Gold 6242 ──"));
  EXPECT_THAT(text, HasSubstr("── package 1 Intel Xeon Gold 5218 ──"));
}

TEST(DrawNode, ShowsNothingOfAModelThatATerminalWouldActOn) {
  const auto node = node_of(1, 1, {1}, 1, "Evil\033[2J\n CPU \xE7\x95\xAA");
  const auto text = draw_node(node, blocks(node, 1), 0, {});
  EXPECT_THAT(text, testing::StartsWith("Evil?[2J? ? · 1 core"));
  EXPECT_EQ(text.find('\033'), std::string::npos);
}

TEST(DrawNode, SaysThatThereIsNoRank) {
  const auto node = node_of(1, 1, {2});
  const auto text = draw_node(node, layout_of(node, {}), 0, {});
  EXPECT_THAT(text, HasSubstr("\nno rank\n"));
  EXPECT_THAT(text, HasSubstr("│  ○   ○│\n"));
}

TEST(DrawNode, SaysThatAQuotaLeavesCoresUnused) {
  auto node = node_of(1, 1, {4});
  node.cpu_quota = 2.5;
  auto layout = layout_of(node, {{0}, {1}});
  layout.usable_cores = 2;
  layout.idle_cores = 0;
  EXPECT_THAT(draw_node(node, layout, 0, {}),
              HasSubstr("ranks 0-1, 1 core each · 2 cores not used (CPU quota)\n"));
}

TEST(DrawNode, ColoursAddNothingToTheText) {
  const auto node = node_of(2, 2, {8, 8, 8, 6});
  for (int cores : {1, 6, 30, 120}) {
    const auto coloured = draw_node(node, blocks(node, cores), 0, {.colour = true});
    EXPECT_THAT(coloured, HasSubstr("\033["));
    EXPECT_EQ(std::regex_replace(coloured, std::regex("\033\\[[0-9;]*m"), ""),
              draw_node(node, blocks(node, cores), 0, {}));
  }
}

TEST(DrawNode, ColoursNeighboursDifferently) {
  const auto node = node_of(1, 1, {4});
  const auto text = draw_node(node, blocks(node, 2), 0, {.colour = true});
  EXPECT_THAT(text, HasSubstr("\033[36m├─\033[0m\033[1m 0 \033[0m\033[36m─┤\033[0m"));
  EXPECT_THAT(text, HasSubstr("\033[32m├─\033[0m\033[1m 1 \033[0m\033[32m─┤\033[0m"));
}

// --- every topology, every width

std::size_t width(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// "0-3,8,10-14:2"
std::vector<int> expand(const std::string& list) {
  std::vector<int> result;
  std::istringstream ranges(list);
  for (std::string item; std::getline(ranges, item, ',');) {
    int first = 0;
    int last = 0;
    int step = 1;
    const int read = std::sscanf(item.c_str(), "%d-%d:%d", &first, &last, &step);
    if (read < 2) last = first;
    for (int i = first; i <= last; i += step) result.push_back(i);
  }
  return result;
}

/// What an ASCII drawing says, read back: CPUs in order of the lines, and in order of the units either "." or
/// the ranks, where neighbours that say the same are one.
struct ReadBack {
  std::multiset<int> cpus;
  std::vector<std::string> units;
  std::size_t idle = 0;
  std::size_t caches = 0;
};

void add_unit(ReadBack& drawing, const std::string& name) {
  if (name == ".") ++drawing.idle;
  if (drawing.units.empty() || drawing.units.back() != name) drawing.units.push_back(name);
}

ReadBack read_back(const std::string& text) {
  ReadBack drawing;
  std::istringstream lines(text);
  bool in_table = false;
  // Number of the domain or blank, CPUs, caches; or more CPUs alone.
  const std::regex row("^(?: *[0-9]+|    ) ([0-9,:-]+)(?: slow| kind [0-9]+)? *([|:].*[|:])$");
  const std::regex more("^     ([0-9,:-]+)(?: slow| kind [0-9]+)?$");
  const std::regex unit("[0-9,x-]*[0-9][0-9,-]*|\\.");
  for (std::string line; std::getline(lines, line);) {
    in_table = in_table || line.starts_with("NUMA CPUs");
    if (line.empty() || !in_table) {
      if (in_table) break;
      continue;
    }
    std::smatch match;
    if (std::regex_match(line, match, more)) {
      for (int cpu : expand(match[1])) drawing.cpus.insert(cpu);
    } else if (std::regex_match(line, match, row)) {
      for (int cpu : expand(match[1])) drawing.cpus.insert(cpu);
      std::string body = match[2];
      drawing.caches += static_cast<std::size_t>(std::count(body.begin(), body.end(), '|'));
      std::replace_if(
          body.begin(), body.end(),
          [](char c) { return std::string_view("[]<>{}|:").find(c) != std::string_view::npos; }, ' ');
      // A bar's line is no part of a list of ranks.
      body = std::regex_replace(body, std::regex("--+|(^| )-+| ?-+( |$)"), " ");
      for (std::sregex_iterator i(body.begin(), body.end(), unit), end; i != end; ++i)
        add_unit(drawing, i->str());
    }
  }
  return drawing;
}

NodeTopology any_node(std::mt19937& random) {
  const auto up_to = [&](int limit) { return std::uniform_int_distribution<int>(1, limit)(random); };
  std::vector<int> caches;
  for (int i = up_to(5); i > 0; --i) caches.push_back(up_to(up_to(4) == 1 ? 40 : 8));
  auto node = node_of(up_to(2), up_to(4), caches, up_to(3) == 1 ? 2 : 1);
  if (up_to(4) == 1) {
    // As some firmwares number: neighbours in different places.
    std::vector<int> cpus =
        range(0, static_cast<int>(node.cores.size() * node.cores[0].hardware_threads.size()) - 1);
    std::shuffle(cpus.begin(), cpus.end(), random);
    std::size_t next = 0;
    for (auto& core : node.cores) {
      for (int& cpu : core.hardware_threads) cpu = cpus[next++];
      std::sort(core.hardware_threads.begin(), core.hardware_threads.end());
    }
  }
  if (up_to(5) == 1) {
    for (auto& core : node.cores) core.kind = up_to(2) - 1;
  }
  return node;
}

NodeLayout any_layout(std::mt19937& random, const NodeTopology& node) {
  const auto up_to = [&](int limit) { return std::uniform_int_distribution<int>(1, limit)(random); };
  if (up_to(4) == 1 && node.cores[0].hardware_threads.size() > 1) return rank_per_thread(node);
  std::vector<int> cores = range(0, static_cast<int>(node.cores.size()) - 1);
  if (up_to(6) == 1) std::shuffle(cores.begin(), cores.end(), random);
  const int each = up_to(static_cast<int>(cores.size()));
  const int ranks = static_cast<int>(cores.size()) / each;
  std::vector<std::vector<int>> places;
  std::size_t next = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    places.emplace_back(cores.begin() + static_cast<std::ptrdiff_t>(next),
                        cores.begin() + static_cast<std::ptrdiff_t>(next) + each);
    std::sort(places.back().begin(), places.back().end());
    next += static_cast<std::size_t>(each);
    if (up_to(3) == 1 && next + static_cast<std::size_t>((ranks - rank) * each) < cores.size()) ++next;
  }
  return layout_of(node, places);
}

TEST(DrawNode, HasEveryCoreAndEveryRankInItsPlaceAndNoLineTooLong) {
  std::mt19937 random(20240229);
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    const auto node = any_node(random);
    const auto layout = any_layout(random, node);
    const int first_rank = round % 3 == 0 ? 99'950 : round % 3 == 1 ? 960 : 0;
    const int columns = std::uniform_int_distribution<int>(30, 210)(random);
    const auto unicode = draw_node(node, layout, first_rank, {.columns = columns});
    std::istringstream lines(unicode);
    for (std::string line; std::getline(lines, line);) {
      ASSERT_LE(width(line), static_cast<std::size_t>(std::clamp(columns, 40, 200))) << unicode;
      ASSERT_FALSE(line.ends_with(' ')) << unicode;
    }

    // What is to be read, from the topology alone.
    const bool threads = layout.ranks.size() > node.cores.size();
    ReadBack expected;
    std::size_t idle = 0;
    std::set<int> caches;
    for (std::size_t core = 0; core < node.cores.size(); ++core) {
      caches.insert(node.cores[core].cache);
      const auto& cpus = node.cores[core].hardware_threads;
      expected.cpus.insert(cpus.begin(), cpus.end());
      std::vector<std::string> names(threads ? cpus.size() : 1, ".");
      for (std::size_t rank = 0; rank < layout.ranks.size(); ++rank) {
        for (std::size_t i = 0; i < names.size(); ++i) {
          const auto& bound = layout.ranks[rank].cpus;
          if (std::find(bound.begin(), bound.end(), cpus[i]) != bound.end()) {
            names[i] = std::to_string(first_rank + static_cast<int>(rank));
          }
        }
      }
      for (const auto& name : names) add_unit(expected, name);
    }
    idle = expected.idle;
    const auto text = draw_node(node, layout, first_rank, {.columns = columns, .unicode = false});
    const auto found = read_back(text);
    ASSERT_EQ(found.cpus, expected.cpus) << text;
    ASSERT_EQ(found.units, expected.units) << text;
    ASSERT_EQ(found.idle, idle) << text;
    ASSERT_GE(found.caches, caches.size()) << text;
  }
}

TEST(DrawNode, FitsTheLargestNodeIntoATerminalOf80Columns) {
  const auto node = node_of(2, 8, {8, 8, 7});
  const auto text = draw_node(node, blocks(node, 1), 0, {});
  // Two lines a NUMA domain, two packages, three lines of head, one of legend, two empty ones.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 16 * 2 + 2 + 3 + 1 + 2);
  EXPECT_THAT(text,
              HasSubstr("   0 0-15    │  0   1   2   3   4   5   6   7│  8   9  10  11  12  13  14  15│\n"
                        "     16-22   │ 16  17  18  19  20  21  22│\n"));
  EXPECT_THAT(text, HasSubstr("     361-367 │361 362 363 364 365 366 367│\n"));
}

TEST(DrawNode, UsesTheWidthOfTheTerminal) {
  const auto node = node_of(2, 8, {8, 8, 7});
  const auto text = draw_node(node, blocks(node, 1), 0, {.columns = 120});
  EXPECT_THAT(text, HasSubstr("  15 345-367 │345 346 347 348 349 350 351 352│353 354 355 356 357 358 359 360│"
                              "361 362 363 364 365 366 367│\n"));
}

TEST(DrawNode, SplitsACacheThatNoLineHoldsIntoEqualLines) {
  const auto node = node_of(1, 1, {48});
  EXPECT_THAT(draw_node(node, blocks(node, 12), 0, {.columns = 60}),
              HasSubstr("   0 0-23  │├───────── 0 ─────────┤ ├───────── 1 ─────────┤┊\n"
                        "     24-47 ┊├───────── 2 ─────────┤ ├───────── 3 ─────────┤│\n"));
  EXPECT_THAT(draw_node(node, blocks(node, 48), 0, {.columns = 60}),
              HasSubstr("   0 0-23  │├───────────────────── 0 ──────────────────────┊\n"
                        "     24-47 ┊────────────────────── 0 ─────────────────────┤│\n"));
  const auto smaller = node_of(1, 1, {22});
  EXPECT_THAT(draw_node(smaller, blocks(smaller, 1), 0, {.columns = 60}),
              HasSubstr("   0 0-10  │  0   1   2   3   4   5   6   7   8   9  10┊\n"
                        "     11-21 ┊ 11  12  13  14  15  16  17  18  19  20  21│\n"));
}

TEST(DrawNode, CutsNoCoreInTwo) {
  const auto node = node_of(1, 1, {5}, 2);
  // Not 5 threads in each line.
  EXPECT_THAT(draw_node(node, rank_per_thread(node), 100, {.columns = 40}),
              HasSubstr("   0 0-5  │100 101  102 103  104 105┊\n"
                        "     6-9  ┊106 107  108 109│\n"));
}

TEST(DrawNode, CutsACoreThatHasMoreThreadsThanALine) {
  const auto node = node_of(1, 1, {1}, 8);
  EXPECT_THAT(draw_node(node, rank_per_thread(node), 10'000, {.columns = 40}),
              HasSubstr("   0 0-3  │ 10000  10001  10002  10003┊\n"
                        "     4-7  ┊ 10004  10005  10006  10007│\n"));
}

TEST(DrawNode, PutsAsManyCachesIntoEachLine) {
  const auto node = node_of(1, 1, {8, 8, 8, 8, 8, 4});
  EXPECT_THAT(draw_node(node, blocks(node, 4), 0, {}),
              HasSubstr("   0 0-23  │├─ 0 ─┤ ├─ 1 ─┤│├─ 2 ─┤ ├─ 3 ─┤│├─ 4 ─┤ ├─ 5 ─┤│\n"
                        "     24-43 │├─ 6 ─┤ ├─ 7 ─┤│├─ 8 ─┤ ├─ 9 ─┤│├ 10 ─┤│\n"));
}

TEST(DrawNode, TakesMoreThan200ColumnsAs200) {
  const auto node = node_of(1, 1, {100});
  EXPECT_EQ(draw_node(node, blocks(node, 1), 10'000, {.columns = 1000}),
            draw_node(node, blocks(node, 1), 10'000, {.columns = 200}));
}

TEST(DrawNode, CountsRanksOverSeveralCachesWhereTheirNamesAreMany) {
  const auto node = node_of(2, 2, {8, 8, 8, 6});
  EXPECT_THAT(draw_node(node, blocks(node, 6), 0, {}),
              HasSubstr("ranks 0-19, 6 cores each · 8 ranks over several L3\n"));
}

// --- a job

topology::JobLayout job_of(const std::vector<int>& node_layout, std::vector<NodeLayout> layouts) {
  topology::JobLayout job;
  job.node_layout = node_layout;
  job.layouts = std::move(layouts);
  return job;
}

TEST(DrawJob, DrawsNodesThatAreAlikeOnceUnderTheirNames) {
  const auto node = node_of(1, 1, {2});
  const auto text = draw_job(job_of({0, 0, 0, -1}, {blocks(node, 1)}), {node}, {0, 0, 0, 0},
                             {"10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7"}, {});
  EXPECT_EQ(text, "10.0.0.4 (ranks 0-1), in the same way 10.0.0.5 (ranks 2-3), 10.0.0.6 (ranks 4-5)\n" +
                      draw_node(node, blocks(node, 1), 0, {}) + "\nno rank on 10.0.0.7\n");
}

TEST(DrawJob, DrawsNodesThatDifferApartWithTheRanksThatTheyHave) {
  const auto small = node_of(1, 1, {2});
  const auto large = node_of(1, 2, {4});
  const auto text = draw_job(job_of({0, 1, 0, 2}, {blocks(small, 1), blocks(large, 1), blocks(large, 8)}),
                             {small, large}, {0, 1, 0, 1}, {"a", "b", "c", "d"}, {});
  EXPECT_EQ(text, "a (ranks 0-1), in the same way c (ranks 10-11)\n" +
                      draw_node(small, blocks(small, 1), 0, {}) + "\nb (ranks 2-9)\n" +
                      draw_node(large, blocks(large, 1), 2, {}) + "\nd (rank 12)\n" +
                      draw_node(large, blocks(large, 8), 12, {}));
}

TEST(DrawJob, NamesAllNodesWithoutARankTogether) {
  const auto small = node_of(1, 1, {2});
  const auto large = node_of(1, 2, {4});
  const auto text =
      draw_job(job_of({0, -1, -1}, {blocks(small, 1)}), {small, large}, {0, 1, 0}, {"a", "b", "c"}, {});
  EXPECT_EQ(text, "a (ranks 0-1)\n" + draw_node(small, blocks(small, 1), 0, {}) + "\nno rank on b, c\n");
}

TEST(DrawJob, CountsTheNodesThatItDoesNotName) {
  const auto node = node_of(1, 1, {2});
  std::vector<std::string> hosts;
  for (int i = 0; i < 40; ++i) hosts.push_back(fmt::format("n{}", i));
  const auto text = draw_job(job_of(std::vector<int>(40, 0), {blocks(node, 2)}), {node},
                             std::vector<int>(40, 0), hosts, {});
  EXPECT_THAT(text, testing::StartsWith(
                        "n0 (rank 0), in the same way n1 (rank 1), n2 (rank 2), n3 (rank 3), n4 (rank 4)\n"
                        "n5 (rank 5), n6 (rank 6), 32 more, n39 (rank 39)\n"));
}

TEST(DrawJob, NamesTheLastNodeThatALineIsSavedBy) {
  const auto node = node_of(1, 1, {2});
  const auto head = [&](std::size_t nodes) {
    const auto text =
        draw_job(job_of(std::vector<int>(nodes, 0), {blocks(node, 2)}), {node}, std::vector<int>(nodes, 0),
                 std::vector<std::string>(nodes, "n"), {.columns = 200});
    return text.substr(0, text.find('\n'));
  };
  EXPECT_THAT(head(9), testing::EndsWith("n (rank 7), n (rank 8)"));
  EXPECT_THAT(head(10), testing::EndsWith("n (rank 6), 2 more, n (rank 9)"));
}

TEST(DrawJob, KeepsLongNamesWithinTheColumns) {
  const auto node = node_of(1, 1, {2});
  const auto text = draw_job(job_of({0}, {blocks(node, 1)}), {node}, {0}, {std::string(253, 'x')}, {});
  EXPECT_EQ(text.substr(0, text.find('\n')), std::string(79, 'x') + "…");
}

// --- the terminal

Environment environment_with(std::map<std::string, std::string, std::less<>> variables) {
  Environment environment;
  environment.variables = std::move(variables);
  environment.terminal_columns = 132;
  return environment;
}

TEST(MapStyle, FollowsTheLocaleAsItRanksItsVariables) {
  const auto unicode = [](std::map<std::string, std::string, std::less<>> variables) {
    return map_style(environment_with(std::move(variables)), true).unicode;
  };
  EXPECT_TRUE(unicode({{"LANG", "en_US.UTF-8"}}));
  EXPECT_TRUE(unicode({{"LANG", "C.utf8"}}));
  EXPECT_FALSE(unicode({}));
  EXPECT_FALSE(unicode({{"LANG", "C"}}));
  EXPECT_FALSE(unicode({{"LANG", "en_US.UTF-8"}, {"LC_ALL", "C"}}));
  EXPECT_FALSE(unicode({{"LANG", "en_US.UTF-8"}, {"LC_CTYPE", "POSIX"}}));
  EXPECT_TRUE(unicode({{"LANG", "en_US.UTF-8"}, {"LC_ALL", ""}}));
  EXPECT_TRUE(unicode({{"LC_CTYPE", "C"}, {"LC_ALL", "C.UTF-8"}}));
  EXPECT_FALSE(unicode({{"LANG", "en_US.UTF-8"}, {"TERM", "dumb"}}));
}

TEST(MapStyle, ColoursOnATerminalUnlessToldNotTo) {
  EXPECT_TRUE(map_style(environment_with({{"TERM", "xterm"}}), true).colour);
  EXPECT_FALSE(map_style(environment_with({{"TERM", "xterm"}}), false).colour);
  EXPECT_FALSE(map_style(environment_with({{"TERM", "dumb"}}), true).colour);
  EXPECT_FALSE(map_style(environment_with({{"NO_COLOR", "1"}}), true).colour);
  EXPECT_TRUE(map_style(environment_with({{"NO_COLOR", ""}}), true).colour);
  EXPECT_EQ(map_style(environment_with({}), true).columns, 132);
}

}  // namespace
}  // namespace shipyard::launcher
