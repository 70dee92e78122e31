#include "launcher/preflight/preflight.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ostream>

#include "base/file_descriptor.hpp"
#include "base/signals.hpp"
#include "launcher/carry_out.hpp"
#include "launcher/check/judge.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/launch_context.hpp"
#include "launcher/node_readiness.hpp"
#include "launcher/preflight/decision.hpp"

namespace shipyard::launcher::preflight {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How allpairs ends where something is slow, which its report says as well.
constexpr int kSomethingIsSlow = 3;
/// How it ends where it could not even begin: wrong usage, ranks that do not know of each other.
constexpr int kUsage = 2;
/// Kept for ending a run that must be ended.
constexpr milliseconds kEnding{1000};

Outcome config_error(const Error& error) {
  return {"config_error", kConfigError, "preflight: " + error.message, error.hint};
}

/// Output that somebody writes and that is read afterwards: memory, so that there is nothing to clear away.
class Notebook {
 public:
  Notebook() : file_(::memfd_create("shipyard-preflight", MFD_CLOEXEC)) {}
  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] std::string text() const {
    std::string text;
    char buffer[64 * 1024];
    ssize_t got = 0;
    while ((got = ::pread(file_.get(), buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0)
      text.append(buffer, static_cast<std::size_t>(got));
    return text;
  }

 private:
  FileDescriptor file_;
};

/// Of a run of allpairs that gave no report: what that says about the nodes.
Outcome no_verdict(const Outcome& ended, milliseconds limit) {
  const std::string seconds = fmt::format("{:g} s", std::chrono::duration<double>(limit).count());
  if (ended.name == "terminated") {
    // "SIGINT received: the job was ended"
    return {ended.name,
            ended.status,
            ended.message.substr(0, ended.message.find(": ")) +
                " during the preflight: the program was not started",
            {}};
  }
  if (ended.name == "timed_out") {
    return {"node_unfit", kNodeUnreachable,
            fmt::format("preflight: allpairs had not ended after {}: no verdict on the nodes", seconds),
            "do the nodes reach each other over the network that MPI uses (--subnet)? --preflight allows "
            "more time"};
  }
  const bool of_the_nodes =
      ended.name == "node_lost" || (ended.name == "app_failed" && ended.status != kUsage);
  Outcome outcome = ended;
  outcome.message = "preflight: " + ended.message;
  if (of_the_nodes) {
    outcome.name = "node_unfit";
    outcome.status = kNodeUnreachable;
  } else if (ended.name == "app_failed") {
    outcome.name = "config_error";
    outcome.status = kConfigError;
    outcome.hint = "allpairs must be built for the MPI whose mpirun starts it";
  }
  return outcome;
}

class Run {
 public:
  Run(const LaunchOptions& options, const LaunchContext& context, const LaunchPlan& plan,
      const Environment& environment, const Messages& messages, std::ostream& progress)
      : options_(options),
        context_(before_staging(context)),
        plan_(plan),
        environment_(environment),
        messages_(messages),
        progress_(progress),
        own_(for_another_job(context_, environment)) {
    own_.program = context.allpairs_program;
  }

  Preflight run() {
    // Held back between the steps, each of which takes in what has come.
    SignalDescriptor signals(signals_that_end());
    steps(signals);
    if (!result_.refusal) {
      while (auto received = signals.read()) {
        if (received->number == SIGCHLD) continue;
        result_.refusal = Outcome{
            "terminated",
            kSignalBase + received->number,
            signal_name(received->number) + " received during the preflight: the program was not started",
            {}};
      }
    }
    if (result_.account) tell();
    return std::move(result_);
  }

 private:
  void steps(SignalDescriptor& signals) {
    auto all = plan_launch(allpairs_options(options_, *options_.preflight), own_);
    if (!all) return refuse(config_error(all.error()));
    if (!all->ranks_known) {
      return refuse(config_error(
          input_error("allpairs needs a rank on each node, and an --mpi-arg says how many ranks there are",
                      "-n or --ppn in its place say it for the program alone")));
    }
    if (!all->relays_stderr) {
      return refuse(config_error(input_error(
          "allpairs' report comes through mpirun's standard output, which an --mpi-arg or a variable changes",
          "--tag-output in its place is for the program alone")));
    }
    const auto& hosts = all->job_hosts;
    network::GateReport gate;
    const StartEdge edge{context_, options_, environment_, signals, messages_, progress_};
    auto stopped = pass_gate(*all, edge, gate);
    const std::size_t wanted = options_.nodes ? static_cast<std::size_t>(*options_.nodes) : hosts.size();
    if (stopped && (gate.cancelled || hosts.size() - gate.failures.size() < wanted))
      return refuse(std::move(*stopped));

    start_ = Clock::now();
    result_.account = Account{.hosts = hosts};
    if (auto outcome = ask(*all, edge, gate)) return refuse(std::move(*outcome));
    auto unfit = unfit_by_check(*result_.check);
    if (!decide_on(unfit)) {
      // What is wrong everywhere is no node's fault, and another node does not help.
      if (unfit.size() == hosts.size()) result_.refusal = check::cause_of(*result_.check);
      return;
    }
    auto& measured = result_.account->measured;
    for (const auto& host : hosts) {
      if (std::none_of(unfit.begin(), unfit.end(), [&](const UnfitNode& node) { return node.host == host; }))
        measured.push_back(host);
    }
    if (measured.size() > 1) measure(without_hosts(own_, unfit));
    if (result_.refusal || !result_.account->links) return;
    const auto slow = unfit_by_speed(*result_.account->links, measured);
    unfit.insert(unfit.end(), slow.begin(), slow.end());
    (void)decide_on(unfit);
  }

  /// The node check, with what the user's program needs; an outcome where that was ended.
  std::optional<Outcome> ask(const LaunchPlan& all, const StartEdge& edge, const network::GateReport& gate) {
    auto directory = make_run_directory(all, own_);
    if (!directory) return config_error(directory.error());
    LaunchPlan asked = all;
    int most = 1;
    for (const auto& node : plan_.nodes) most = std::max(most, node.ranks);
    for (auto& node : asked.nodes) node.ranks = most;
    auto outcome = check_the_nodes(asked, edge, gate, result_.check,
                                   check_limit(asked.nodes.size(), *options_.preflight));
    return result_.check->interrupted ? outcome : std::nullopt;
  }

  /// False where too few are fit.
  bool decide_on(const std::vector<UnfitNode>& unfit) {
    auto decision = decide(result_.account->hosts, unfit, options_.nodes);
    result_.account->left_out = std::move(decision.left_out);
    result_.account->used = std::move(decision.used);
    result_.refusal = std::move(decision.refusal);
    return !result_.refusal;
  }

  void measure(LaunchContext context) {
    const auto left = std::chrono::duration_cast<milliseconds>(start_ + *options_.preflight - Clock::now());
    const LaunchOptions options = allpairs_options(options_, std::max(left, kEnding));
    auto plan = plan_launch(options, context);
    if (!plan) return refuse(config_error(plan.error()));
    const Notebook output;
    const Notebook errors;
    if (output.fd() < 0 || errors.fd() < 0)
      return refuse(config_error(system_error("cannot keep what allpairs writes", errno)));
    const bool show = environment_.stderr_is_terminal && messages_.verbosity() > Verbosity::kQuiet;
    if (show) {
      progress_ << fmt::format("\rmeasuring {} nodes, for {} s at most\033[K", plan->nodes.size(),
                               std::chrono::ceil<std::chrono::seconds>(left).count())
                << std::flush;
    }
    // What is to be said of the nodes comes again with the program's own start.
    Messages messages = messages_;
    if (messages.verbosity() < Verbosity::kCommands) messages.set_verbosity(Verbosity::kQuiet);
    const auto launched = carry_out(std::move(*plan), std::move(context), options, environment_, messages,
                                    progress_, SideRun{output.fd(), errors.fd(), kSomethingIsSlow});
    if (show) progress_ << "\r\033[K" << std::flush;
    if (launched.outcome.status != kSuccess) {
      if (launched.outcome.name == "app_failed") progress_ << errors.text() << std::flush;
      return refuse(no_verdict(launched.outcome, *options_.preflight));
    }
    auto report = parse_link_report(output.text());
    if (!report) return refuse(config_error(report.error()));
    const std::size_t expected = result_.account->measured.size();
    if (report->nodes != expected) {
      return refuse(config_error(input_error(
          fmt::format("allpairs ran on {} nodes, not on {}", report->nodes, expected),
          "an --mpi-arg or a variable of mpirun's places ranks, or containers have the same host name")));
    }
    if (report->links.empty()) {
      return refuse({"node_unfit", kNodeUnreachable, "preflight: there was no time to measure any link",
                     "--preflight allows more time"});
    }
    result_.account->links = std::move(*report);
  }

  void refuse(Outcome outcome) { result_.refusal = std::move(outcome); }

  void tell() {
    Account& account = *result_.account;
    account.time = std::chrono::duration_cast<milliseconds>(Clock::now() - start_);
    if (result_.refusal) account.used.clear();
    // A refusal names the nodes itself, and what ended early has no verdict.
    if (result_.refusal && result_.refusal->name != "node_unfit") return;
    if (result_.check) {
      for (const auto& finding : check::judge(*result_.check)) {
        if (finding.severity == check::Severity::kDifference)
          messages_.warning("preflight: " + check::finding_text(*result_.check, finding));
      }
    }
    if (result_.refusal) {
      if (account.links) messages_.note("preflight: " + verdict_line(account));
      return;
    }
    for (const auto& line : complaints(account)) messages_.warning("preflight: " + line);
    messages_.note("preflight: " + verdict_line(account));
    if (!context_.own_host || account.used.empty()) return;
    const std::string& here = context_.hosts.hosts[*context_.own_host].name;
    const bool left_out = std::any_of(account.left_out.begin(), account.left_out.end(),
                                      [&](const UnfitNode& node) { return node.host == here; });
    if (left_out) {
      messages_.warning(
          fmt::format("preflight: {} is this node: rank 0 runs on {}, and files that it writes "
                      "are there",
                      here, account.used[0]));
    }
  }

  const LaunchOptions& options_;
  const LaunchContext context_;
  const LaunchPlan& plan_;
  const Environment& environment_;
  const Messages& messages_;
  std::ostream& progress_;
  LaunchContext own_;  // for allpairs, on all hosts
  Clock::time_point start_ = Clock::now();
  Preflight result_;
};

}  // namespace

milliseconds check_limit(std::size_t nodes, milliseconds limit) {
  const auto turns = std::max<std::size_t>(1, (nodes + check::kAskedAtOnce - 1) / check::kAskedAtOnce);
  return std::min(check::kNodeCheckLimit, limit / 2 / static_cast<long>(turns));
}

LaunchOptions allpairs_options(const LaunchOptions& user, milliseconds limit) {
  // The user's program may be all that these are about; how nodes are reached, and by what, stays.
  LaunchOptions options = user;
  options.layout = {};
  options.layout.ranks_per_node =
      topology::RanksPerNode{topology::RanksPerNode::Mode::kNumber, 1, "--preflight"};
  options.layout.oversubscribe = user.layout.oversubscribe;
  options.nodes.reset();
  options.on_preempt = 0;
  options.forward_stdin = false;
  options.tag_output = false;
  options.preflight.reset();
  options.mpirun_log.clear();
  options.report.clear();
  options.show_map = options.explain = options.json = false;
  // allpairs ends what it is at a moment after its own limit; a limit from outside is for one that hangs.
  const milliseconds bound = std::max(limit - kEnding, kEnding);
  const double measuring = 0.6 * std::chrono::duration<double>(bound).count();
  options.program = {"allpairs", "--format", "json", "--time-limit", fmt::format("{:.1f}s", measuring)};
  options.wait = std::min(user.wait, bound);
  options.launch_timeout = options.timeout = bound;
  options.kill_after = std::min(user.kill_after, kEnding);
  return options;
}

Preflight run_preflight(const LaunchOptions& options, const LaunchContext& context, const LaunchPlan& plan,
                        const Environment& environment, const Messages& messages, std::ostream& progress) {
  return Run(options, context, plan, environment, messages, progress).run();
}

}  // namespace shipyard::launcher::preflight
