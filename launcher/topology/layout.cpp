#include "launcher/topology/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "launcher/topology/apportion.hpp"
#include "launcher/topology/node_layout.hpp"

namespace shipyard::topology {
namespace {

std::string plural(int count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

int wanted_of(const LayoutWish& wish) { return wish.ranks ? wish.ranks->value : 0; }

/// Ranks for each node, before anything is placed.
struct Counts {
  std::vector<int> ranks;
  std::string reason;
};

/// Fills the nodes in turn.
Result<Counts> fill(Counts room, const LayoutWish& wish) {
  const int wanted = wanted_of(wish);
  const int sum = std::accumulate(room.ranks.begin(), room.ranks.end(), 0);
  if (wanted > sum) {
    const auto nodes = static_cast<int>(room.ranks.size());
    return input_error(fmt::format("{} ranks ({}) do not fit: {} {} {}", wanted, wish.ranks->origin,
                                   plural(nodes, "node"), nodes == 1 ? "takes" : "take", sum),
                       "ask for fewer ranks, more per node, or more nodes");
  }
  int left = wanted;
  for (int& ranks : room.ranks) left -= ranks = std::min(ranks, left);
  room.reason = fmt::format("{} ({}) fill the nodes in turn, {}", wanted, wish.ranks->origin, room.reason);
  return room;
}

Result<Counts> count_ranks(const LayoutWish& wish, const std::vector<NodePlanner>& planners,
                           const std::vector<int>& node_topology) {
  Counts counts;
  const auto planner = [&](std::size_t node) -> const NodePlanner& {
    return planners[static_cast<std::size_t>(node_topology[node])];
  };
  const bool has_slots =
      std::any_of(wish.node_slots.begin(), wish.node_slots.end(), [](auto n) { return n.has_value(); });
  if (wish.ranks && !wish.ranks_per_node && !has_slots) {
    // In proportion to the cores: equal nodes get equal shares, the first ones one more.
    std::vector<int> weights;
    for (std::size_t i = 0; i < node_topology.size(); ++i) weights.push_back(planner(i).usable_cores());
    const std::vector<int> limits(weights.size(), std::numeric_limits<int>::max());
    counts.ranks = apportion(wish.ranks->value, weights, limits, wish.ranks->value,
                             std::accumulate(weights.begin(), weights.end(), 0));
    counts.reason = fmt::format("{} ({}) dealt out over {}", wish.ranks->value, wish.ranks->origin,
                                plural(static_cast<int>(node_topology.size()), "node"));
    return counts;
  }
  // By topology: what a node takes does not depend on the node.
  std::vector<int> automatic(planners.size(), -1);
  for (std::size_t i = 0; i < node_topology.size(); ++i) {
    if (!wish.ranks_per_node && has_slots && wish.node_slots[i]) {
      counts.ranks.push_back(*wish.node_slots[i]);
      continue;
    }
    int& known = automatic[static_cast<std::size_t>(node_topology[i])];
    if (known < 0) {
      auto ranks = planner(i).ranks_of_mode();
      if (!ranks) return ranks.error();
      known = *ranks;
    }
    counts.ranks.push_back(known);
  }
  if (has_slots && !wish.ranks_per_node) {
    counts.reason = "the hostfile's slots";
  } else {
    counts.reason = planner(0).mode_text();
  }
  return wish.ranks ? fill(std::move(counts), wish) : counts;
}

}  // namespace

Result<JobLayout> plan_layout(const LayoutWish& wish, const std::vector<NodeTopology>& topologies,
                              const std::vector<int>& node_topology) {
  std::vector<NodePlanner> planners;
  planners.reserve(topologies.size());
  for (const auto& topology : topologies) planners.emplace_back(wish, topology);
  auto counts = count_ranks(wish, planners, node_topology);
  if (!counts) return counts.error();

  JobLayout job;
  job.reason = counts->reason;
  job.total = std::accumulate(counts->ranks.begin(), counts->ranks.end(), 0);
  // One size for all ranks on the same hardware: a job waits for its slowest rank.
  std::map<int, std::set<int>> numbers;
  for (std::size_t i = 0; i < node_topology.size(); ++i) {
    if (counts->ranks[i] > 0) numbers[node_topology[i]].insert(counts->ranks[i]);
  }
  std::map<std::pair<int, int>, int> known;
  for (const auto& [index, different] : numbers) {
    const NodePlanner& planner = planners[static_cast<std::size_t>(index)];
    int size = std::numeric_limits<int>::max();
    for (int ranks : different) {
      auto its = planner.rank_size(ranks);
      if (!its) return its.error();
      size = std::min(size, *its);
    }
    for (int ranks : different) {
      auto layout = planner.place(ranks, size);
      if (!layout) return layout.error();
      job.shares_cores = job.shares_cores || layout->shares_cores;
      known[{index, ranks}] = static_cast<int>(job.layouts.size());
      job.layouts.push_back(std::move(*layout));
    }
  }
  for (std::size_t i = 0; i < node_topology.size(); ++i) {
    job.node_layout.push_back(counts->ranks[i] > 0 ? known.at({node_topology[i], counts->ranks[i]}) : -1);
  }
  return job;
}

}  // namespace shipyard::topology
