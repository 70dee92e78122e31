#pragma once

#include <string>
#include <vector>

#include "launcher/plan.hpp"
#include "launcher/supervise/rank_monitor.hpp"

namespace shipyard::launcher {

/// Where the ranks really run, against the plan.
struct BindingCheck {
  /// A rank that runs on other CPUs than planned. CPUs as in the kernel's lists.
  struct Difference {
    int rank = 0;
    std::string host = {};
    std::string planned = {};
    std::string real = {};
    std::string why = {};  ///< empty where the rank itself knows nothing of it
  };

  std::vector<Difference> differences = {};  ///< by rank
  int as_planned = 0;
  int unreported = 0;  ///< ranks of the plan that never said what they run on: lost, or never started
};

/// `records` by rank, as JobResult has them. What stands for the planned CPUs on a node with other CPU
/// numbers is as planned. Ranks that the plan does not know are left out. Pure.
[[nodiscard]] BindingCheck check_bindings(const std::vector<NodePlan>& nodes,
                                          const std::vector<supervise::RankRecord>& records);

/// One line: the first three differences and how many more there are; empty where there is none.
[[nodiscard]] std::string binding_warning(const BindingCheck& check);

}  // namespace shipyard::launcher
