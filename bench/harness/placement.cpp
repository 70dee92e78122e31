#include "bench/harness/placement.hpp"

#include <fmt/format.h>

#include <set>

namespace shipyard::bench {
namespace {

bool on_one_machine(const RankPlace& a, const RankPlace& b) {
  return a.node == b.node || (!a.machine.empty() && a.machine == b.machine);
}

}  // namespace

std::variant<RankPair, UsageError> choose_pair(const Placement& placement,
                                               const std::optional<RankPair>& wanted) {
  const int ranks = static_cast<int>(placement.size());
  if (ranks < 2) {
    return UsageError{"a pair of ranks is needed and there is only one; start it with 'mpirun -np 2'"};
  }
  if (wanted) {
    for (const int rank : {wanted->first, wanted->second}) {
      if (rank >= ranks) {
        return UsageError{fmt::format("--pair {},{}: there is no rank {}; the ranks are 0 to {}",
                                      wanted->first, wanted->second, rank, ranks - 1)};
      }
    }
    return *wanted;
  }
  for (int rank = 1; rank < ranks; ++rank) {
    if (placement[rank].node != placement[0].node) return RankPair{0, rank};
  }
  return RankPair{0, 1};
}

int count_nodes(const Placement& placement) {
  std::set<int> nodes;
  for (const RankPlace& place : placement) nodes.insert(place.node);
  return static_cast<int>(nodes.size());
}

std::string describe_pair(const Placement& placement, const RankPair& pair) {
  const RankPlace& a = placement[pair.first];
  const RankPlace& b = placement[pair.second];
  if (a.node == b.node)
    return fmt::format("ranks {} and {} on {} (same node)", pair.first, pair.second, a.host);
  return fmt::format("rank {} on {}, rank {} on {} ({})", pair.first, a.host, pair.second, b.host,
                     on_one_machine(a, b) ? "two nodes on one machine" : "different nodes");
}

std::string describe_ranks(const Placement& placement, int measuring) {
  const int ranks = static_cast<int>(placement.size());
  const int nodes = count_nodes(placement);
  std::string text = fmt::format("{} on {} {}", ranks, nodes, nodes == 1 ? "node" : "nodes");
  if (ranks > measuring)
    text += fmt::format("; {} measure, the {}", measuring,
                        ranks - measuring == 1 ? "other sleeps" : "others sleep");
  return text;
}

std::vector<std::string> pair_notes(const Placement& placement, const RankPair& pair) {
  const RankPlace& a = placement[pair.first];
  const RankPlace& b = placement[pair.second];
  if (!on_one_machine(a, b) || a.cpus.none() || b.cpus.none()) return {};
  if ((a.cpus | b.cpus).count() > 1) return {};
  return {fmt::format(
      "ranks {} and {} share CPU {} of one machine: the figures are those of the scheduler, not of the "
      "network (try --bind-to none)",
      pair.first, pair.second, format_cpus(a.cpus))};
}

std::string format_cpus(const CpuSet& cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size(); ++first) {
    if (!cpus[first]) continue;
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1]) ++last;
    if (!text.empty()) text += ',';
    text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    first = last;
  }
  return text;
}

}  // namespace shipyard::bench
