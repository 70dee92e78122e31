#include "launcher/node_readiness.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <ostream>

#include "launcher/check/judge.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/gate_text.hpp"

namespace shipyard::launcher {
namespace {

/// Connections of the gate that ssh goes on with; half of the usual descriptor limit's room.
constexpr std::size_t kKeptConnections = 256;

/// What ends the wait for the nodes: a signal, or the end of the lifeline.
class Cancellation {
 public:
  Cancellation(SignalDescriptor& signals, bool lifeline) : signals_(signals), lifeline_(lifeline) {}

  [[nodiscard]] std::vector<int> descriptors() const {
    return lifeline_ ? std::vector<int>{signals_.fd(), STDIN_FILENO} : std::vector<int>{signals_.fd()};
  }
  /// Takes in what has happened; true once it means the end.
  bool check() {
    while (auto received = signals_.read()) {
      // A child of whatever this process was before its exec may end, which is none of our business.
      if (received->number != SIGCHLD && signal_ == 0) signal_ = received->number;
    }
    pollfd polled{STDIN_FILENO, POLLIN, 0};
    char buffer[4096];
    if (signal_ == 0 && lifeline_ && ::poll(&polled, 1, 0) > 0 &&
        ::read(STDIN_FILENO, buffer, sizeof buffer) <= 0) {
      signal_ = SIGTERM;
      lifeline_ended_ = true;
    }
    return signal_ != 0;
  }
  [[nodiscard]] int signal() const { return signal_; }
  [[nodiscard]] std::string reason() const {
    return lifeline_ended_ ? "standard input ended (SHIPYARD_LIFELINE)" : signal_name(signal_) + " received";
  }

 private:
  SignalDescriptor& signals_;
  bool lifeline_;
  int signal_ = 0;
  bool lifeline_ended_ = false;
};

Outcome ended_by(const Cancellation& cancellation, const char* when) {
  return {"terminated",
          kSignalBase + cancellation.signal(),
          fmt::format("{} {}: nothing was started", cancellation.reason(), when),
          {}};
}

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
    return ended_by(cancellation, "while waiting for the nodes");
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
  if (result->interrupted) return ended_by(cancellation, "while asking the nodes");
  return check::cause_of(*result);
}

}  // namespace shipyard::launcher
