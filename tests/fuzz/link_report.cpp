#include "launcher/preflight/link_report.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto report = launcher::preflight::parse_link_report(fuzz::text_of(data, size));
  if (!fuzz::is_good(report)) return 0;
  fuzz::require(report->slow_nodes.size() == report->nodes, "each node has a verdict");
  for (const auto& link : report->links) {
    fuzz::require(link.from < report->nodes && link.to < report->nodes && link.from != link.to,
                  "a link is between two nodes of the run");
  }
  const auto typical = report->typical();
  fuzz::require(typical.latency_ns >= 0 && typical.bandwidth_mb >= 0, "figures are no less than nothing");
  fuzz::require(report->slow_links().size() <= report->links.size(), "slow links are links");
  return 0;
}
