#include "bench/harness/placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace shipyard::bench {
namespace {

bool on_one_machine(const RankPlace& a, const RankPlace& b) {
  return a.node == b.node || (!a.machine.empty() && a.machine == b.machine);
}

/// Ranks of one machine that are more than the CPUs they may run on.
struct Crowd {
  std::set<std::string> hosts;
  CpuSet cpus;
  std::size_t ranks = 0;
};

/// Ranks of one machine, and a CPU for each, as far as they go: a maximum matching, by augmenting paths.
class Seating {
 public:
  explicit Seating(const std::vector<const RankPlace*>& ranks) : ranks_(ranks) {
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      CpuSet tried = crowded_;  // nobody leaves these
      if (!seat(rank, tried)) crowded_ = tried;
    }
  }

  /// CPUs that are all taken, by ranks that have no other choice, with ranks left that have none either.
  [[nodiscard]] const CpuSet& crowded() const { return crowded_; }

 private:
  bool seat(std::size_t rank, CpuSet& tried) {
    for (const bool move : {false, true}) {  // on a CPU that is free, else where another can move
      for (std::size_t cpu = 0; cpu < tried.size(); ++cpu) {
        if (!ranks_[rank]->cpus[cpu] || tried[cpu]) continue;
        const auto holder = holders_.find(cpu);
        const bool is_free = holder == holders_.end();
        if (move) tried.set(cpu);
        if (!is_free && !(move && seat(holder->second, tried))) continue;
        holders_[cpu] = rank;
        return true;
      }
    }
    return false;
  }

  const std::vector<const RankPlace*>& ranks_;
  std::map<std::size_t, std::size_t> holders_;  ///< by CPU
  CpuSet crowded_;
};

/// By machine, since containers on one share its CPUs.
std::vector<Crowd> crowds(const Placement& placement, const std::vector<int>& ranks) {
  std::map<std::string, std::vector<const RankPlace*>> machines;
  for (const int rank : ranks) {
    const RankPlace& place = placement[rank];
    if (place.cpus.none()) continue;
    machines[place.machine.empty() ? fmt::format("node {}", place.node) : place.machine].push_back(&place);
  }
  std::vector<Crowd> found;
  for (const auto& [name, places] : machines) {
    Crowd crowd{.hosts = {}, .cpus = Seating(places).crowded()};
    if (crowd.cpus.none()) continue;
    for (const RankPlace* place : places) {
      if ((place->cpus & ~crowd.cpus).any()) continue;
      crowd.hosts.insert(place->host);
      ++crowd.ranks;
    }
    found.push_back(std::move(crowd));
  }
  return found;
}

std::string describe_machine(const std::set<std::string>& hosts) {
  if (hosts.size() == 1) return *hosts.begin();
  return fmt::format("{} {} {} (one machine)", *hosts.begin(), hosts.size() == 2 ? "and" : "…",
                     *hosts.rbegin());
}

/// One place for each node of these ranks.
std::vector<const RankPlace*> nodes_of(const Placement& placement, const std::vector<int>& ranks) {
  std::set<int> seen;
  std::vector<const RankPlace*> places;
  for (const int rank : ranks) {
    const RankPlace& place = placement[static_cast<std::size_t>(rank)];
    if (seen.insert(place.node).second) places.push_back(&place);
  }
  return places;
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
  // Those that sleep as well: each of them may be what the scheduler runs in another's place.
  std::vector<int> all(placement.size());
  std::iota(all.begin(), all.end(), 0);
  std::size_t crowded = 0;
  std::size_t cpus = 0;
  for (const Crowd& crowd : crowds(placement, all)) {
    crowded += crowd.ranks;
    cpus += crowd.cpus.count();
  }
  if (crowded > 0)
    text += fmt::format(", {}{} CPU{} (oversubscribed)",
                        crowded == placement.size() ? std::string() : fmt::format("{} of them on ", crowded),
                        cpus, cpus == 1 ? "" : "s");
  if (ranks > measuring)
    text += fmt::format("; {} measure, the {}", measuring,
                        ranks - measuring == 1 ? "other sleeps" : "others sleep");
  return text;
}

std::vector<std::string> sharing_notes(const Placement& placement, const std::vector<int>& ranks) {
  std::vector<std::string> notes;
  for (const Crowd& crowd : crowds(placement, ranks)) {
    const bool one = crowd.cpus.count() == 1;
    notes.push_back(
        fmt::format("{} ranks share CPU{} {} of {}: oversubscribed, so the figures are the scheduler's as "
                    "much as the network's{}",
                    crowd.ranks, one ? "" : "s", format_cpus(crowd.cpus), describe_machine(crowd.hosts),
                    one ? " (try --bind-to none)" : ""));
  }
  return notes;
}

std::string load_note(const Placement& placement, const std::vector<int>& ranks) {
  constexpr double kBusy = 0.25;   // of the CPUs
  constexpr double kAlways = 0.5;  // less than that has any machine that was just looked at
  constexpr int kShown = 8;
  std::set<std::string> machines;  // containers on one machine have the same load
  std::string busy;
  int count = 0;
  for (const RankPlace* place : nodes_of(placement, ranks)) {
    if (place->node_cpus <= 0 || place->load <= std::max(kAlways, kBusy * place->node_cpus)) continue;
    if (!place->machine.empty() && !machines.insert(place->machine).second) continue;
    if (++count > kShown) continue;
    busy += fmt::format("{}{} (load average {:.2f} on {} CPU{})", busy.empty() ? "" : ", ", place->host,
                        place->load, place->node_cpus, place->node_cpus == 1 ? "" : "s");
  }
  if (count == 0) return {};
  return "busy in the minute before the start: " + busy +
         (count > kShown ? fmt::format(" and {} more", count - kShown) : "");
}

std::string describe_loads(const Placement& placement, const std::vector<int>& ranks) {
  std::string text;
  for (const RankPlace* place : nodes_of(placement, ranks)) {
    text += text.empty() ? "" : ", ";
    text += place->load < 0 ? place->host + " unknown" : fmt::format("{} {:.2f}", place->host, place->load);
  }
  return text;
}

double load_average(const std::string& text) {
  double load = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), load);
  return error == std::errc{} && std::isfinite(load) ? load : -1;
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
