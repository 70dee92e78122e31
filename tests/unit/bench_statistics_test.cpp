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

TEST(Summarize, SortsFirst) {
  const Summary summary = summarize({5, 1, 4, 2, 3});
  EXPECT_EQ(summary.count, 5u);
  EXPECT_EQ(summary.min, 1);
  EXPECT_EQ(summary.median, 3);
  EXPECT_EQ(summary.p99, 5);
  EXPECT_EQ(summary.max, 5);
}

TEST(Summarize, LeavesAnOutlierOutOfTheP99OfManySamples) {
  std::vector<double> samples(1000, 2.0);
  samples[500] = 4000;
  const Summary summary = summarize(samples);
  EXPECT_EQ(summary.median, 2);
  EXPECT_EQ(summary.p99, 2);
  EXPECT_EQ(summary.max, 4000);
}

}  // namespace
}  // namespace shipyard::bench
