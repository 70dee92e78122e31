#include "bench/harness/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

namespace shipyard::bench {

double percentile(const std::vector<double>& sorted, double percent) {
  assert(!sorted.empty() && percent > 0 && percent <= 100);
  const auto rank = static_cast<std::size_t>(std::ceil(percent * static_cast<double>(sorted.size()) / 100.0));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

std::string percentile_figure(double percent) { return fmt::format("p{:g}_ns", percent); }

double median(std::vector<double> values) {
  assert(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Middle middle_of(const std::vector<double>& values) {
  constexpr double kOfNormal = 1.4826;
  Middle middle{.median = median(values)};
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::fabs(value - middle.median));
  middle.spread = kOfNormal * median(std::move(distances));
  return middle;
}

bool stands_out(double value, const Middle& middle, double times) {
  constexpr double kSpreads = 3;
  return value >= times * middle.median && value >= middle.median + kSpreads * middle.spread;
}

}  // namespace shipyard::bench
