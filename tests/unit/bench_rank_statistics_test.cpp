#include "bench/compare/rank_test.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace shipyard::bench {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using Values = std::vector<double>;

/// Permeability of the placental membrane: the example of R's wilcox.test, from Hollander and Wolfe,
/// table 4.1.
const Values kAtTerm{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
const Values kEarlier{1.15, 0.88, 0.90, 0.74, 1.21};

/// So many values that ascend, from `first`.
Values ascending(std::size_t count, double first = 1) {
  Values values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

/// The p value by its definition: every way to call `a.size()` of the values A's.
double p_by_enumeration(const Values& a, const Values& b) {
  Values all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto u = [&](const std::vector<bool>& is_a) {
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = 0; j < all.size(); ++j) {
        if (is_a[i] && !is_a[j]) sum += all[i] > all[j] ? 1 : all[i] == all[j] ? 0.5 : 0;
      }
    }
    return sum;
  };
  std::vector<bool> chosen(all.size());
  std::fill_n(chosen.begin(), a.size(), true);
  const double observed = u(chosen);
  double below = 0;
  double above = 0;
  double count = 0;
  std::sort(chosen.begin(), chosen.end());
  do {
    below += u(chosen) <= observed;
    above += u(chosen) >= observed;
    ++count;
  } while (std::next_permutation(chosen.begin(), chosen.end()));
  return std::min(1.0, 2 * std::min(below, above) / count);
}

TEST(MannWhitney, IsAsInTheExampleOfHollanderAndWolfe) {
  // One-sided it is the 0.1272 that R and the book have.
  EXPECT_NEAR(mann_whitney_p(kAtTerm, kEarlier), 2 * 0.1272, 1e-4);
  EXPECT_NEAR(mann_whitney_p(kEarlier, kAtTerm), 2 * 0.1272, 1e-4);
}

TEST(MannWhitney, SeparatedSamplesHaveTheLeastP) {
  // 2/C(2n, n), for n = 3, 4, 5, 10.
  EXPECT_DOUBLE_EQ(mann_whitney_p(ascending(3), ascending(3, 10)), 2.0 / 20);
  EXPECT_DOUBLE_EQ(mann_whitney_p(ascending(4), ascending(4, 10)), 2.0 / 70);
  EXPECT_DOUBLE_EQ(mann_whitney_p(ascending(5, 10), ascending(5)), 2.0 / 252);
  EXPECT_NEAR(mann_whitney_p(ascending(10), ascending(10, 100)), 2.0 / 184756, 1e-18);
  EXPECT_DOUBLE_EQ(least_p(3, 3), 2.0 / 20);
  EXPECT_DOUBLE_EQ(least_p(4, 2), 2.0 / 15);
  EXPECT_DOUBLE_EQ(least_p(1, 1), 1);
}

TEST(MannWhitney, OneAgainstOneTellsNothing) { EXPECT_DOUBLE_EQ(mann_whitney_p({1}, {2}), 1); }

TEST(MannWhitney, EqualsTheEnumerationOfAllOutcomes) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    // Every other one of few values, so that there are ties within and between the samples.
    const std::uint64_t values = round % 2 == 0 ? 5 : 1'000'000;
    Values a(1 + random() % 5);
    Values b(1 + random() % 6);
    for (double& value : a) value = static_cast<double>(random() % values);
    for (double& value : b) value = static_cast<double>(random() % values);
    EXPECT_NEAR(mann_whitney_p(a, b), p_by_enumeration(a, b), 1e-12) << "round " << round;
  }
}

TEST(MannWhitney, EqualValuesAreNoDifference) {
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values(10, 3.0), Values(10, 3.0)), 1);
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values(60, 3.0), Values(60, 3.0)), 1);
}

TEST(MannWhitney, IsExactForFortyOnEachSideAndCloseToItBeyond) {
  // A third of B lies above all of A: the same shape on both sides of the limit.
  const auto p = [](std::size_t n) {
    Values a;
    Values b;
    for (std::size_t i = 0; i < n; ++i) {
      a.push_back(static_cast<double>(2 * i));
      b.push_back(static_cast<double>(2 * i + 1 + (i % 3 == 0 ? 2 * n : 0)));
    }
    return mann_whitney_p(a, b);
  };
  EXPECT_NEAR(std::log(p(41)), (std::log(p(40)) + std::log(p(42))) / 2, 0.06);
  EXPECT_LT(p(40), 0.05);
}

TEST(LeastP, SaysHowManyLaunchesAreNeeded) {
  EXPECT_EQ(launches_needed(1, 0.05), 4);  // 2/70
  EXPECT_EQ(launches_needed(5, 0.05), 5);
  EXPECT_EQ(launches_needed(24, 0.05), 7);  // 24 * 2/924 is 0.052, 24 * 2/3432 is 0.014
  EXPECT_EQ(launches_needed(24, 0.01), 8);
  EXPECT_EQ(launches_needed(200, 0.05), 8);
  EXPECT_EQ(launches_needed(1, 0.4), 2);  // 2/6
}

