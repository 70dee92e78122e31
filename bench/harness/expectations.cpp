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
  const bool several = findings.kernels.size() > 1;
  for (const KernelFindings& found : findings.kernels) {
    const auto most = options.expect_latency_ns;
    if (!most || (found.latency_ns && *found.latency_ns <= *most)) continue;
    lines.push_back(
        fmt::format("--expect-latency {:g} us: {}", *most / 1e3, several ? found.kernel + ": " : "") +
        (found.latency_ns ? fmt::format("the median is {:.5g} us, for {} bytes", *found.latency_ns / 1e3,
                                        found.latency_bytes)
                          : "nothing was measured"));
  }
  for (const KernelFindings& found : findings.kernels) {
    const auto least = options.expect_bandwidth_mb;
    if (!least || (found.both_ways && several) || (found.bandwidth_mb && *found.bandwidth_mb >= *least))
      continue;
    lines.push_back(
        fmt::format("--expect-bandwidth {:g} MB/s: {}", *least, several ? found.kernel + ": " : "") +
        (found.bandwidth_mb ? fmt::format("the best is {:.6g} MB/s, with {} bytes", *found.bandwidth_mb,
                                          found.bandwidth_bytes)
                            : "nothing was measured"));
  }
  for (const auto& place : findings.corrupted) lines.push_back("--validate: " + place);
  return lines;
}

}  // namespace shipyard::bench
