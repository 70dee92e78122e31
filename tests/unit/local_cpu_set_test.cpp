#include "batch/local/cpu_set.hpp"

#include <gmock/gmock.h>

namespace shipyard::local {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// `count` cores of two hardware threads: 0 and count, 1 and count + 1, …, as Linux numbers them.
std::vector<Cpus> two_threads_each(int count) {
  std::vector<Cpus> cores;
  for (int core = 0; core < count; ++core) cores.push_back({core, core + count});
  return cores;
}

std::vector<Cpus> single(int count) {
  std::vector<Cpus> cores;
  for (int core = 0; core < count; ++core) cores.push_back({core});
  return cores;
}

TEST(CpuList, ReadsAndWritesTheKernelsFormat) {
  EXPECT_THAT(parse_cpu_list("0-2,8"), ElementsAre(0, 1, 2, 8));
  EXPECT_THAT(parse_cpu_list("5"), ElementsAre(5));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  EXPECT_THAT(parse_cpu_list("1,x"), ElementsAre(1));
  EXPECT_EQ(format_cpu_list({8, 1, 0, 2}), "0-2,8");
  EXPECT_EQ(format_cpu_list({3}), "3");
  EXPECT_EQ(format_cpu_list({}), "");
}

TEST(CpuList, TakesNoMoreCpusThanAKernelHas) {
  EXPECT_THAT(parse_cpu_list("0,1-743565535"), ElementsAre(0));
  EXPECT_THAT(parse_cpu_list("2147483646-2147483647"), IsEmpty());
  EXPECT_THAT(parse_cpu_list("-2-1"), IsEmpty());
}

TEST(DealCpus, GivesEveryNodeAnEqualShareOfItsOwn) {
  auto deal = deal_cpus(2, std::nullopt, single(5), {});
  ASSERT_TRUE(deal.has_value());
  EXPECT_THAT(deal->sets, ElementsAre(Cpus{0, 1}, Cpus{2, 3}));
  EXPECT_EQ(deal->cpus_per_node, 2);
  EXPECT_FALSE(deal->shared);
  EXPECT_EQ(deal->note, "");
}

TEST(DealCpus, KeepsTheThreadsOfACoreTogether) {
  auto deal = deal_cpus(2, std::nullopt, two_threads_each(4), {});
  EXPECT_THAT(deal->sets, ElementsAre(Cpus{0, 4, 1, 5}, Cpus{2, 6, 3, 7}));
  // 12 CPUs for 4 nodes are 3 each, which would cut a core in two.
  EXPECT_THAT(deal_cpus(4, std::nullopt, two_threads_each(6), {})->sets,
              ElementsAre(Cpus{0, 6}, Cpus{1, 7}, Cpus{2, 8}, Cpus{3, 9}));
}

TEST(DealCpus, SharesWithoutCpusetsWhereThereAreTooFew) {
  auto deal = deal_cpus(4, std::nullopt, single(2), {});
  EXPECT_THAT(deal->sets, IsEmpty());
  EXPECT_TRUE(deal->shared);
  EXPECT_EQ(deal->cpus_per_node, 1);
  EXPECT_EQ(
      deal->note,
      "2 CPUs for 4 nodes: nodes share cores, so ranks yield while they wait and only --bind-to binds them");
}

TEST(DealCpus, ObeysTheNumberAskedFor) {
  EXPECT_THAT(deal_cpus(2, 1, single(8), {})->sets, ElementsAre(Cpus{0}, Cpus{1}));
  auto shared = deal_cpus(2, 3, single(4), {});
  EXPECT_THAT(shared->sets, ElementsAre(Cpus{0, 1, 2}, Cpus{3, 0, 1}));
  EXPECT_TRUE(shared->shared);
  auto too_many = deal_cpus(1, 5, single(4), {});
  ASSERT_FALSE(too_many.has_value());
  EXPECT_EQ(too_many.error().message, "--cpus-per-node: 5 asked for, and this process may use 4 CPUs");
}

TEST(DealCpus, StaysAwayFromOtherPools) {
  auto deal = deal_cpus(2, std::nullopt, single(4), {0, 1});
  EXPECT_THAT(deal->sets, ElementsAre(Cpus{2}, Cpus{3}));
  EXPECT_FALSE(deal->shared);
  // One thread of a core in use is the core in use.
  EXPECT_THAT(deal_cpus(1, std::nullopt, two_threads_each(2), {2})->sets, ElementsAre(Cpus{1, 3}));
}

TEST(DealCpus, SharesWithAnotherPoolThatHoldsThemAll) {
  auto deal = deal_cpus(2, std::nullopt, single(4), {0, 1, 2, 3});
  EXPECT_THAT(deal->sets, IsEmpty());
  EXPECT_TRUE(deal->shared);
  EXPECT_EQ(deal->cpus_per_node, 2);
  EXPECT_EQ(deal->note,
            "another pool holds 4 of 4 CPUs: nodes share cores, so ranks yield while they wait and only "
            "--bind-to binds them");
}

}  // namespace
}  // namespace shipyard::local
