#include "bench/harness/statistics.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace shipyard::bench {
namespace {

std::vector<double> one_to(int n) {
  std::vector<double> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(percentile(one_to(100), 50), 50);
  EXPECT_EQ(percentile(one_to(100), 99), 99);
  EXPECT_EQ(percentile(one_to(100), 100), 100);
  EXPECT_EQ(percentile(one_to(1000), 99), 990);
  EXPECT_EQ(percentile(one_to(3), 50), 2);
  EXPECT_EQ(percentile(one_to(4), 50), 2);
}

TEST(Percentile, IsTheLargestWhereThereAreTooFewSamples) { EXPECT_EQ(percentile(one_to(99), 99), 99); }

TEST(Percentile, OfOneSampleIsThatSample) {
  EXPECT_EQ(percentile({7}, 1), 7);
  EXPECT_EQ(percentile({7}, 99), 7);
}

TEST(Percentile, HasANameInTheReport) {
  EXPECT_EQ(percentile_figure(50), "p50_ns");
  EXPECT_EQ(percentile_figure(99.9), "p99.9_ns");
}

TEST(Median, SortsFirst) {
  EXPECT_EQ(median({5, 1, 4, 2, 3}), 3);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({7}), 7);
}

TEST(Middle, IsNotMovedByAFewThatStandOut) {
  EXPECT_EQ(middle_of({7}).spread, 0);
  EXPECT_EQ(middle_of({1, 2, 3, 4, 1000}).median, 3);
  EXPECT_DOUBLE_EQ(middle_of({1, 2, 3, 4, 1000}).spread, 1.4826);
}

}  // namespace
}  // namespace shipyard::bench
