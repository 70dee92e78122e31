#include "bench/launch/schedule.hpp"

#include <gmock/gmock.h>

#include "base/shell_quote.hpp"

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using Words = std::vector<std::string>;

Environment with(const std::map<std::string, std::string, std::less<>>& variables) {
  Environment environment;
  environment.variables = variables;
  return environment;
}

/// "NAME: COMMAND" of each, or the error.
Words plan(const LaunchOptions& options, const Environment& environment = {}) {
  const auto counts = plan_counts(options, "shipyard-mpirun", environment);
  if (!counts) return {counts.error().message};
  Words lines;
  for (const Count& count : *counts) lines.push_back(count.name + ": " + shell_quote(count.command));
  return lines;
}

TEST(PlanCounts, NodesAreForShipyardMpirun) {
  EXPECT_THAT(plan({.nodes = {1, 3}}),
              ElementsAre("1: shipyard-mpirun --nodes 1", "3: shipyard-mpirun --nodes 3"));
  EXPECT_THAT(plan({.nodes = {2}, .ppn = 4}), ElementsAre("2: shipyard-mpirun --nodes 2 --ppn 4"));
  EXPECT_THAT(plan({.ranks = {2, 8}}),
              ElementsAre("ranks:2: shipyard-mpirun -n 2", "ranks:8: shipyard-mpirun -n 8"));
}

TEST(PlanCounts, WithoutCountsPowersOfTwoUpToAllKnownNodes) {
  const auto names = [](const char* variable, const char* hosts) {
    const auto counts = plan_counts({}, "shipyard-mpirun", with({{variable, hosts}}));
    Words result;
    for (const Count& count : *counts) result.push_back(count.name);
    return result;
  };
  EXPECT_THAT(names("AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9"),
              ElementsAre("1", "2", "4", "6"));
  EXPECT_THAT(names("AZ_BATCH_HOST_LIST", "a"), ElementsAre("1"));
  EXPECT_THAT(names("AZ_BATCH_HOST_LIST", ""), ElementsAre("1"));
  EXPECT_THAT(names("SHIPYARD_HOSTS", "a:2,b:2,"), ElementsAre("1", "2"));
  EXPECT_THAT(names("HOME", "/"), ElementsAre("1"));
  EXPECT_THAT(plan({}, with({{"AZ_BATCH_HOST_LIST", "a,b,c"}, {"SHIPYARD_HOSTS", "a,b"}})).size(), 2);
}

TEST(PlanCounts, PlaceholdersAreFilledInEveryWord) {
  EXPECT_THAT(
      plan({.nodes = {1, 2}, .ppn = 4, .command = {"run{nodes}", "-{ppn}x{ranks}={ranks}", "{rank}{}"}}),
      ElementsAre("1: run1 -4x4=4 '{rank}{}'", "2: run2 -4x8=8 '{rank}{}'"));
  EXPECT_THAT(plan({.nodes = {3}, .command = {"mpirun", "{ranks}"}}), ElementsAre("3: mpirun 3"));
  EXPECT_THAT(plan({.ranks = {5}, .ppn = 2, .command = {"srun", "{nodes}", "{ranks}", "{ppn}"}}),
              ElementsAre("ranks:5: srun 3 5 2"));
}

TEST(PlanCounts, CountsAreSpoken) {
  const auto nodes = plan_counts({.nodes = {1, 2}}, "shipyard-mpirun", {});
  EXPECT_EQ((*nodes)[0].text, "1 node");
  EXPECT_EQ((*nodes)[1].text, "2 nodes");
  EXPECT_EQ((*nodes)[1].nodes, 2);
  const auto ranks = plan_counts({.ranks = {1}}, "shipyard-mpirun", {});
  EXPECT_EQ((*ranks)[0].text, "1 rank");
  EXPECT_EQ((*ranks)[0].nodes, std::nullopt);
}

TEST(PlanCounts, RejectsACommandThatStartsTheSame) {
  EXPECT_THAT(plan({.nodes = {1, 2}, .command = {"mpirun", "-np", "2"}}),
              ElementsAre("the command starts the same for 1 node and for 2 nodes"));
  EXPECT_THAT(plan({.ranks = {1, 2}, .ppn = 2, .command = {"srun", "-N{nodes}"}}),
              ElementsAre("the command starts the same for 1 rank and for 2 ranks"));
  EXPECT_THAT(plan({.nodes = {2}, .command = {"mpirun", "-np", "2"}}), ElementsAre("2: mpirun -np 2"));
}

TEST(PlanTurns, CountsTakeTurnsAndTheWarmUpComesFirst) {
  Words turns;
  const LaunchOptions options{.launches = 2, .warmup = 1};
  const auto counts = plan_counts({.nodes = {1, 4}}, "shipyard-mpirun", {});
  for (const Turn& turn : plan_turns(options, 2)) turns.push_back(describe(turn, *counts, options));
  EXPECT_THAT(turns,
              ElementsAre("1 node, warm-up 1 of 1", "4 nodes, warm-up 1 of 1", "1 node, launch 1 of 2",
                          "4 nodes, launch 1 of 2", "1 node, launch 2 of 2", "4 nodes, launch 2 of 2"));
  EXPECT_EQ(plan_turns({.launches = 1, .warmup = 0}, 3).size(), 3);
}

TEST(TimeLeft, EachCountTakesAsLongAsItDidLast) {
  const auto turns = plan_turns({.launches = 2, .warmup = 1}, 2);  // 0 1 | 0 1 0 1
  EXPECT_EQ(time_left(turns, {}), std::nullopt);
  EXPECT_EQ(time_left(turns, {Seconds(1)}), Seconds(1 + 1 + 1 + 1 + 1));
  EXPECT_EQ(time_left(turns, {Seconds(1), Seconds(10)}), Seconds(1 + 10 + 1 + 10));
  EXPECT_EQ(time_left(turns, {Seconds(1), Seconds(10), Seconds(2)}), Seconds(10 + 2 + 10));
  EXPECT_EQ(time_left(turns, std::vector<Seconds>(6, Seconds(1))), Seconds(0));
}

}  // namespace
}  // namespace shipyard::bench
