#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace shipyard::bench {

/// The nearest-rank percentile of ascending `sorted`: the smallest sample with at least `percent` % of the
/// samples at or below it. It is always a value that was measured; of fewer than 100 samples, the 99th is the
/// largest. Requires a non-empty `sorted` and 0 < percent <= 100.
double percentile(const std::vector<double>& sorted, double percent);

/// The name of a percentile of times in the report: "p50_ns", "p99.9_ns".
std::string percentile_figure(double percent);

/// The mean of the two in the middle where there is an even number. Requires at least one value.
double median(std::vector<double> values);

/// Where values lie, and how far apart: a standard deviation, taken from the median distance from the median
/// (times 1.4826), which a few that stand out do not move.
struct Middle {
  double median = 0;
  double spread = 0;
};
/// Requires at least one value.
Middle middle_of(const std::vector<double>& values);
/// So many `times` the median or more, and three spreads above it.
bool stands_out(double value, const Middle& middle, double times);

}  // namespace shipyard::bench
