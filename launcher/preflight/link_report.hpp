#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::launcher::preflight {

/// What a message needs: half a round trip of a small one, and the rate of large ones.
struct LinkFigures {
  double latency_ns = 0;
  double bandwidth_mb = 0;  ///< MB/s

  bool operator==(const LinkFigures&) const = default;
};

/// One direction between two nodes.
struct Link {
  std::size_t from = 0;  ///< nodes by their place in the run
  std::size_t to = 0;
  LinkFigures figures = {};
  bool slow = false;  ///< by itself, or with one of its nodes
};

/// What `allpairs` has measured between the nodes of a run.
struct LinkReport {
  std::size_t nodes = 0;
  std::vector<Link> links = {};       ///< those that were measured
  std::vector<bool> slow_nodes = {};  ///< by node

  /// The medians of the links between nodes that are not slow, of all where there are none. Zeros where none
  /// was measured.
  [[nodiscard]] LinkFigures typical() const;
  /// Of the links from a node and of those to it the worse median, by which it is judged.
  [[nodiscard]] LinkFigures of_node(std::size_t node) const;
  /// Those that are slow between nodes that are not, the slowest latency first.
  [[nodiscard]] std::vector<Link> slow_links() const;
  /// Two nodes have nothing to be compared with.
  [[nodiscard]] bool has_verdict() const { return nodes > 2; }
};

/// Reads what `allpairs --format json` prints. Lines before the report are left out: UCX warns on standard
/// output. Fails with one line where it is none of this version's. Pure.
Result<LinkReport> parse_link_report(std::string_view text);

}  // namespace shipyard::launcher::preflight
