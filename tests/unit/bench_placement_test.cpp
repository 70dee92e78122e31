#include "bench/harness/placement.hpp"

#include <gmock/gmock.h>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;

RankPlace place(const std::string& host, int node, const std::string& machine = "",
                std::vector<std::size_t> cpus = {}) {
  RankPlace out{.host = host, .node = node, .machine = machine, .cpus = {}};
  for (const std::size_t cpu : cpus) out.cpus.set(cpu);
  return out;
}

RankPair chosen(const Placement& placement, std::optional<RankPair> wanted = {}) {
  const auto pair = choose_pair(placement, wanted);
  if (!pair) {
    ADD_FAILURE() << pair.error().message;
    return {};
  }
  return *pair;
}

std::string refused(const Placement& placement, std::optional<RankPair> wanted = {}) {
  const auto pair = choose_pair(placement, wanted);
  return pair ? "no error" : pair.error().message;
}

TEST(ChoosePair, TakesTheFirstRankOnAnotherNode) {
  EXPECT_EQ(chosen({place("a", 0), place("a", 0), place("b", 2), place("c", 3)}), (RankPair{0, 2}));
}

TEST(ChoosePair, GoesByNodeAndNotByName) {
  EXPECT_EQ(chosen({place("vm", 0), place("vm", 0), place("vm", 2)}), (RankPair{0, 2}));
}

TEST(ChoosePair, TakesTwoRanksOfASingleNode) {
  EXPECT_EQ(chosen({place("a", 0), place("a", 0)}), (RankPair{0, 1}));
}

TEST(ChoosePair, ObeysTheUser) {
  EXPECT_EQ(chosen({place("a", 0), place("b", 1), place("b", 1)}, RankPair{2, 1}), (RankPair{2, 1}));
}

TEST(ChoosePair, RefusesASingleRank) {
  EXPECT_EQ(refused({place("a", 0)}), "a pair of ranks is needed and there is only one");
}

TEST(ChoosePair, RefusesARankThatIsNotThere) {
  EXPECT_EQ(refused({place("a", 0), place("b", 1)}, RankPair{0, 2}),
            "--pair 0,2: there is no rank 2; the ranks are 0 to 1");
}

TEST(DescribePair, SaysHowFarApartTheRanksAre) {
  EXPECT_EQ(describe_pair({place("a", 0, "x"), place("b", 1, "y")}, {0, 1}),
            "rank 0 on a, rank 1 on b (different nodes)");
  EXPECT_EQ(describe_pair({place("a", 0, "x"), place("b", 1, "x")}, {0, 1}),
            "rank 0 on a, rank 1 on b (two nodes on one machine)");
  EXPECT_EQ(describe_pair({place("a", 0, "x"), place("a", 0, "x")}, {1, 0}),
            "ranks 1 and 0 on a (same node)");
}

TEST(DescribePair, ClaimsNothingAboutMachinesThatAreUnknown) {
  EXPECT_EQ(describe_pair({place("a", 0, ""), place("b", 1, "")}, {0, 1}),
            "rank 0 on a, rank 1 on b (different nodes)");
}

TEST(DescribeRanks, SaysWhoMeasures) {
  EXPECT_EQ(describe_ranks({place("a", 0), place("b", 1)}, 2), "2 on 2 nodes");
  EXPECT_EQ(describe_ranks({place("a", 0), place("a", 0), place("a", 0)}, 2),
            "3 on 1 node; 2 measure, the other sleeps");
  EXPECT_EQ(describe_ranks({place("a", 0), place("a", 0), place("b", 2), place("c", 3)}, 2),
            "4 on 3 nodes; 2 measure, the others sleep");
  const auto of_two = place("a", 0, "x", {0, 1});
  EXPECT_EQ(describe_ranks({of_two, of_two}, 2), "2 on 1 node");
  EXPECT_EQ(describe_ranks({of_two, of_two, of_two, of_two}, 2),
            "4 on 1 node, 2 CPUs (oversubscribed); 2 measure, the others sleep");
  EXPECT_EQ(describe_ranks({place("a", 0, "x", {0}), place("a", 0, "x", {0}), place("b", 2, "y", {0, 1})}, 3),
            "3 on 2 nodes, 2 of them on 1 CPU (oversubscribed)");
}

TEST(SharingNotes, WarnWhereRanksShareCpus) {
  EXPECT_THAT(
      sharing_notes({place("a", 0, "x", {3}), place("b", 1, "x", {3})}, {0, 1}),
      ElementsAre(
          "2 ranks share CPU 3 of a and b (one machine): oversubscribed, so the figures are the scheduler's "
          "as much as the network's (try --bind-to none)"));
  const auto four = place("a", 0, "x", {0, 1});
  EXPECT_THAT(
      sharing_notes({four, four, four, four}, {0, 1, 2, 3}),
      ElementsAre("4 ranks share CPUs 0-1 of a: oversubscribed, so the figures are the scheduler's as much "
                  "as the network's"));
  EXPECT_THAT(sharing_notes({four, four, four, four}, {0, 3}), IsEmpty()) << "the others sleep";
}

