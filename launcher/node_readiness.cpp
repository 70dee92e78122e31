#include "launcher/node_readiness.hpp"

#include <fmt/format.h>

#include <ostream>

#include "launcher/cancellation.hpp"
#include "launcher/check/judge.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/gate_text.hpp"

namespace shipyard::launcher {
namespace {

/// Connections of the gate that ssh goes on with; half of the usual descriptor limit's room.
constexpr std::size_t kKeptConnections = 256;

}  // namespace

std::optional<Outcome> pass_gate(const LaunchPlan& plan, const StartEdge& edge, network::GateReport& report) {
  if (plan.remote_hosts.empty()) return std::nullopt;
  std::vector<network::GateTarget> targets;
  for (std::size_t index : plan.remote_hosts) {
    targets.push_back({edge.context.hosts.hosts[index].name, edge.context.addresses[index]});
  }
  const bool show = edge.environment.stderr_is_terminal && edge.messages.verbosity() > Verbosity::kQuiet;
  Cancellation cancellation(edge.signals, edge.options.lifeline);
  network::GateOptions gate{.port = static_cast<std::uint16_t>(edge.options.ssh_port),
                            .wait = edge.options.wait,
                            .keep = kKeptConnections,
                            .cancel_fds = cancellation.descriptors(),
                            .cancelled = [&] { return cancellation.check(); }};
  bool shown = false;
  if (show) {
    gate.progress = [&](const network::GateProgress& progress) {
      edge.err << "\r" << gate_progress_text(progress, edge.environment.terminal_columns) << "\033[K"
               << std::flush;
      shown = true;
    };
  }
  report = network::wait_for_sshd(targets, gate);
  if (shown) edge.err << "\r\033[K" << std::flush;
  if (report.cancelled) {
    return cancellation.outcome("while waiting for the nodes");
  }
  if (report.failures.empty()) {
    edge.messages.command(fmt::format("{} nodes ready after {} ms", report.ready, report.elapsed.count()));
    return std::nullopt;
  }
  return gate_failure(report, gate.port, edge.options.wait);
}

std::optional<Outcome> check_the_nodes(const LaunchPlan& plan, const StartEdge& edge,
                                       const network::GateReport& gate,
                                       std::optional<check::NodeCheck>& result,
                                       std::chrono::milliseconds limit) {
  Cancellation cancellation(edge.signals, edge.options.lifeline);
  check::CheckControl control{.cancel_fds = cancellation.descriptors(),
                              .cancelled = [&] { return cancellation.check(); }};
  for (const auto& failure : gate.failures) control.silent[failure.name] = failure.last_word;
  const bool show = edge.environment.stderr_is_terminal && edge.messages.verbosity() > Verbosity::kQuiet;
  if (show) {
    control.progress = [&](std::size_t done) {
      edge.err << fmt::format("\rasking the nodes: {} of {} have answered\033[K", done, plan.nodes.size())
               << std::flush;
    };
  }
  result = check::check_nodes(edge.context, plan, edge.options, plan.run_directory + "/ssh_config", limit,
                              control);
  if (show) edge.err << "\r\033[K" << std::flush;
  if (result->interrupted) return cancellation.outcome("while asking the nodes");
  return check::cause_of(*result);
}

}  // namespace shipyard::launcher
