#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// Rounds in which every pair of `nodes` meets once, and nobody twice in a round: as many as there are
/// others, and one more where their number is odd, since one of them rests each time. The circle method: one
/// stays and the others move on around it (Kirkman 1847).
[[nodiscard]] int rounds_for(int nodes);

/// Whom a node meets in a round of 0 to rounds_for(nodes) - 1; itself: it rests.
[[nodiscard]] int partner_of(int node, int round, int nodes);

/// What was measured between every two nodes, by [from][to]; 0: not measured.
struct LinkMatrix {
  explicit LinkMatrix(std::size_t nodes) : values(nodes, std::vector<double>(nodes)) {}
  std::vector<std::vector<double>> values;
};

struct SlowLink {
  int from = 0;
  int to = 0;
  double value = 0;
};

/// What stands out.
struct Verdict {
  struct Node {
    int node = 0;
    double value = 0;  ///< the median of its links, of those from it or those to it, whichever is worse
    bool operator==(const Node&) const = default;
  };
  double typical = 0;           ///< the median of all links
  std::vector<Node> nodes;      ///< slow ones
  std::vector<SlowLink> links;  ///< slow ones between nodes that are not
};

/// By how much the slow ones must be worse than the median. Windows HPC Server judged by a fifth. Where nodes
/// share CPUs, links differ by what the scheduler does, and only what is three times as slow is a fault of
/// the link.
inline constexpr double kWorse = 1.2;
inline constexpr double kWorseOnSharedCpus = 3;

/// A node is slow where the median of the links from it, or of those to it, is at least `worse` times and
/// three standard deviations worse than that of all nodes, a link by the same rule among all links. The
/// middle and the spread are the median and 1.4826 times the median distance from it, which the slow ones
/// themselves do not move. Two nodes alone have nothing to be compared with.
[[nodiscard]] Verdict judge_links(const LinkMatrix& matrix, bool more_is_better, double worse = kWorse);

/// One figure of all links, for a table.
struct LinkFigure {
  std::string title;  ///< with its unit
  const LinkMatrix& matrix;
  bool more_is_better = false;
  double scale = 1;
  int decimals = 0;
};

/// A matrix of each figure, row: from, column: to, with the nodes by number; where one does not fit into 80
/// columns a line for each node instead, and where all links are. Long names lose their middle, since nodes
/// of a pool differ in the last characters.
[[nodiscard]] std::string links_text(const std::vector<std::string>& names,
                                     const std::vector<LinkFigure>& figures);

/// A line for --expect-latency and one for --expect-bandwidth where the worst link, in ns and in 10^6 bytes a
/// second, does not meet it, or a link was not measured.
[[nodiscard]] std::vector<std::string> unmet_by_links(const Options& options,
                                                      const std::vector<std::string>& names,
                                                      const LinkMatrix& latency, const LinkMatrix& bandwidth);

}  // namespace shipyard::bench
