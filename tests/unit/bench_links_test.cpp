#include "bench/links/links.hpp"

#include <gmock/gmock.h>

#include <random>
#include <set>
#include <sstream>
#include <string>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Rounds, EveryPairMeetsOnceAndNobodyTwiceInARound) {
  for (int nodes = 2; nodes <= 33; ++nodes) {
    std::set<std::pair<int, int>> met;
    for (int round = 0; round < rounds_for(nodes); ++round) {
      int resting = 0;
      for (int node = 0; node < nodes; ++node) {
        const int partner = partner_of(node, round, nodes);
        ASSERT_GE(partner, 0);
        ASSERT_LT(partner, nodes);
        ASSERT_EQ(partner_of(partner, round, nodes), node) << nodes << " nodes, round " << round;
        resting += partner == node;
        if (partner > node) {
          ASSERT_TRUE(met.emplace(node, partner).second) << nodes << ": met twice";
        }
      }
      EXPECT_EQ(resting, nodes % 2);
    }
    EXPECT_EQ(met.size(), static_cast<std::size_t>(nodes * (nodes - 1) / 2)) << nodes;
  }
}

/// All links alike, but for some per cent.
LinkMatrix even(std::size_t nodes, double value, double noise, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> factor(1, 1 + noise);
  LinkMatrix matrix(nodes);
  for (std::size_t from = 0; from < nodes; ++from)
    for (std::size_t to = 0; to < nodes; ++to)
      if (from != to) matrix.values[from][to] = value * factor(random);
  return matrix;
}
void slow_down(LinkMatrix& matrix, std::size_t node, double factor) {
  for (std::size_t other = 0; other < matrix.values.size(); ++other) {
    matrix.values[node][other] *= factor;
    matrix.values[other][node] *= factor;
  }
}

TEST(JudgeLinks, NamesASlowNodeAndNotItsNeighbours) {
  for (std::size_t nodes : {3, 4, 7, 50}) {
    for (bool more_is_better : {false, true}) {
      auto matrix = even(nodes, 20, 0.1);
      slow_down(matrix, 1, more_is_better ? 1 / 1.6 : 1.6);
      const auto verdict = judge_links(matrix, more_is_better);
      ASSERT_EQ(verdict.nodes.size(), 1u) << nodes;
      EXPECT_EQ(verdict.nodes[0].node, 1);
      EXPECT_THAT(verdict.links, IsEmpty()) << nodes;
    }
  }
}

TEST(JudgeLinks, NamesANodeThatIsSlowInOneDirection) {
  for (bool sends_slowly : {false, true}) {
    auto matrix = even(5, 1000, 0.1);
    for (std::size_t other = 0; other < 5; ++other)
      (sends_slowly ? matrix.values[3][other] : matrix.values[other][3]) /= 10;
    const auto verdict = judge_links(matrix, true);
    ASSERT_EQ(verdict.nodes.size(), 1u);
    EXPECT_EQ(verdict.nodes[0].node, 3);
    EXPECT_THAT(verdict.links, IsEmpty());
  }
}

TEST(JudgeLinks, NamesALinkBetweenNodesThatAreNotSlow) {
  auto matrix = even(8, 20, 0.1);
  matrix.values[2][5] = 40;
  const auto verdict = judge_links(matrix, false);
  EXPECT_THAT(verdict.nodes, IsEmpty());
  ASSERT_EQ(verdict.links.size(), 1u);
  EXPECT_EQ(verdict.links[0].from, 2);
  EXPECT_EQ(verdict.links[0].to, 5);
  EXPECT_EQ(verdict.links[0].value, 40);
}

TEST(JudgeLinks, NamesNobodyWhereNothingIsSlow) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    for (std::size_t nodes : {3, 4, 10}) {
      const auto verdict = judge_links(even(nodes, 20, 0.15, seed), false);
      EXPECT_THAT(verdict.nodes, IsEmpty());
      EXPECT_THAT(verdict.links, IsEmpty());
    }
  }
}

TEST(JudgeLinks, ALittleWorseIsNotSlowHoweverEvenTheOthersAre) {
  auto matrix = even(8, 20, 0);
  slow_down(matrix, 3, 1.15);
  EXPECT_THAT(judge_links(matrix, false).nodes, IsEmpty());
}

TEST(JudgeLinks, WhereCpusAreSharedOnlyWhatIsThreeTimesAsSlowIsNamed) {
  for (const auto& [factor, found] : {std::pair(2.5, 0u), {3.5, 1u}}) {
    auto matrix = even(5, 20, 0.1);
    slow_down(matrix, 3, factor);
    matrix.values[0][1] *= factor;
    const auto verdict = judge_links(matrix, false, kWorseOnSharedCpus);
    EXPECT_EQ(verdict.nodes.size(), found);
    EXPECT_EQ(verdict.links.size(), found);
    EXPECT_EQ(judge_links(matrix, false).nodes.size(), 1u);
  }
}

TEST(JudgeLinks, TwoNodesHaveNothingToBeComparedWith) {
  LinkMatrix matrix(2);
  matrix.values[0][1] = 10;
  matrix.values[1][0] = 100;
  const auto verdict = judge_links(matrix, false);
  EXPECT_THAT(verdict.nodes, IsEmpty());
  EXPECT_THAT(verdict.links, IsEmpty());
  EXPECT_EQ(verdict.typical, 55);
}

