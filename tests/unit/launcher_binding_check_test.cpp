#include "launcher/binding_check.hpp"

#include <gtest/gtest.h>

namespace shipyard::launcher {
namespace {

using supervise::RankRecord;

NodePlan node(const char* host, std::vector<std::string> cpusets) {
  const int ranks = static_cast<int>(cpusets.size());
  return {host, ranks, 1, std::make_shared<const std::vector<std::string>>(std::move(cpusets))};
}
RankRecord runs_on(int rank, const char* cpus, const char* host = "10.0.0.5") {
  return {.rank = rank, .host = host, .cpus = cpus};
}

TEST(CheckBindings, FindsNothingWhereAllIsAsPlanned) {
  const auto check = check_bindings({node("10.0.0.4", {"0-3", "4-7"}), node("10.0.0.5", {"0-3"})},
                                    {runs_on(0, "0-3"), runs_on(1, "4-7"), runs_on(2, "0-3")});
  EXPECT_TRUE(check.differences.empty());
  EXPECT_EQ(check.as_planned, 3);
  EXPECT_EQ(check.unreported, 0);
  EXPECT_EQ(binding_warning(check), "");
}

TEST(CheckBindings, NamesTheRankItsHostAndBothSets) {
  const auto check =
      check_bindings({node("10.0.0.4", {"0-3", "4-7"}), node("10.0.0.5", {"2", "4"})},
                     {runs_on(0, "0-3"), runs_on(1, "4-7"), runs_on(2, "2"), runs_on(3, "0-1")});
  ASSERT_EQ(check.differences.size(), 1u);
  EXPECT_EQ(check.differences[0].rank, 3);
  EXPECT_EQ(check.differences[0].host, "10.0.0.5");
  EXPECT_EQ(check.differences[0].planned, "4");
  EXPECT_EQ(check.differences[0].real, "0-1");
  EXPECT_EQ(check.as_planned, 3);
  EXPECT_EQ(binding_warning(check), "rank 3 on 10.0.0.5 runs on CPUs 0-1, not on 4 as planned");
}

TEST(CheckBindings, OneCpuIsNoPlural) {
  EXPECT_EQ(binding_warning(check_bindings({node("a", {"4-5"})}, {runs_on(0, "4")})),
            "rank 0 on 10.0.0.5 runs on CPU 4, not on 4-5 as planned");
}

TEST(CheckBindings, CpusThatStandForThePlannedAreAsPlanned) {
  RankRecord mapped = runs_on(0, "4-5");
  mapped.stands_for = "0-1";
  EXPECT_EQ(check_bindings({node("a", {"0-1"})}, {mapped}).as_planned, 1);
  mapped.stands_for = "2-3";
  EXPECT_EQ(check_bindings({node("a", {"0-1"})}, {mapped}).differences.size(), 1u);
}

TEST(CheckBindings, ASilentRankIsNoDifference) {
  const auto check = check_bindings({node("a", {"0", "1", "2", "3"})}, {runs_on(1, ""), runs_on(2, "2")});
  EXPECT_TRUE(check.differences.empty());
  EXPECT_EQ(check.as_planned, 1);
  EXPECT_EQ(check.unreported, 3);
}

TEST(CheckBindings, LeavesOutRanksThatThePlanDoesNotKnow) {
  const auto check = check_bindings({node("a", {"0"})}, {runs_on(0, "0"), runs_on(1, "5")});
  EXPECT_TRUE(check.differences.empty());
  EXPECT_EQ(check.as_planned, 1);
  EXPECT_EQ(check.unreported, 0);
}

TEST(BindingWarning, NamesThreeAndCountsTheRest) {
  std::vector<std::string> planned;
  std::vector<RankRecord> real;
  for (int rank = 0; rank < 6; ++rank) {
    planned.push_back(std::to_string(rank));
    real.push_back(runs_on(rank, "0-5"));
  }
  const auto check = check_bindings({node("10.0.0.5", planned)}, real);
  EXPECT_EQ(binding_warning(check),
            "rank 0 on 10.0.0.5 runs on CPUs 0-5, not on 0 as planned; rank 1 on 10.0.0.5 runs on CPUs 0-5, "
            "not on 1 as "
            "planned; rank 2 on 10.0.0.5 runs on CPUs 0-5, not on 2 as planned; and 3 more ranks are not "
            "where they "
            "were planned");
  planned.resize(4);
  EXPECT_TRUE(binding_warning(check_bindings({node("10.0.0.5", planned)}, real))
                  .ends_with("; and 1 more rank is not where it was planned"));
}

TEST(BindingWarning, SaysAReasonOnce) {
  std::vector<RankRecord> real{runs_on(0, "0-2"), runs_on(1, "0-2"), runs_on(2, "0-1", "10.0.0.6")};
  real[0].problem = real[1].problem = "the node has 3 CPUs (0-2), the plan is for 4 (0-3)";
  real[2].problem = "the node has 2 CPUs (0-1), the plan is for 4 (0-3)";
  EXPECT_EQ(binding_warning(check_bindings({node("a", {"0", "1"}), node("b", {"0"})}, real)),
            "rank 0 on 10.0.0.5 runs on CPUs 0-2, not on 0 as planned (the node has 3 CPUs (0-2), the plan "
            "is for 4 "
            "(0-3)); rank 1 on 10.0.0.5 runs on CPUs 0-2, not on 1 as planned; rank 2 on 10.0.0.6 runs on "
            "CPUs 0-1, not "
            "on 0 as planned (the node has 2 CPUs (0-1), the plan is for 4 (0-3))");
}

}  // namespace
}  // namespace shipyard::launcher
