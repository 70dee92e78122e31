#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// What was found of a kernel; nothing of it where there was no time.
struct KernelFindings {
  std::string kernel;
  bool both_ways = false;            ///< its bandwidth is that of two directions together
  std::optional<double> latency_ns;  ///< the median of the smallest message
  std::int64_t latency_bytes = 0;
  std::optional<double> bandwidth_mb;  ///< of the best size, 10^6 bytes a second
  std::int64_t bandwidth_bytes = 0;
};

/// What a run found that somebody may have expected otherwise.
struct Findings {
  std::optional<Fabric> fabric;
  std::vector<KernelFindings> kernels;  ///< all that were to be measured
  std::vector<std::string> corrupted;   ///< "allreduce, 64 bytes: 3 wrong"
};

/// A line for each --expect option that was not met, and for each place where --validate found a wrong byte.
/// --expect-latency and --expect-bandwidth are about each kernel. A link that is as fast as expected in each
/// direction is meant, so a kernel of both directions counts for bandwidth only where it is the only one.
std::vector<std::string> unmet(const Options& options, const Findings& findings);

}  // namespace shipyard::bench
