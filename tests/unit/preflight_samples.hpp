#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "launcher/preflight/link_report.hpp"

namespace shipyard::launcher::preflight {

/// As allpairs writes it. `slow`: a digit each for slow, from_slow and to_slow.
inline std::string entry(int from, int to, double latency, double bandwidth, const char* slow = "000") {
  return fmt::format(
      R"({{"name":"allpairs/{0}/{1}/manual_time","from":{0:.4e},"to":{1:.4e},"latency_ns":{2:.4e},"bandwidth_MB_per_s":{3:.4e},"slow":{4:.4e},"from_slow":{5:.4e},"to_slow":{6:.4e}}})",
      double(from), double(to), latency, bandwidth, double(slow[0] - '0'), double(slow[1] - '0'),
      double(slow[2] - '0'));
}

inline std::string report_text(const std::string& names, const std::vector<std::string>& entries) {
  return fmt::format("{{\n\"context\": {{\"node_names\": \"{}\"}},\n\"benchmarks\": [{}]}}\n", names,
                     fmt::join(entries, ",\n"));
}

/// All links between so many nodes; to one of them they are slow.
inline LinkReport star(std::size_t nodes, std::size_t slow) {
  LinkReport report{.nodes = nodes, .slow_nodes = std::vector<bool>(nodes, false)};
  if (slow < nodes) report.slow_nodes[slow] = true;
  for (std::size_t from = 0; from < nodes; ++from) {
    for (std::size_t to = 0; to < nodes; ++to) {
      if (from == to) continue;
      const bool bad = to == slow;
      report.links.push_back({.from = from,
                              .to = to,
                              .figures = bad ? LinkFigures{3100, 5000} : LinkFigures{1800, 23000},
                              .slow = bad || from == slow});
    }
  }
  return report;
}

}  // namespace shipyard::launcher::preflight
