#include "bench/harness/expectations.hpp"

#include <fmt/format.h>

#include "bench/harness/traffic.hpp"

namespace shipyard::bench {

std::vector<std::string> unmet(const Options& options, const Findings& findings) {
  std::vector<std::string> lines;
  if (options.expect_fabric && findings.fabric != options.expect_fabric) {
    lines.push_back(fmt::format(
        "--expect-fabric {}: {}", fabric_name(*options.expect_fabric),
        findings.fabric ? fmt::format("the messages travelled by {}", fabric_name(*findings.fabric))
                        : "by what the messages travelled is not known"));
  }
  if (const auto most = options.expect_latency_ns) {
    if (!findings.latency_ns) {
      lines.push_back("--expect-latency: nothing was measured");
    } else if (*findings.latency_ns > *most) {
      lines.push_back(fmt::format("--expect-latency {:g} us: the median is {:.3g} us, for {} bytes",
                                  *most / 1e3, *findings.latency_ns / 1e3, findings.latency_bytes));
    }
  }
  if (const auto least = options.expect_bandwidth_mb) {
    if (!findings.bandwidth_mb) {
      lines.push_back("--expect-bandwidth: nothing was measured");
    } else if (*findings.bandwidth_mb < *least) {
      lines.push_back(fmt::format("--expect-bandwidth {:g} MB/s: the best is {:.4g} MB/s, with {} bytes",
                                  *least, *findings.bandwidth_mb, findings.bandwidth_bytes));
    }
  }
  for (const auto& place : findings.corrupted) lines.push_back("--validate: " + place);
  return lines;
}

}  // namespace shipyard::bench
