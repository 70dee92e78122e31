#include "launcher/carry_out.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <ostream>
#include <random>

#include "base/shell_quote.hpp"
#include "base/signals.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/network/connection_handover.hpp"
#include "launcher/network/gate.hpp"
#include "launcher/node_topologies.hpp"
#include "launcher/run_directory.hpp"
#include "launcher/supervise/job.hpp"
#include "launcher/supervise/rank_protocol.hpp"
#include "launcher/topology/signature.hpp"

namespace shipyard::launcher {
namespace {

constexpr std::size_t kNamedNodes = 10;
/// Connections of the gate that ssh goes on with; half of the usual descriptor limit's room.
constexpr std::size_t kKeptConnections = 256;

std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", device());
  return token;
}

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

/// SIGHUP stays ignored where it was, as nohup(1) wants it.
std::initializer_list<int> signals_that_end() {
  static const std::initializer_list<int> kAll = {SIGTERM, SIGINT, SIGQUIT, SIGCHLD, SIGHUP};
  static const std::initializer_list<int> kUnderNohup = {SIGTERM, SIGINT, SIGQUIT, SIGCHLD};
  return is_ignored(SIGHUP) ? kUnderNohup : kAll;
}

/// Waits for the nodes' sshd; an outcome only where that failed. `report`: connections that ssh can go on
/// with, and the banners.
std::optional<Outcome> pass_gate(const LaunchPlan& plan, const LaunchContext& context,
                                 const LaunchOptions& options, const Environment& environment,
                                 SignalDescriptor& signals, const Messages& messages, std::ostream& err,
                                 network::GateReport& report) {
  if (plan.remote_hosts.empty()) return std::nullopt;
  std::vector<network::GateTarget> targets;
  for (std::size_t index : plan.remote_hosts) {
    targets.push_back({context.hosts.hosts[index].name, context.addresses[index]});
  }
  const bool show = environment.stderr_is_terminal && messages.verbosity() > Verbosity::kQuiet;
  Cancellation cancellation(signals, options.lifeline);
  network::GateOptions gate{.port = static_cast<std::uint16_t>(options.ssh_port),
                            .wait = options.wait,
                            .keep = kKeptConnections,
                            .cancel_fds = cancellation.descriptors(),
                            .cancelled = [&] { return cancellation.check(); }};
  bool shown = false;
  if (show) {
    gate.progress = [&](std::size_t ready) {
      err << fmt::format("\rwaiting for sshd: {} of {} nodes ready\033[K", ready, targets.size())
          << std::flush;
      shown = true;
    };
  }
  report = network::wait_for_sshd(targets, gate);
  if (shown) err << "\r\033[K" << std::flush;
  if (report.cancelled) {
    return Outcome{"terminated",
                   kSignalBase + cancellation.signal(),
                   cancellation.reason() + " while waiting for the nodes: nothing was started",
                   {}};
  }
  if (report.failures.empty()) {
    messages.command(fmt::format("{} nodes ready after {} ms", report.ready, report.elapsed.count()));
    return std::nullopt;
  }
  const double seconds = static_cast<double>(options.wait.count()) / 1000;
  std::string message = fmt::format("{} of {} nodes did not answer on port {} within {:g} s",
                                    report.failures.size(), targets.size(), options.ssh_port, seconds);
  for (std::size_t i = 0; i < std::min(kNamedNodes, report.failures.size()); ++i) {
    message += fmt::format("\n  {}: {}", report.failures[i].name, report.failures[i].last_word);
  }
  if (report.failures.size() > kNamedNodes)
    message += fmt::format("\n  and {} more", report.failures.size() - kNamedNodes);
  return Outcome{
      "node_unreachable", kNodeUnreachable, message,
      "did the coordination command start the container with its sshd on every node? docker logs tells"};
}

Command mpirun_process(const LaunchPlan& plan, const LaunchContext& context, const std::string& endpoint,
                       const std::string& token) {
  Environment environment = context.environment;
  for (const auto& [name, value] : plan.environment) environment.variables[name] = value;
  for (const auto& name : plan.dropped_variables) environment.variables.erase(name);
  environment.variables[supervise::kReportVariable] = endpoint;
  environment.variables[supervise::kTokenVariable] = token;
  return {.argv = plan.command,
          .environment = environment.as_strings(),
          .standard_input = plan.forward_stdin ? Command::Stream::kInherit : Command::Stream::kNull};
}

using Clock = std::chrono::steady_clock;

/// Times one step after the other.
class StepClock {
 public:
  std::chrono::microseconds lap() {
    const auto now = Clock::now();
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now - last_);
    last_ = now;
    return time;
  }

