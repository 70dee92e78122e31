#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace shipyard::rank {

/// What shipyard-rank does for one rank before it starts it.
struct RankSettings {
  std::string cpus = {};    ///< "0-5,8-13", operating-system indexes; empty: not bound
  std::string usable = {};  ///< all CPUs of the node that the plan was made for
  /// Set unless the rank's environment has them already: OMP_NUM_THREADS where nodes differ,
  /// CUDA_VISIBLE_DEVICES …
  std::vector<std::pair<std::string, std::string>> variables = {};
};

/// The settings of all ranks, as one environment variable (kLayoutVariable) carries them. Nodes with equal
/// layouts share one: a job of 10,000 equal nodes needs no longer a text than one node.
struct LayoutTable {
  struct Layout {
    std::string usable = {};
    std::vector<RankSettings> ranks = {};  ///< `usable` of each is left empty
  };
  /// So many nodes one after another, in rank order.
  struct Run {
    int layout = 0;
    int nodes = 1;
  };
  std::vector<Layout> layouts = {};
  std::vector<Run> runs = {};
};

inline constexpr const char* kLayoutVariable = "SHIPYARD_LAYOUT";

[[nodiscard]] std::string format_layout_table(const LayoutTable& table);

/// The settings of `rank` from a formatted table, without taking in the rest. Fails on anything that
/// format_layout_table does not write, and on a rank that the table does not have.
Result<RankSettings> find_rank_settings(std::string_view table, int rank);

}  // namespace shipyard::rank