TEST(SharingNotes, CountTheRanksOfEachCpuAndNotThoseOfAll) {
  EXPECT_THAT(
      sharing_notes({place("a", 0, "x", {0}), place("a", 0, "x", {0}), place("a", 0, "x", {1, 2, 3})},
                    {0, 1, 2}),
      ElementsAre(
          "2 ranks share CPU 0 of a: oversubscribed, so the figures are the scheduler's as much as the "
          "network's (try --bind-to none)"));
  // The third can only go where the first two are, and the fourth has a CPU of its own.
  EXPECT_THAT(
      sharing_notes({place("a", 0, "x", {0, 1}), place("a", 0, "x", {1, 2}), place("a", 0, "x", {0, 2}),
                     place("a", 0, "x", {0, 1, 2}), place("a", 0, "x", {2, 3})},
                    {0, 1, 2, 3, 4}),
      ElementsAre("4 ranks share CPUs 0-2 of a: oversubscribed, so the figures are the scheduler's as "
                  "much as the network's"));
  // One has to move over for the other.
  EXPECT_THAT(sharing_notes({place("a", 0, "x", {0, 1}), place("a", 0, "x", {0})}, {0, 1}), IsEmpty());
}

TEST(SharingNotes, AreSilentWhereThereIsRoom) {
  EXPECT_THAT(sharing_notes({place("a", 0, "x", {3}), place("b", 1, "x", {4})}, {0, 1}), IsEmpty());
  EXPECT_THAT(sharing_notes({place("a", 0, "x", {3}), place("b", 1, "y", {3})}, {0, 1}), IsEmpty());
  EXPECT_THAT(sharing_notes({place("a", 0, "x", {0, 1}), place("a", 0, "x", {0, 1})}, {0, 1}), IsEmpty());
  EXPECT_THAT(sharing_notes({place("a", 0, "x"), place("b", 1, "x")}, {0, 1}), IsEmpty());
}

Placement loaded(std::vector<std::pair<double, int>> loads) {
  Placement placement;
  for (const auto& [load, cpus] : loads) {
    const int node = static_cast<int>(placement.size());
    placement.push_back(place("node-" + std::to_string(node), node));
    placement.back().load = load;
    placement.back().node_cpus = cpus;
  }
  return placement;
}

TEST(LoadNote, NamesMeasuringNodesThatWereBusy) {
  const auto placement = loaded({{30.5, 120}, {29.5, 120}, {40, 120}, {0.75, 1}});
  EXPECT_EQ(
      load_note(placement, {0, 1, 3}),
      "busy in the minute before the start: node-0 (load average 30.50 on 120 CPUs), node-3 (load average "
      "0.75 on 1 CPU)");
  EXPECT_EQ(load_note(placement, {1}), "");
}

TEST(LoadNote, NamesANodeAndAMachineOnce) {
  auto placement = loaded({{8, 4}, {8, 4}});
  for (RankPlace& place : placement) place.machine = "x";
  EXPECT_EQ(load_note(placement, {0, 1, 0}),
            "busy in the minute before the start: node-0 (load average 8.00 on 4 CPUs)");
  EXPECT_EQ(describe_loads(placement, {0, 0, 1}), "node-0 8.00, node-1 8.00");
}

TEST(LoadNote, IsShortWhereManyAreBusy) {
  EXPECT_THAT(load_note(loaded({10, {8.0, 4}}), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
              EndsWith("node-7 (load average 8.00 on 4 CPUs) and 2 more"));
}

TEST(LoadNote, IsEmptyWhereNothingIsKnownOrLittleRuns) {
  EXPECT_EQ(load_note(loaded({{-1, 4}, {8, 0}, {0.5, 1}, {0.45, 1}, {1, 4}}), {0, 1, 2, 3, 4}), "");
}

TEST(DescribeLoads, HasEachMeasuringNode) {
  EXPECT_EQ(describe_loads(loaded({{0.25, 4}, {-1, 4}, {1.5, 4}, {3, 4}}), {2, 0, 1}),
            "node-2 1.50, node-0 0.25, node-1 unknown");
}

TEST(LoadAverage, IsTheFirstNumber) {
  EXPECT_DOUBLE_EQ(load_average("1.52 0.80 0.33 2/512 4711"), 1.52);
  EXPECT_LT(load_average(""), 0);
  EXPECT_LT(load_average("nan 1 1"), 0);
}

TEST(FirstRankOfEachNode, IsTheLowest) {
  EXPECT_THAT(first_rank_of_each_node({place("a", 0), place("b", 1), place("a", 0), place("c", 3)}),
              ElementsAre(0, 1, 3));
}

TEST(FormatCpus, JoinsRanges) {
  EXPECT_EQ(format_cpus(place("", 0, "", {0, 1, 2, 3, 8, 10, 11}).cpus), "0-3,8,10-11");
  EXPECT_EQ(format_cpus(place("", 0, "", {1022, 1023}).cpus), "1022-1023");
  EXPECT_EQ(format_cpus({}), "");
}

}  // namespace
}  // namespace shipyard::bench
