#include "launcher/rank/binding.hpp"

#include <gtest/gtest.h>

#include "base/cpu_list.hpp"

namespace shipyard::rank {
namespace {

/// cpus_on_this_node, in the kernel's lists; a failure's message.
std::string mapped(const char* cpus, const char* usable, const char* own) {
  auto result = cpus_on_this_node(*parse_cpu_list(cpus), *parse_cpu_list(usable), *parse_cpu_list(own));
  return result ? format_cpu_list(*result) : result.error().message;
}

TEST(CpusOnThisNode, AreThePlannedWhereTheNodeHasThem) {
  EXPECT_EQ(mapped("2-3", "0-3", "0-3"), "2-3");
  EXPECT_EQ(mapped("2-3", "0-3", "0-4095"), "2-3");
  EXPECT_EQ(mapped("2,1500", "2-3,1500", "0-1600"), "2,1500");
}

TEST(CpusOnThisNode, FollowTheOrderWhereItHasOthersButAsMany) {
  EXPECT_EQ(mapped("0-1", "0-3", "4-7"), "4-5");
  EXPECT_EQ(mapped("2-3", "0-3", "4-7"), "6-7");
  EXPECT_EQ(mapped("0,2", "0-3", "1,3,5,7"), "1,5");
  EXPECT_EQ(mapped("4,6", "4,6,8", "0-2"), "0-1");
  EXPECT_EQ(mapped("1-2", "0-3", "2-5"), "3-4");  // some in common: still by order, as for all other ranks
}

TEST(CpusOnThisNode, AreUnknownWhereTheNodeHasFewerOrMore) {
  EXPECT_EQ(mapped("0", "0-3", "0-2"), "the node has 3 CPUs (0-2), the plan is for 4 (0-3)");
  EXPECT_EQ(mapped("0", "0-1", "1-3"), "the node has 3 CPUs (1-3), the plan is for 2 (0-1)");
  EXPECT_EQ(mapped("0", "0-1", "1"), "the node has 1 CPU (1), the plan is for 2 (0-1)");
}

TEST(CpusOnThisNode, MustBeAmongThoseOfThePlan) {
  EXPECT_EQ(mapped("3-4", "0-3", "0-7"), "CPUs 3-4 are not among the 0-3 that the plan is for");
}

TEST(CpusOnThisNode, AreMeantAsTheyAreWhereThePlanKnowsNoMore) { EXPECT_EQ(mapped("2", "", "0-3"), "2"); }

TEST(BindTo, BindsThisThreadAndSaysSo) {
  const auto before = own_cpus();
  ASSERT_TRUE(before) << before.error().message;
  ASSERT_FALSE(before->empty());
  ASSERT_TRUE(bind_to({before->back()}));
  EXPECT_EQ(*own_cpus(), std::vector<int>{before->back()});
  ASSERT_TRUE(bind_to(*before));
  EXPECT_EQ(*own_cpus(), *before);
}

TEST(BindTo, NamesCpusThatAreNotThere) {
  auto bound = bind_to({60000, 60001});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().message, "cannot bind to CPUs 60000-60001: Invalid argument");
  EXPECT_FALSE(bind_to({}));
}

}  // namespace
}  // namespace shipyard::rank
