#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launcher/check/node_check.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"
#include "launcher/preflight/link_report.hpp"

namespace shipyard::launcher::preflight {

/// A node that the program is not to run on, and why.
struct UnfitNode {
  std::string host = {};
  std::string why = {};  ///< "slow: …", or what the node check has found
  /// Of its links, where it is slow.
  std::optional<LinkFigures> figures = {};

  bool operator==(const UnfitNode&) const = default;
};

/// Nodes on which the job would fail: one reason each, that which explains the others. Pure.
[[nodiscard]] std::vector<UnfitNode> unfit_by_check(const check::NodeCheck& check);

/// The slow ones of a run on `hosts`, in that order. Pure.
[[nodiscard]] std::vector<UnfitNode> unfit_by_speed(const LinkReport& report,
                                                    const std::vector<std::string>& hosts);

/// Which nodes the program gets.
struct Decision {
  std::vector<std::string> used = {};    ///< the first of the fit ones, as many as are wanted
  std::vector<UnfitNode> left_out = {};  ///< in the order of the hosts
  std::optional<Outcome> refusal = {};   ///< there are too few of them
};

/// `hosts` in the job's order, the unfit ones in any. `wanted`: --nodes; nullopt: all of them. Pure.
[[nodiscard]] Decision decide(const std::vector<std::string>& hosts, std::vector<UnfitNode> unfit,
                              std::optional<int> wanted);

/// The same job without these hosts. Pure.
[[nodiscard]] LaunchContext without_hosts(LaunchContext context, const std::vector<UnfitNode>& left_out);

}  // namespace shipyard::launcher::preflight
