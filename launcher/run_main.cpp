#include "launcher/run_main.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ostream>
#include <random>

#include "base/shell_quote.hpp"
#include "base/signals.hpp"
#include "base/terminal.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/launch_context.hpp"
#include "launcher/network/connection_handover.hpp"
#include "launcher/network/gate.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"
#include "launcher/run_directory.hpp"
#include "launcher/supervise/job.hpp"
#include "launcher/supervise/rank_protocol.hpp"

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

/// Waits for the nodes' sshd; 0 or the exit status. `connections` are those that ssh can go on with.
int pass_gate(const LaunchPlan& plan, const LaunchContext& context, const LaunchOptions& options,
              const Environment& environment, SignalDescriptor& signals, const Messages& messages,
              std::ostream& err, std::vector<network::GateReport::Connection>& connections) {
  if (plan.remote_hosts.empty()) return kSuccess;
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
  auto report = network::wait_for_sshd(targets, gate);
  if (shown) err << "\r\033[K" << std::flush;
  if (report.cancelled) {
    messages.error(input_error(cancellation.reason() + " while waiting for the nodes: nothing was started"));
    return kSignalBase + cancellation.signal();
  }
  if (report.failures.empty()) {
    connections = std::move(report.connections);
    messages.command(fmt::format("{} nodes ready after {} ms", report.ready, report.elapsed.count()));
    return kSuccess;
  }
  const double seconds = static_cast<double>(options.wait.count()) / 1000;
  std::string message = fmt::format("{} of {} nodes did not answer on port {} within {:g} s",
                                    report.failures.size(), targets.size(), options.ssh_port, seconds);
  for (std::size_t i = 0; i < std::min(kNamedNodes, report.failures.size()); ++i) {
    message += fmt::format("\n  {}: {}", report.failures[i].name, report.failures[i].last_word);
  }
  if (report.failures.size() > kNamedNodes)
    message += fmt::format("\n  and {} more", report.failures.size() - kNamedNodes);
  messages.error(
      {Error::Code::kSystem,
       message,
       "did the coordination command start the container with its sshd on every node? docker logs tells",
       {}});
  return kNodeUnreachable;
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

int carry_out(const LaunchPlan& plan, const LaunchContext& context, const LaunchOptions& options,
              const Environment& environment, const Messages& messages, std::ostream& err) {
  ignore_broken_pipes();
  SignalDescriptor signals(signals_that_end());
  std::vector<network::GateReport::Connection> connections;
  if (int status = pass_gate(plan, context, options, environment, signals, messages, err, connections);
      status != kSuccess) {
    return status;
  }
  auto directory = RunDirectory::make(plan.run_directory, plan.files);
  if (!directory) {
    messages.error(directory.error());
    return kConfigError;
  }
  auto handover = network::ConnectionHandover::listen(connections_socket(plan), std::move(connections));
  if (!handover) {
    messages.error(handover.error());
    return kConfigError;
  }
  const std::string token = random_token();
  auto monitor =
      supervise::RankMonitor::listen(plan.report_address.value_or(*parse_address("127.0.0.1")), token);
  if (!monitor) {
    messages.error(monitor.error());
    return kConfigError;
  }
  messages.command(shell_quote(plan.command));
  auto result = supervise::run_job({.mpirun = mpirun_process(plan, context, monitor->endpoint(), token),
                                    .foreground = options.forward_stdin && environment.stdin_is_terminal,
                                    .kill_after = options.kill_after,
                                    .events = {{handover->fd(), [&] { handover->handle(); }}},
                                    .lifeline = options.lifeline},
                                   *monitor, signals);
  if (!result) {
    messages.error(result.error());
    return kConfigError;
  }
  // Where the user has told mpirun another number of ranks, those that were heard of are all that is known.
  const int expected = plan.ranks_known ? plan.ranks : static_cast<int>(result->ranks.size());
  const Outcome outcome = classify(*result, expected, options.program[0], context.working_directory);
  if (!outcome.message.empty()) messages.error({Error::Code::kSystem, outcome.message, outcome.hint, {}});
  return outcome.status;
}

}  // namespace

int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
             std::ostream& err) {
  const std::string& tool = command_line().tool;
  Messages messages(err, tool, environment);
  auto options = parse_options(arguments, environment);
  if (!options) {
    messages.error(options.error());
    return kConfigError;
  }
  if (options->help) {
    out << help_text(command_line()) << std::flush;
    return kSuccess;
  }
  if (options->version) {
    out << tool << " " << SHIPYARD_VERSION << std::endl;
    return kSuccess;
  }
  messages.set_verbosity(options->verbosity);

  auto gathered = gather_context(*options, environment);
  if (auto* refusal = std::get_if<Refusal>(&gathered)) {
    messages.error(refusal->error);
    return refusal->status;
  }
  const auto& context = std::get<LaunchContext>(gathered);
  auto plan = plan_launch(*options, context);
  if (!plan) {
    messages.error(plan.error());
    return kConfigError;
  }
  for (const auto& warning : plan->warnings) messages.warning(warning);
  if (options->dry_run) {
    if (options->json) {
      out << plan_as_json(*plan);
    } else {
      if (options->explain) out << plan_explained(*plan, environment.terminal_columns) << "\n";
      out << plan_as_script(*plan);
    }
    out << std::flush;
    return kSuccess;
  }
  if (options->explain || messages.verbosity() >= Verbosity::kDecisions) {
    err << plan_explained(*plan, environment.terminal_columns) << std::flush;
  }
  return carry_out(*plan, context, *options, environment, messages, err);
}

}  // namespace shipyard::launcher
