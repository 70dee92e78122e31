#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// What a run found that somebody may have expected otherwise.
struct Findings {
  std::optional<Fabric> fabric;
  std::optional<double> latency_ns;  ///< the median of the smallest message
  std::int64_t latency_bytes = 0;
  std::optional<double> bandwidth_mb;  ///< of the best size, 10^6 bytes a second
  std::int64_t bandwidth_bytes = 0;
  std::vector<std::string> corrupted;  ///< "allreduce, 64 bytes: 3 wrong"
};

/// A line for each --expect option that was not met, and for each place where --validate found a wrong byte.
std::vector<std::string> unmet(const Options& options, const Findings& findings);

}  // namespace shipyard::bench
