#include "bench/harness/statistics.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace shipyard::bench {

double percentile(const std::vector<double>& sorted, double percent) {
  assert(!sorted.empty() && percent > 0 && percent <= 100);
  const auto rank = static_cast<std::size_t>(std::ceil(percent * static_cast<double>(sorted.size()) / 100.0));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Summary summarize(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return Summary{.count = samples.size(),
                 .min = samples.front(),
                 .median = percentile(samples, 50),
                 .p99 = percentile(samples, 99),
                 .max = samples.back()};
}

}  // namespace shipyard::bench
