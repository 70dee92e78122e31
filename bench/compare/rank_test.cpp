#include "bench/compare/rank_test.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace shipyard::bench {
namespace {

/// Ranks are whole or end in one half, so twice a rank is a whole number.
struct Ranks {
  std::vector<std::size_t> doubled;  ///< of all values, ascending
  std::size_t sum_of_a = 0;          ///< of a's doubled ranks
  double ties = 0;                   ///< the sum of t^3 - t over groups of t equal values
};

Ranks rank(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<std::pair<double, bool>> values;  // and whether it is a's
  values.reserve(a.size() + b.size());
  for (const double value : a) values.emplace_back(value, true);
  for (const double value : b) values.emplace_back(value, false);
  std::sort(values.begin(), values.end());
  Ranks ranks;
  for (std::size_t first = 0; first < values.size();) {
    std::size_t end = first;
    while (end < values.size() && values[end].first == values[first].first) ++end;
    for (std::size_t i = first; i < end; ++i) {
      ranks.doubled.push_back(first + 1 + end);  // twice the mean of first + 1 … end
      if (values[i].second) ranks.sum_of_a += first + 1 + end;
    }
    const auto equal = static_cast<double>(end - first);
    ranks.ties += equal * equal * equal - equal;
    first = end;
  }
  return ranks;
}

/// How likely each sum is when `count` of `ranks` are drawn without replacement: in how many ways it comes
/// about, counted rank by rank. As doubles, which hold C(80, 40) = 10^23 with an error of 10^-16 of it.
std::vector<double> distribution_of_sums(const std::vector<std::size_t>& ranks, std::size_t count) {
  const std::size_t total = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<std::vector<double>> ways(count + 1, std::vector<double>(total + 1, 0.0));
  ways[0][0] = 1;
  std::size_t reached = 0;  // the largest sum so far
  for (const std::size_t rank : ranks) {
    reached += rank;
    for (std::size_t drawn = count; drawn > 0; --drawn) {
      const auto& before = ways[drawn - 1];
      auto& now = ways[drawn];
      for (std::size_t sum = reached; sum >= rank; --sum) now[sum] += before[sum - rank];
    }
  }
  auto& result = ways[count];
  const double all = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& each : result) each /= all;
  return std::move(result);
}

double normal_below(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

/// The standard deviation of the rank sum, and of U (Hollander, Wolfe, Chicken, section 4.1).
double deviation(double m, double n, double ties) {
  const double all = m + n;
  return std::sqrt(m * n / 12 * (all + 1 - ties / (all * (all - 1))));
}

/// The largest k with 2 P(U <= k - 1) <= `alpha` where there are no ties; 0 where there is none.
std::size_t critical_rank(std::size_t m, std::size_t n, double alpha) {
  const std::size_t pairs = m * n;
  std::size_t k = 0;
  if (m + n <= kMostForExact) {
    std::vector<std::size_t> ranks(m + n);
    std::iota(ranks.begin(), ranks.end(), std::size_t{1});
    const auto likely = distribution_of_sums(ranks, m);
    const std::size_t least = m * (m + 1) / 2;  // the rank sum of U = 0
    for (double below = likely[least]; 2 * below <= alpha && k < pairs / 2; below += likely[least + k]) ++k;
    return k;
  }
  const auto deviation_of_u = deviation(static_cast<double>(m), static_cast<double>(n), 0);
  const double middle = static_cast<double>(pairs) / 2;
  while (k < pairs / 2 && 2 * normal_below((static_cast<double>(k) + 0.5 - middle) / deviation_of_u) <= alpha)
    ++k;
  return k;
}

/// Logarithms of all ratios b/a, ascending.
std::vector<double> log_ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (const double over : b) {
    for (const double under : a) {
      assert(over > 0 && under > 0);
      ratios.push_back(std::log(over) - std::log(under));
    }
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

}  // namespace

double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b) {
  assert(!a.empty() && !b.empty());
  const Ranks ranks = rank(a, b);
  if (a.size() + b.size() <= kMostForExact) {
    const auto likely = distribution_of_sums(ranks.doubled, a.size());
    const auto at = likely.begin() + static_cast<std::ptrdiff_t>(ranks.sum_of_a);
    const double below = std::accumulate(likely.begin(), at + 1, 0.0);
    const double above = std::accumulate(at, likely.end(), 0.0);
    return std::min(1.0, 2 * std::min(below, above));
  }
  const auto m = static_cast<double>(a.size());
  const auto n = static_cast<double>(b.size());
  const double spread = deviation(m, n, ranks.ties);
  if (spread == 0) return 1;  // all values are equal
  const double off = std::abs(static_cast<double>(ranks.sum_of_a) / 2 - m * (m + n + 1) / 2);
  return std::min(1.0, 2 * normal_below(-std::max(0.0, off - 0.5) / spread));
}

double least_p(std::size_t a, std::size_t b) {
  double p = 2;
  for (std::size_t i = 1; i <= a; ++i) p *= static_cast<double>(i) / static_cast<double>(b + i);
  return std::min(1.0, p);
}

int launches_needed(std::size_t tests, double alpha) {
  assert(alpha > 0 && alpha < 1);
  int launches = 1;
  while (static_cast<double>(tests) *
             least_p(static_cast<std::size_t>(launches), static_cast<std::size_t>(launches)) >=
         alpha)
    ++launches;
  return launches;
}

double ratio_estimate(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ratios = log_ratios(a, b);
  assert(!ratios.empty());
  const std::size_t middle = ratios.size() / 2;
  return std::exp(ratios.size() % 2 == 1 ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2);
}

std::optional<Interval> ratio_interval(const std::vector<double>& a, const std::vector<double>& b,
                                       double confidence) {
  const std::size_t k = critical_rank(a.size(), b.size(), 1 - confidence);
  if (k == 0) return std::nullopt;
  const auto ratios = log_ratios(a, b);
  return Interval{std::exp(ratios[k - 1]), std::exp(ratios[ratios.size() - k])};
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return p[i] < p[j]; });
  std::vector<double> corrected(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    corrected[order[i]] = largest;
  }
  return corrected;
}

}  // namespace shipyard::bench
