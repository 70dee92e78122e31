#include "bench/links/links.hpp"

#include <algorithm>
#include <iterator>

#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

constexpr double kDeviations = 3;

/// Of times: larger is worse.
bool is_slow(double value, const Middle& middle, double worse) {
  return value >= worse * middle.median && value >= middle.median + kDeviations * middle.spread;
}

/// The better of the two in the middle: with three nodes one of a good node's two links leads to the slow
/// one.
double better_median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[(times.size() - 1) / 2];
}

}  // namespace

int rounds_for(int nodes) { return nodes % 2 == 0 ? nodes - 1 : nodes; }

int partner_of(int node, int round, int nodes) {
  // With an odd number there is an empty place, whose partner rests.
  const int even = nodes + nodes % 2;
  const int moving = even - 1;
  int partner = 0;
  if (node == moving) {
    // The one that is its own mirror image: 2 * p = round, modulo an odd number.
    partner = round % 2 == 0 ? round / 2 : (round + moving) / 2;
  } else {
    partner = ((round - node) % moving + moving) % moving;
    if (partner == node) partner = moving;
  }
  return partner < nodes ? partner : node;
}

Verdict judge_links(const LinkMatrix& matrix, bool more_is_better, double worse) {
  const auto count = matrix.values.size();
  // As times, whatever they are.
  const auto time_of = [&](double value) { return more_is_better ? 1 / value : value; };
  std::vector<double> all;
  std::vector<std::vector<double>> leaving(count);
  std::vector<std::vector<double>> arriving(count);
  for (std::size_t from = 0; from < count; ++from) {
    for (std::size_t to = 0; to < count; ++to) {
      if (from == to || matrix.values[from][to] <= 0) continue;
      const double time = time_of(matrix.values[from][to]);
      all.push_back(time);
      leaving[from].push_back(time);
      arriving[to].push_back(time);
    }
  }
  Verdict verdict;
  if (all.empty()) return verdict;
  const Middle links = middle_of(all);
  verdict.typical = time_of(links.median);
  if (count < 3) return verdict;

  std::vector<double> worst_of_node(count);  // 0: nothing measured
  for (std::size_t node = 0; node < count; ++node) {
    for (const auto* links_of_node : {&leaving[node], &arriving[node]}) {
      if (!links_of_node->empty())
        worst_of_node[node] = std::max(worst_of_node[node], better_median(*links_of_node));
    }
  }
  std::vector<double> measured;
  std::copy_if(worst_of_node.begin(), worst_of_node.end(), std::back_inserter(measured),
               [](double value) { return value > 0; });
  const Middle nodes = middle_of(measured);
  std::vector<char> slow(count);
  for (std::size_t node = 0; node < count; ++node) {
    if (worst_of_node[node] <= 0 || !is_slow(worst_of_node[node], nodes, worse)) continue;
    slow[node] = 1;
    verdict.nodes.push_back({static_cast<int>(node), time_of(worst_of_node[node])});
  }
  for (std::size_t from = 0; from < count; ++from) {
    for (std::size_t to = 0; to < count; ++to) {
      const double value = matrix.values[from][to];
      if (from == to || value <= 0 || slow[from] || slow[to] || !is_slow(time_of(value), links, worse))
        continue;
      verdict.links.push_back({static_cast<int>(from), static_cast<int>(to), value});
    }
  }
  return verdict;
}

}  // namespace shipyard::bench
