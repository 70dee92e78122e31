#include "launcher/topology/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace shipyard::topology {
namespace {

std::string cores_text(const NodeTopology& node) {
  std::string text = fmt::format("{} core{}", node.usable_cores(), node.usable_cores() == 1 ? "" : "s");
  if (node.cpu_quota && node.usable_cores() < static_cast<int>(node.cores.size())) {
    text += fmt::format(" (CPU quota {:g} of {})", *node.cpu_quota, node.cores.size());
  } else if (static_cast<int>(node.cores.size()) < node.allowed_cores) {
    text += fmt::format(" (CPU affinity allows {} of {})", node.cores.size(), node.allowed_cores);
  }
  return text;
}

}  // namespace

Result<Layout> plan_layout(const LayoutWish& wish, int nodes, const NodeTopology& node) {
  Layout layout;
  layout.cores = node.usable_cores();
  const auto count = static_cast<std::size_t>(nodes);
  const bool has_slots =
      std::any_of(wish.node_slots.begin(), wish.node_slots.end(), [](auto n) { return n.has_value(); });

  if (wish.ranks_per_node) {
    layout.ranks.assign(count, wish.ranks_per_node->value);
    layout.reason =
        fmt::format("{} on every node ({})", wish.ranks_per_node->value, wish.ranks_per_node->origin);
  } else if (has_slots) {
    for (std::size_t i = 0; i < count; ++i)
      layout.ranks.push_back(wish.node_slots.at(i).value_or(layout.cores));
    layout.reason = "the hostfile's slots";
  } else {
    layout.ranks.assign(count, layout.cores);
    layout.reason = fmt::format("one on each of this node's {}", cores_text(node));
  }

  if (wish.ranks) {
    const int wanted = wish.ranks->value;
    const int room = std::accumulate(layout.ranks.begin(), layout.ranks.end(), 0);
    if (wish.ranks_per_node || has_slots) {
      if (wanted > room) {
        return input_error(fmt::format("{} ranks ({}) do not fit: {} nodes take {}", wanted,
                                       wish.ranks->origin, nodes, room),
                           "ask for fewer ranks, more per node, or more nodes");
      }
      int left = wanted;
      for (auto& ranks : layout.ranks) left -= ranks = std::min(ranks, left);
      layout.reason =
          fmt::format("{} ({}) fill the nodes in turn, {}", wanted, wish.ranks->origin, layout.reason);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        layout.ranks[i] = wanted / nodes + (static_cast<int>(i) < wanted % nodes ? 1 : 0);
      }
      layout.reason = fmt::format("{} ({}) dealt out over {} node{}", wanted, wish.ranks->origin, nodes,
                                  nodes == 1 ? "" : "s");
    }
  }

  layout.total = std::accumulate(layout.ranks.begin(), layout.ranks.end(), 0);
  const int most = *std::max_element(layout.ranks.begin(), layout.ranks.end());
  layout.shares_cores = most > layout.cores;
  if (layout.shares_cores && !wish.oversubscribe) {
    return input_error(fmt::format("{} ranks on a node that has {}", most, cores_text(node)),
                       "ask for fewer ranks, or let them share cores with --oversubscribe");
  }
  return layout;
}

}  // namespace shipyard::topology
