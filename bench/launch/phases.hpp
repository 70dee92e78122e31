#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/table.hpp"
#include "bench/launch/probe_line.hpp"

namespace shipyard::bench {

/// A launch from outside. Times are nanoseconds of this machine's CLOCK_MONOTONIC.
struct LaunchTimes {
  std::int64_t begin = 0;  ///< before the launcher was started
  std::int64_t end = 0;    ///< when its end was seen
  std::int64_t cpu = 0;    ///< CPU time of all that ran on this machine, in nanoseconds
};

/// A launch that counts, in nanoseconds. Without `start` and `end` where rank 0 ran on another machine: only
/// their sum is known, since the two have no clock in common.
struct Sample {
  std::optional<std::int64_t> start;
  std::int64_t init = 0;
  std::int64_t message = 0;
  std::optional<std::int64_t> end;
  std::int64_t finalize = 0;  ///< a part of `end`
  std::int64_t total = 0;
  std::int64_t cpu = 0;
  ProbeFacts facts;
};

/// `machine`: the boot id of the one that launched.
Sample make_sample(const LaunchTimes& times, const ProbeFacts& facts, const std::string& machine);

/// What the report says of a count: start_ns, init_ns, message_ns, end_ns, finalize_ns (medians), min_ns,
/// p50_ns, max_ns, mean_ns and cpu_ns (means) of the whole launch, ranks, nodes, samples. A figure that not
/// every launch has is left out. Requires at least one sample.
Figures summarize(const std::vector<Sample>& samples);

}  // namespace shipyard::bench
