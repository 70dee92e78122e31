#pragma once

#include <iosfwd>
#include <optional>

#include "base/environment.hpp"
#include "base/signals.hpp"
#include "base/terminal.hpp"
#include "launcher/check/node_check.hpp"
#include "launcher/network/gate.hpp"
#include "launcher/options.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"

namespace shipyard::launcher {

/// What the steps before mpirun's start have to do with. All of it outlives them.
struct StartEdge {
  const LaunchContext& context;
  const LaunchOptions& options;
  const Environment& environment;
  SignalDescriptor& signals;  ///< that end the wait
  const Messages& messages;
  std::ostream& err;  ///< where a terminal shows the wait
};

/// Waits for the nodes' sshd; an outcome only where that failed, or was ended by a signal or the lifeline.
/// `report`: connections that ssh can go on with, and the banners.
std::optional<Outcome> pass_gate(const LaunchPlan& plan, const StartEdge& edge, network::GateReport& report);

/// Asks every node about itself; `gate` has those that did not answer at all. An outcome where a job would
/// not start, or the check was ended (NodeCheck::interrupted). `limit`: for each node.
std::optional<Outcome> check_the_nodes(const LaunchPlan& plan, const StartEdge& edge,
                                       const network::GateReport& gate,
                                       std::optional<check::NodeCheck>& result,
                                       std::chrono::milliseconds limit = check::kNodeCheckLimit);

}  // namespace shipyard::launcher
