#include "launcher/topology/layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::topology {
namespace {

using testing::Each;
using testing::ElementsAre;

NodeTopology node_of(int cores, std::optional<double> quota = {}, int allowed = 0) {
  NodeTopology node;
  for (int i = 0; i < cores; ++i) node.cores.push_back({{i}});
  node.allowed_cores = allowed == 0 ? cores : allowed;
  node.cpu_quota = quota;
  return node;
}

Layout planned(const LayoutWish& wish, int nodes, const NodeTopology& node) {
  auto layout = plan_layout(wish, nodes, node);
  EXPECT_TRUE(layout) << (layout ? "" : layout.error().message);
  return layout ? *layout : Layout{};
}

LayoutWish::Count count(int value, const char* origin) { return {value, origin}; }

TEST(NodeTopology, UsableCoresFollowTheQuotaRoundedDownAndAreAtLeastOne) {
  EXPECT_EQ(node_of(8).usable_cores(), 8);
  EXPECT_EQ(node_of(8, 2.9).usable_cores(), 2);
  EXPECT_EQ(node_of(8, 0.5).usable_cores(), 1);
  EXPECT_EQ(node_of(8, 16.0).usable_cores(), 8);
  EXPECT_EQ(node_of(0).usable_cores(), 1);
}

TEST(PlanLayout, GivesARankToEachUsableCore) {
  const auto layout = planned({}, 3, node_of(4));
  EXPECT_THAT(layout.ranks, ElementsAre(4, 4, 4));
  EXPECT_EQ(layout.total, 12);
  EXPECT_EQ(layout.cores, 4);
  EXPECT_FALSE(layout.shares_cores);
  EXPECT_EQ(layout.reason, "one on each of this node's 4 cores");
}

TEST(PlanLayout, SaysThatAQuotaOrAnAffinityMaskIsTheReason) {
  EXPECT_EQ(planned({}, 1, node_of(8, 2.0)).reason, "one on each of this node's 2 cores (CPU quota 2 of 8)");
  EXPECT_EQ(planned({}, 1, node_of(1, {}, 8)).reason,
            "one on each of this node's 1 core (CPU affinity allows 1 of 8)");
}

TEST(PlanLayout, DealsOutWhatIsNoMultipleOfTheNodes) {
  const auto layout = planned({.ranks = count(7, "-n")}, 3, node_of(4));
  EXPECT_THAT(layout.ranks, ElementsAre(3, 2, 2));
  EXPECT_EQ(layout.total, 7);
  EXPECT_EQ(layout.reason, "7 (-n) dealt out over 3 nodes");
}

TEST(PlanLayout, LeavesNodesAtTheEndEmptyWhereRanksAreFewer) {
  const auto layout = planned({.ranks = count(2, "SHIPYARD_N")}, 4, node_of(4));
  EXPECT_THAT(layout.ranks, ElementsAre(1, 1, 0, 0));
  EXPECT_EQ(layout.total, 2);
}

TEST(PlanLayout, TakesPpnOnEveryNode) {
  const auto layout = planned({.ranks_per_node = count(2, "SHIPYARD_PPN")}, 3, node_of(4));
  EXPECT_THAT(layout.ranks, ElementsAre(2, 2, 2));
  EXPECT_EQ(layout.reason, "2 on every node (SHIPYARD_PPN)");
}

TEST(PlanLayout, FillsNodesInTurnWherePpnAndNAreGiven) {
  const auto layout = planned({.ranks = count(5, "-n"), .ranks_per_node = count(2, "--ppn")}, 3, node_of(4));
  EXPECT_THAT(layout.ranks, ElementsAre(2, 2, 1));
  EXPECT_EQ(layout.reason, "5 (-n) fill the nodes in turn, 2 on every node (--ppn)");
  EXPECT_THAT(planned({.ranks = count(2, "-n"), .ranks_per_node = count(2, "--ppn")}, 3, node_of(4)).ranks,
              ElementsAre(2, 0, 0));
}

TEST(PlanLayout, RefusesMoreRanksThanPpnLeavesRoomFor) {
  auto layout = plan_layout({.ranks = count(7, "-n"), .ranks_per_node = count(2, "--ppn")}, 3, node_of(4));
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().message, "7 ranks (-n) do not fit: 3 nodes take 6");
  EXPECT_EQ(layout.error().hint, "ask for fewer ranks, more per node, or more nodes");
}

TEST(PlanLayout, TakesTheHostfilesSlotsAndCoresWhereItNamesNone) {
  const auto layout = planned({.node_slots = {1, std::nullopt, 3}}, 3, node_of(4));
  EXPECT_THAT(layout.ranks, ElementsAre(1, 4, 3));
  EXPECT_EQ(layout.reason, "the hostfile's slots");
  EXPECT_THAT(planned({.ranks = count(2, "-n"), .node_slots = {1, std::nullopt, 3}}, 3, node_of(4)).ranks,
              ElementsAre(1, 1, 0));
}

TEST(PlanLayout, PpnWinsOverSlots) {
  EXPECT_THAT(planned({.ranks_per_node = count(2, "--ppn"), .node_slots = {1, 1}}, 2, node_of(4)).ranks,
              Each(2));
}

TEST(PlanLayout, RefusesToShareCoresAndSaysBothNumbers) {
  auto layout = plan_layout({.ranks = count(9, "-n")}, 2, node_of(4));
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().message, "5 ranks on a node that has 4 cores");
  EXPECT_EQ(layout.error().hint, "ask for fewer ranks, or let them share cores with --oversubscribe");
  layout = plan_layout({.ranks_per_node = count(3, "--ppn")}, 2, node_of(8, 2.0));
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().message, "3 ranks on a node that has 2 cores (CPU quota 2 of 8)");
}

TEST(PlanLayout, SharesCoresWhenAsked) {
  const auto layout = planned({.ranks_per_node = count(5, "--ppn"), .oversubscribe = true}, 2, node_of(4));
  EXPECT_THAT(layout.ranks, Each(5));
  EXPECT_TRUE(layout.shares_cores);
  EXPECT_FALSE(
      planned({.ranks_per_node = count(4, "--ppn"), .oversubscribe = true}, 2, node_of(4)).shares_cores);
}

}  // namespace
}  // namespace shipyard::topology