 private:
  Clock::time_point last_ = Clock::now();
};

/// Where nodes say that their hardware is not this node's: asks for it and plans anew. What the user has said
/// about the hardware is believed.
Status plan_for_unlike_nodes(LaunchPlan& plan, LaunchContext& context, const LaunchOptions& options,
                             const std::vector<std::string>& banners, const Messages& messages) {
  if (!options.topologies.empty() || plan.remote_hosts.empty()) return Ok{};
  const auto unlike =
      find_unlike_nodes(topology::signature(context.topologies[0]), plan.remote_hosts, banners);
  if (unlike.empty()) return Ok{};
  auto fetched = fetch_topologies(std::move(context), options, unlike, plan.run_directory + "/ssh_config");
  context = std::move(fetched.context);
  for (const auto& note : fetched.notes) messages.note(note);
  for (const auto& warning : fetched.warnings) messages.warning(warning);
  auto anew = plan_launch(options, context);
  if (!anew) return anew.error();
  plan = std::move(*anew);
  plan.warnings.insert(plan.warnings.end(), fetched.warnings.begin(), fetched.warnings.end());
  return RunDirectory::write(plan.files);
}

Outcome config_error(const Error& error) { return {"config_error", kConfigError, error.message, error.hint}; }

}  // namespace

Launched carry_out(LaunchPlan plan, LaunchContext context, const LaunchOptions& options,
                   const Environment& environment, const Messages& messages, std::ostream& progress) {
  Launched launched{.plan = std::move(plan), .outcome = {}};
  const LaunchPlan& todo = launched.plan;
  StepClock clock;
  ignore_broken_pipes();
  SignalDescriptor signals(signals_that_end());
  network::GateReport gate;
  auto stopped = pass_gate(todo, context, options, environment, signals, messages, progress, gate);
  launched.times.gate = clock.lap();
  const auto end_with = [&](Outcome outcome) {
    launched.outcome = std::move(outcome);
    return std::move(launched);
  };
  if (stopped) return end_with(std::move(*stopped));
  auto directory = RunDirectory::make(todo.run_directory, todo.files);
  if (!directory) return end_with(config_error(directory.error()));
  if (!todo.key_file.empty()) {
    auto written = RunDirectory::write({{todo.key_file, context.job_key->private_key.reveal()}});
    if (!written) return end_with(config_error(written.error()));
  }
  if (auto changed = plan_for_unlike_nodes(launched.plan, context, options, gate.banners, messages); !changed)
    return end_with(config_error(changed.error()));
  auto handover = network::ConnectionHandover::listen(connections_socket(todo), std::move(gate.connections));
  if (!handover) return end_with(config_error(handover.error()));
  const std::string token = random_token();
  auto monitor =
      supervise::RankMonitor::listen(todo.report_address.value_or(*parse_address("127.0.0.1")), token);
  if (!monitor) return end_with(config_error(monitor.error()));
  launched.times.prepare = clock.lap();

  messages.command(shell_quote(todo.command));
  auto result = supervise::run_job({.mpirun = mpirun_process(todo, context, monitor->endpoint(), token),
                                    .foreground = options.forward_stdin && environment.stdin_is_terminal,
                                    .kill_after = options.kill_after,
                                    .events = {{handover->fd(), [&] { handover->handle(); }}},
                                    .lifeline = options.lifeline},
                                   *monitor, signals);
  launched.times.run = clock.lap();
  if (!result) return end_with(config_error(result.error()));
  // Where the user has told mpirun another number of ranks, those that were heard of are all that is known.
  const int expected = todo.ranks_known ? todo.ranks : static_cast<int>(result->ranks.size());
  launched.outcome =
      classify(*result, expected, options.program[0], context.working_directory, context.mpi.version.dialect);
  launched.ranks = std::move(result->ranks);
  return launched;
}

}  // namespace shipyard::launcher
