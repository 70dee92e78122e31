#include "launcher/preflight/decision.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/check_samples.hpp"
#include "tests/unit/preflight_samples.hpp"

namespace shipyard::launcher::preflight {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kHosts = {"10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7"};

std::vector<std::string> names_of(const std::vector<UnfitNode>& nodes) {
  std::vector<std::string> names;
  for (const auto& node : nodes) names.push_back(node.host);
  return names;
}

TEST(PreflightDecision, TakesAllWhereAllAreFit) {
  const auto decision = decide(kHosts, {}, std::nullopt);
  EXPECT_FALSE(decision.refusal);
  EXPECT_EQ(decision.used, kHosts);
  EXPECT_THAT(decision.left_out, IsEmpty());
}

TEST(PreflightDecision, TakesTheFirstOfTheFitOnes) {
  EXPECT_THAT(decide(kHosts, {}, 3).used, ElementsAre("10.0.0.4", "10.0.0.5", "10.0.0.6"));
  const auto decision = decide(kHosts, {{"10.0.0.7", "slow", {}}, {"10.0.0.5", "gone", {}}}, 2);
  EXPECT_FALSE(decision.refusal);
  EXPECT_THAT(decision.used, ElementsAre("10.0.0.4", "10.0.0.6"));
  // In the order of the hosts.
  EXPECT_THAT(names_of(decision.left_out), ElementsAre("10.0.0.5", "10.0.0.7"));
}

TEST(PreflightDecision, LeavesOutTheFirstNodeAsAnyOther) {
  EXPECT_THAT(decide(kHosts, {{"10.0.0.4", "slow", {}}}, 3).used,
              ElementsAre("10.0.0.5", "10.0.0.6", "10.0.0.7"));
}

TEST(PreflightDecision, RefusesWhereAllAreWanted) {
  const auto refusal = decide(kHosts, {{"10.0.0.6", "slow: 3.10 µs", {}}}, std::nullopt).refusal;
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->name, "node_unfit");
  EXPECT_EQ(refusal->status, 120);
  EXPECT_EQ(refusal->message, "preflight: 1 of 4 nodes is unfit\n  10.0.0.6: slow: 3.10 µs");
  EXPECT_EQ(refusal->hint, "--nodes 3 runs on those that are fit and leaves the rest out");
}

TEST(PreflightDecision, RefusesWhereTooFewAreLeft) {
  const std::vector<UnfitNode> unfit = {
      {"10.0.0.4", "slow", {}}, {"10.0.0.5", "a", {}}, {"10.0.0.6", "b", {}}};
  const auto decision = decide(kHosts, unfit, 2);
  ASSERT_TRUE(decision.refusal);
  EXPECT_THAT(decision.used, IsEmpty());
  EXPECT_EQ(decision.refusal->message,
            "preflight: 1 of 4 nodes is fit, and --nodes asks for 2\n"
            "  10.0.0.4: slow\n  10.0.0.5: a\n  10.0.0.6: b");
  EXPECT_EQ(decision.refusal->hint, "--nodes 1 runs on the one that is fit and leaves the rest out");
  EXPECT_EQ(decide({"a"}, {{"a", "b", {}}}, std::nullopt).refusal->hint, "");
}

TEST(PreflightDecision, NamesTenNodesAndCountsTheRest) {
  std::vector<std::string> hosts;
  std::vector<UnfitNode> unfit;
  for (int i = 0; i < 13; ++i) {
    hosts.push_back("n" + std::to_string(i));
    unfit.push_back({hosts.back(), "slow", {}});
  }
  const auto message = decide(hosts, unfit, 1).refusal->message;
  EXPECT_TRUE(message.ends_with("\n  n9: slow\n  and 3 more")) << message;
}

TEST(UnfitByCheck, TakesTheReasonThatExplainsTheOthersAndNoDifferences) {
  auto check = check::fine_check(4);
  check.nodes[1].facts->mpi.version = "Open MPI 5.0.7";
  check.nodes[1].facts->program = ENOENT;
  check.nodes[2].facts->cores = 2;
  fail(check.nodes[3], check::SshFailure::Kind::kUnreachable, "connection refused");
  EXPECT_THAT(unfit_by_check(check),
              ElementsAre(UnfitNode{"10.0.0.7", "connection refused", {}},
                          UnfitNode{"10.0.0.5", "Open MPI 5.0.7, the primary has Open MPI 4.1.4", {}}));
  EXPECT_THAT(unfit_by_check(check::fine_check(4)), IsEmpty());
}

TEST(UnfitBySpeed, SaysTheFiguresAndWhatIsTypical) {
  EXPECT_THAT(
      unfit_by_speed(star(4, 2), kHosts),
      ElementsAre(UnfitNode{"10.0.0.6", "slow: 3.10 µs and 5.00 GB/s, typical are 1.80 µs and 23.0 GB/s",
                            LinkFigures{3100, 5000}}));
  EXPECT_THAT(unfit_by_speed(star(4, 4), kHosts), IsEmpty());
}

LaunchContext context_of(const std::vector<std::string>& hosts) {
  LaunchContext context;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    context.hosts.hosts.push_back({.name = hosts[i], .slots = static_cast<int>(i)});
    context.addresses.push_back(*parse_address(hosts[i]));
    context.host_topology.push_back(static_cast<int>(i));
  }
  context.own_host = 2;
  return context;
}

TEST(WithoutHosts, KeepsWhatBelongsTogether) {
  const auto context = without_hosts(context_of(kHosts), {{"10.0.0.5", "slow", {}}});
  ASSERT_EQ(context.hosts.hosts.size(), 3U);
  EXPECT_EQ(context.hosts.hosts[1].name, "10.0.0.6");
  EXPECT_EQ(context.hosts.hosts[1].slots, 2);
  EXPECT_EQ(to_string(context.addresses[1]), "10.0.0.6");
  EXPECT_EQ(context.host_topology, (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(context.own_host, 1U);
}

TEST(WithoutHosts, ThisNodeMayBeAmongThem) {
  EXPECT_FALSE(without_hosts(context_of(kHosts), {{"10.0.0.6", "slow", {}}}).own_host);
}

TEST(WithoutHosts, AJobOnThisMachineHasNoAddresses) {
  LaunchContext context;
  context.hosts.hosts = {{.name = "localhost"}};
  const auto same = without_hosts(context, {});
  EXPECT_EQ(same.hosts.hosts.size(), 1U);
  EXPECT_TRUE(same.addresses.empty());
}

}  // namespace
}  // namespace shipyard::launcher::preflight
