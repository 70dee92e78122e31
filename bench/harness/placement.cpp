#include "bench/harness/placement.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

namespace shipyard::bench {
namespace {

bool on_one_machine(const RankPlace& a, const RankPlace& b) {
  return a.node == b.node || (!a.machine.empty() && a.machine == b.machine);
}

}  // namespace

Result<RankPair> choose_pair(const Placement& placement, const std::optional<RankPair>& wanted) {
  const int ranks = static_cast<int>(placement.size());
  if (ranks < 2) {
    return input_error("a pair of ranks is needed and there is only one", "start it with mpirun -np 2");
  }
  if (wanted) {
    for (const int rank : {wanted->first, wanted->second}) {
      if (rank >= ranks) {
        return input_error(fmt::format("--pair {},{}: there is no rank {}; the ranks are 0 to {}",
                                       wanted->first, wanted->second, rank, ranks - 1));
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

std::vector<std::string> sharing_notes(const Placement& placement, const std::vector<int>& ranks) {
  struct Machine {
    std::string host;
    CpuSet cpus;
    std::vector<int> ranks;
  };
  std::map<std::string, Machine> machines;  // containers on one machine share its CPUs
  for (const int rank : ranks) {
    const RankPlace& place = placement[rank];
    if (place.cpus.none()) continue;
    auto& machine = machines[place.machine.empty() ? fmt::format("node {}", place.node) : place.machine];
    machine.host = place.host;
    machine.cpus |= place.cpus;
    machine.ranks.push_back(rank);
  }
  std::vector<std::string> notes;
  for (const auto& [name, machine] : machines) {
    if (machine.ranks.size() <= machine.cpus.count()) continue;
    const bool one = machine.cpus.count() == 1;
    notes.push_back(
        fmt::format("{} ranks share CPU{} {} of {}: oversubscribed, so the figures are the scheduler's as "
                    "much as the network's{}",
                    machine.ranks.size(), one ? "" : "s", format_cpus(machine.cpus),
                    one ? "one machine" : machine.host, one ? " (try --bind-to none)" : ""));
  }
  return notes;
}

std::vector<int> first_rank_of_each_node(const Placement& placement) {
  std::set<int> seen;
  std::vector<int> ranks;
  for (int rank = 0; rank < static_cast<int>(placement.size()); ++rank) {
    if (seen.insert(placement[rank].node).second) ranks.push_back(rank);
  }
  return ranks;
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
