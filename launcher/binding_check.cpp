#include "launcher/binding_check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shipyard::launcher {
namespace {

constexpr std::size_t kNamedRanks = 3;

const char* noun(const std::string& cpus) {
  return cpus.find_first_of(",-") == std::string::npos ? "CPU" : "CPUs";
}

}  // namespace

BindingCheck check_bindings(const std::vector<NodePlan>& nodes,
                            const std::vector<supervise::RankRecord>& records) {
  BindingCheck check;
  auto record = records.begin();
  int rank = 0;
  for (const auto& node : nodes) {
    for (const auto& planned : *node.cpusets) {
      while (record != records.end() && record->rank < rank) ++record;
      const bool heard = record != records.end() && record->rank == rank && !record->cpus.empty();
      if (!heard) {
        ++check.unreported;
      } else if (record->cpus == planned || record->stands_for == planned) {
        ++check.as_planned;
      } else {
        check.differences.push_back({rank, record->host, planned, record->cpus, record->problem});
      }
      ++rank;
    }
  }
  return check;
}

std::string binding_warning(const BindingCheck& check) {
  std::string text;
  const std::size_t named = std::min(kNamedRanks, check.differences.size());
  for (std::size_t i = 0; i < named; ++i) {
    const auto& one = check.differences[i];
    if (i > 0) text += "; ";
    text += fmt::format("rank {} on {} runs on {} {}, not on {} as planned", one.rank, one.host,
                        noun(one.real), one.real, one.planned);
    // A node's ranks have the same reason.
    const bool said = i > 0 && check.differences[i - 1].why == one.why;
    if (!one.why.empty() && !said) text += " (" + one.why + ")";
  }
  const std::size_t more = check.differences.size() - named;
  if (more == 1) text += "; and 1 more rank is not where it was planned";
  if (more > 1) text += fmt::format("; and {} more ranks are not where they were planned", more);
  return text;
}

}  // namespace shipyard::launcher
