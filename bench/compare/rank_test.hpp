#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace shipyard::bench {

// Two samples, one value a launch, and nothing assumed of how launches are distributed: ranks alone count.
// One launch that went astray moves a mean as far as it likes; it moves a rank sum by a rank.
//
// Mann, Whitney: On a test of whether one of two random variables is stochastically larger than the other
// (1947). Hodges, Lehmann: Estimates of location based on rank tests (1963). The interval: Hollander, Wolfe,
// Chicken: Nonparametric Statistical Methods, 3rd edition, section 4.3. Holm: A simple sequentially rejective
// multiple test procedure (1979).

/// So many values in both samples together are tested by the exact distribution, more by the normal one.
inline constexpr std::size_t kMostForExact = 80;

/// The two-sided p value of the Mann-Whitney U test: twice the smaller tail, at most 1, as R's wilcox.test
/// has it. Ties get the mean of their ranks, and the distribution is that of the ranks that are there.
/// Requires values on both sides.
double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b);

/// The least p value that so many launches can give: all of one side below all of the other, 2/C(a+b, a).
double least_p(std::size_t a, std::size_t b);

/// The fewest launches on each side with which one of `tests` sizes can be called different at `alpha`, after
/// Holm's correction. Requires 0 < alpha < 1.
int launches_needed(std::size_t tests, double alpha);

/// How many times `a` the values of `b` are: the median of all ratios b/a on a logarithmic scale, which is
/// Hodges and Lehmann's estimate of the shift between logarithms. Requires values above 0 on both sides.
double ratio_estimate(const std::vector<double>& a, const std::vector<double>& b);

struct Interval {
  double low = 0;
  double high = 0;
};

/// The ratios that the test does not reject at 1 - `confidence`: between the k-th smallest and the k-th
/// largest of all ratios b/a. Covers at least with `confidence`; nothing where there are too few values for
/// it. Requires values above 0.
std::optional<Interval> ratio_interval(const std::vector<double>& a, const std::vector<double>& b,
                                       double confidence);

/// Holm's corrected p values, in the order given: those below alpha may all be called different, and the
/// chance that any of the calls is wrong stays below alpha, however the tests depend on each other.
std::vector<double> holm(const std::vector<double>& p);

}  // namespace shipyard::bench