TEST(JudgeLinks, WhatWasNotMeasuredCountsForNothing) {
  auto matrix = even(4, 20, 0.05);
  matrix.values[0][1] = matrix.values[1][0] = 0;
  EXPECT_THAT(judge_links(matrix, false).nodes, IsEmpty());
  EXPECT_EQ(judge_links(LinkMatrix(3), false).typical, 0);
}

TEST(LinksText, NumbersTheNodesSoThatLikeNamesDiffer) {
  LinkMatrix matrix(3);
  matrix.values = {{0, 25'310, 1'234'567}, {25'310, 0, 0}, {1'234'567, 9000, 0}};
  EXPECT_EQ(links_text({"10.0.0.1", "10.0.0.10", "10.0.0.11"},
                       {{.title = "latency, µs", .matrix = matrix, .scale = 1e-3, .decimals = 2}}),
            "\n"
            "  latency, µs, from (row) to (column)\n"
            "\n"
            "                      1        2        3\n"
            "  1  10.0.0.1         -    25.31  1234.57\n"
            "  2  10.0.0.10    25.31        -        -\n"
            "  3  10.0.0.11  1234.57     9.00        -\n");
}

TEST(LinksText, CutsLongNamesInTheMiddle) {
  const std::string pool = "batch-pool-of-many-machines-";
  LinkMatrix matrix(2);
  matrix.values = {{0, 12'000}, {11'000, 0}};
  EXPECT_EQ(links_text({pool + "000001", pool + "000002"}, {{.title = "MB/s", .matrix = matrix}}),
            "\n"
            "  MB/s, from (row) to (column)\n"
            "\n"
            "                                   1      2\n"
            "  1  batch-pool-o…ines-000001      -  12000\n"
            "  2  batch-pool-o…ines-000002  11000      -\n");
}

TEST(LinksText, HasALineForEachNodeWhereTheMatrixIsTooWide) {
  constexpr std::size_t kNodes = 12;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kNodes; ++i) names.push_back("10.0.0." + std::to_string(i + 4));
  LinkMatrix matrix(kNodes);
  for (std::size_t from = 0; from < kNodes; ++from) {
    for (std::size_t to = 0; to < kNodes; ++to) matrix.values[from][to] = from == to ? 0 : 10'000;
  }
  matrix.values[0][11] = 4000;
  const std::string text = links_text(names, {{.title = "MB/s", .matrix = matrix, .more_is_better = true}});
  EXPECT_THAT(text, HasSubstr("\n"
                              "  MB/s, of the links from and to each node\n"
                              "\n"
                              "                     median       worst   with\n"
                              "   1  10.0.0.4        10000        4000   12\n"
                              "   2  10.0.0.5        10000       10000   "));
  EXPECT_THAT(text,
              HasSubstr("\n  12  10.0.0.15       10000        4000   1\n"
                        "\n  The report (--out), and scripts/plot's picture of it, have every link.\n"));
}

TEST(LinksText, FitsInto80Columns) {
  for (std::size_t nodes = 2; nodes <= 40; ++nodes) {
    const std::vector<std::string> names(nodes, std::string(40, 'n'));
    LinkMatrix matrix(nodes);
    for (auto& row : matrix.values) row.assign(nodes, 24'000);
    std::istringstream lines(links_text(names, {{.title = "MB/s", .matrix = matrix}}));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), 82U) << nodes << line;  // bytes: …
  }
}

TEST(UnmetByLinks, NamesTheWorstLink) {
  Options options;
  options.expect_latency_ns = 20'000;
  options.expect_bandwidth_mb = 1000;
  LinkMatrix latency(3);
  latency.values = {{0, 15'000, 30'000}, {15'000, 0, 20'000}, {30'000, 20'000, 0}};
  LinkMatrix bandwidth(3);
  bandwidth.values = {{0, 1000, 1200}, {1100, 0, 900}, {1000, 800, 0}};
  EXPECT_THAT(unmet_by_links(options, {"a", "b", "c"}, latency, bandwidth),
              ElementsAre("--expect-latency 20 us: the worst link, from a to c, has 30 us",
                          "--expect-bandwidth 1000 MB/s: the worst link, from c to b, has 800 MB/s"));
  options.expect_latency_ns = 30'000;
  options.expect_bandwidth_mb = 800;
  EXPECT_THAT(unmet_by_links(options, {"a", "b", "c"}, latency, bandwidth), IsEmpty());
  EXPECT_THAT(unmet_by_links({}, {"a", "b", "c"}, latency, bandwidth), IsEmpty());
}

TEST(UnmetByLinks, IsNotMetByALinkThatWasNotMeasured) {
  Options options;
  options.expect_latency_ns = 20'000;
  LinkMatrix latency(2);
  EXPECT_THAT(unmet_by_links(options, {"a", "b"}, latency, latency),
              ElementsAre("--expect-latency 20 us: 2 links were not measured"));
  latency.values = {{0, 10'000}, {0, 0}};
  EXPECT_THAT(unmet_by_links(options, {"a", "b"}, latency, latency),
              ElementsAre("--expect-latency 20 us: 1 link was not measured"));
}

}  // namespace
}  // namespace shipyard::bench
