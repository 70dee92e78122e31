#pragma once

#include <cstddef>
#include <vector>

namespace shipyard::bench {

/// Order statistics of one size, in the unit of the samples.
struct Summary {
  std::size_t count = 0;
  double min = 0;
  double median = 0;
  double p99 = 0;
  double max = 0;
};

/// The nearest-rank percentile of ascending `sorted`: the smallest sample with at least `percent` % of the
/// samples at or below it. It is always a value that was measured; of fewer than 100 samples, the 99th is the
/// largest. Requires a non-empty `sorted` and 0 < percent <= 100.
double percentile(const std::vector<double>& sorted, double percent);

/// Requires at least one sample. Takes its argument by value because it sorts.
Summary summarize(std::vector<double> samples);

}  // namespace shipyard::bench