TEST(RatioEstimate, IsTheMedianOfAllRatios) {
  EXPECT_DOUBLE_EQ(ratio_estimate({2}, {3}), 1.5);
  EXPECT_DOUBLE_EQ(ratio_estimate({1, 2, 4}, {3, 6, 12}), 3);
  EXPECT_DOUBLE_EQ(ratio_estimate({1, 4}, {8, 32}), 8);  // 2, 8, 8, 32
  EXPECT_DOUBLE_EQ(ratio_estimate({1}, {2, 8}), 4);      // the mean of two on a logarithmic scale
}

TEST(RatioEstimate, IsTheShiftOfHollanderAndWolfeOnALogarithmicScale) {
  const auto exponential = [](Values values) {
    for (double& value : values) value = std::exp(value);
    return values;
  };
  EXPECT_NEAR(std::log(ratio_estimate(exponential(kEarlier), exponential(kAtTerm))), 0.305, 1e-9);
}

TEST(RatioEstimate, OneLaunchThatWentAstrayMovesItLittle) {
  EXPECT_NEAR(ratio_estimate({100, 101, 102, 103, 104}, {100, 101, 102, 103, 1e9}), 1, 0.011);
}

/// Which of the ratios bounds the interval, counted from 1, where they are 1, 2, … n * n.
int bound(std::size_t n, double confidence) {
  // b/a with a = exp(-n i), b = exp(j): all different, so exp(n i + j) is the (n i + j + 1)-th.
  Values a;
  Values b;
  for (std::size_t i = 0; i < n; ++i) {
    a.push_back(std::exp(-static_cast<double>(n * i) / 8));
    b.push_back(std::exp(static_cast<double>(i) / 8));
  }
  const auto interval = ratio_interval(a, b, confidence);
  return interval ? static_cast<int>(std::lround(8 * std::log(interval->low))) + 1 : 0;
}

TEST(RatioInterval, ReachesFromTheRatioThatTheTablesOfTheUTestSay) {
  // One more than the critical value of U, two-sided, as statistics books have it.
  EXPECT_EQ(bound(3, 0.95), 0);
  EXPECT_EQ(bound(4, 0.95), 0 + 1);
  EXPECT_EQ(bound(5, 0.95), 2 + 1);
  EXPECT_EQ(bound(8, 0.95), 13 + 1);
  EXPECT_EQ(bound(10, 0.95), 23 + 1);
  EXPECT_EQ(bound(20, 0.95), 127 + 1);
  EXPECT_EQ(bound(5, 0.99), 0 + 1);
  EXPECT_EQ(bound(10, 0.99), 16 + 1);
  EXPECT_EQ(bound(20, 0.99), 105 + 1);
}

TEST(RatioInterval, LiesOnBothSidesAlike) {
  const auto interval = ratio_interval({1, 2, 4, 8}, {1, 2, 4, 8}, 0.95);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low * interval->high, 1);
  EXPECT_DOUBLE_EQ(interval->high, 8);
}

TEST(RatioInterval, LeavesOutOneWhereTheTestRejectsIt) {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> value(0, 0.2);
  for (int round = 0; round < 300; ++round) {
    Values a(8);
    Values b(7);
    for (double& each : a) each = value(random);
    for (double& each : b) each = 1.2 * value(random);
    const auto interval = ratio_interval(a, b, 0.95);
    ASSERT_TRUE(interval);
    EXPECT_EQ(interval->low > 1 || interval->high < 1, mann_whitney_p(a, b) <= 0.05) << "round " << round;
  }
}

TEST(RatioInterval, CoversTheTruth) {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> value(2, 0.5);
  constexpr int kRounds = 2000;
  constexpr double kTruth = 1.3;
  for (const std::size_t launches : {5u, 10u, 45u}) {
    int covered = 0;
    for (int round = 0; round < (launches > 40 ? kRounds / 4 : kRounds); ++round) {
      Values a(launches);
      Values b(launches);
      for (double& each : a) each = value(random);
      for (double& each : b) each = kTruth * value(random);
      const auto interval = ratio_interval(a, b, 0.95);
      ASSERT_TRUE(interval);
      covered += interval->low <= kTruth && kTruth <= interval->high;
    }
    const double share = static_cast<double>(covered) / (launches > 40 ? kRounds / 4 : kRounds);
    // At least 0.95 by its theory; what is seen of it has a standard deviation of up to 0.01.
    EXPECT_GT(share, 0.92) << launches;
    EXPECT_LT(share, 0.99) << launches;
  }
}

TEST(Holm, IsAsByHand) {
  // The steps: 0.01 * 4, 0.013 * 3 (below the one before), 0.03 * 2, 0.04 * 1 (below the one before).
  EXPECT_THAT(holm({0.04, 0.01, 0.03, 0.013}), ElementsAre(DoubleNear(0.06, 1e-12), DoubleNear(0.04, 1e-12),
                                                           DoubleNear(0.06, 1e-12), DoubleNear(0.04, 1e-12)));
}

TEST(Holm, LeavesOneTestAndNeverExceedsOne) {
  EXPECT_THAT(holm({0.03}), ElementsAre(0.03));
  EXPECT_THAT(holm({0.5, 0.6, 0.9}), ElementsAre(1, 1, 1));
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace shipyard::bench
