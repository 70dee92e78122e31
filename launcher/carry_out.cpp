#include "launcher/carry_out.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <ostream>
#include <random>

#include "base/file.hpp"
#include "base/output.hpp"
#include "base/shell_quote.hpp"
#include "base/signals.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/mpi/diagnosis.hpp"
#include "launcher/network/connection_handover.hpp"
#include "launcher/network/gate.hpp"
#include "launcher/node_readiness.hpp"
#include "launcher/node_topologies.hpp"
#include "launcher/reaper.hpp"
#include "launcher/supervise/error_output.hpp"
#include "launcher/supervise/job.hpp"
#include "launcher/supervise/rank_protocol.hpp"
#include "launcher/topology/signature.hpp"

namespace shipyard::launcher {
namespace {

std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", device());
  return token;
}

Command mpirun_process(const LaunchPlan& plan, const LaunchContext& context, const std::string& endpoint,
                       const std::string& token, const std::optional<SideRun>& side) {
  Environment environment = context.environment;
  for (const auto& [name, value] : plan.environment) environment.variables[name] = value;
  for (const auto& name : plan.dropped_variables) environment.variables.erase(name);
  environment.variables[supervise::kReportVariable] = endpoint;
  environment.variables[supervise::kTokenVariable] = token;
  return {.argv = plan.command,
          .environment = environment.as_strings(),
          .standard_input = plan.forward_stdin ? Command::Stream::kInherit : Command::Stream::kNull,
          .output_file = side ? side->output : -1};
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

/// Where nobody has said it: generous for one node that is slow, and for many that are started one by one.
std::chrono::milliseconds launch_timeout(std::size_t nodes) {
  return std::chrono::seconds(120) + std::chrono::seconds(nodes);
}

/// What mpirun puts before a line of standard output for --tag-output, for standard error, which does not go
/// through it.
supervise::ErrorOutput::Tag stderr_tag(const LaunchPlan& plan, const LaunchContext& context,
                                       const LaunchOptions& options) {
  if (!options.tag_output || !plan.relays_stderr) return {};
  if (mpi::is_hydra(context.mpi.version.dialect)) return [](int rank) { return fmt::format("[{}] ", rank); };
  return [](int rank) { return fmt::format("[1,{}]<stderr>:", rank); };
}

/// Nodes that have fallen silent, or have not even heard SIGKILL, are left out: nobody answers there. Those
/// whose ranks were lost come last: they may not answer either.
Reaping what_to_reap(const LaunchPlan& plan, const LaunchContext& context,
                     const supervise::JobResult& result) {
  Reaping reaping{.job = context.job,
                  .rank_program = context.rank_program,
                  .ssh_config = plan.run_directory + "/ssh_config",
                  .hosts = {},
                  .environment = context.environment};
  std::vector<std::string> lost_ones;
  for (std::size_t index : plan.remote_hosts) {
    const std::string& host = context.hosts.hosts[index].name;
    const auto any = [&](auto is_so) {
      return std::any_of(result.ranks.begin(), result.ranks.end(), [&](const auto& record) {
        return (record.host == host || record.host == to_string(context.addresses[index])) && is_so(record);
      });
    };
    if (any([&](const auto& record) {
          return record.silent || (result.forced && !record.ended() && !record.lost);
        }))
      continue;
    const bool lost = any([](const auto& record) { return record.lost; });
    (lost ? lost_ones : reaping.hosts).push_back(host);
  }
  reaping.hosts.insert(reaping.hosts.end(), lost_ones.begin(), lost_ones.end());
  return reaping;
}

/// Every rank has a connection, and another one once it writes to standard error.
Status check_descriptors(const LaunchPlan& plan) {
  constexpr std::size_t kOthers = 64;
  const std::size_t limit = supervise::raise_descriptor_limit();
  const std::size_t needed = 2 * static_cast<std::size_t>(plan.ranks) + plan.remote_hosts.size() + kOthers;
  if (limit >= needed) return Ok{};
  return Error{
      Error::Code::kSystem,
      fmt::format("{} ranks need {} file descriptors here, and the limit is {}", plan.ranks, needed, limit),
      fmt::format("docker run --ulimit nofile={}", needed),
      {}};
}

FileDescriptor open_log(const std::string& path) {
  if (path.empty()) return {};
  return FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
}

/// mpirun's own words, where nothing else says what happened; and that there are some, where all went well.
void show_words(const Outcome& outcome, const std::string& words, const std::string& log,
                const Messages& messages, std::ostream& err) {
  if (words.empty()) return;
  if (outcome.unexplained) {
    err << words << (words.back() == '\n' ? "" : "\n") << std::flush;
  } else if (outcome.status == kSuccess) {
    const auto lines = std::count(words.begin(), words.end(), '\n');
    const std::string where = log.empty() ? "-v shows them" : "they are in " + log;
    messages.note(fmt::format("mpirun had {} lines of its own to say: {}", std::max<long>(lines, 1), where));
  }
}

/// Where --on-preempt has no effect; why, in the words of the first.
std::string unwatched_warning(const std::vector<supervise::UnwatchedNode>& nodes) {
  std::vector<std::string> names;
  for (const auto& node : nodes) names.push_back(node.host);
  return fmt::format("--on-preempt: no preemption will be seen on node{} {}: {}",
                     names.size() == 1 ? "" : "s", list_of(names), nodes[0].why);
}

/// After the program, whatever became of it. Not where somebody has ended the job, who does not wait.
void collect_results(const supervise::JobResult& result, const StartEdge& edge, const LaunchContext& context,
                     Launched& launched) {
  if (result.signal) {
    edge.messages.warning("--collect: nothing is brought, since a signal has ended the job");
    return;
  }
  const auto reachable = what_to_reap(launched.plan, context, result).hosts;
  std::vector<std::string> unreachable;
  for (std::size_t index : launched.plan.remote_hosts) {
    const std::string& host = context.hosts.hosts[index].name;
    if (std::find(reachable.begin(), reachable.end(), host) == reachable.end()) unreachable.push_back(host);
  }
  launched.collected = stage::collect_all(launched.plan, edge, unreachable);
  const auto& collected = *launched.collected;
  if (collected.brought.size() + collected.nothing.size() + collected.shared.size() > 0)
    edge.messages.note(stage::collect_text(collected));
  if (collected.failed.empty()) return;
  const std::string message = fmt::format("--collect: not brought: {}", list_of(collected.failed));
  if (launched.outcome.status == kSuccess) {
    launched.outcome = collected.terminated.value_or(Outcome{"collect_failed", kConfigError, message, {}});
    launched.outcome.hint = "the program has ended well, and its results are still on these nodes";
    if (!collected.remedy.empty()) launched.outcome.hint = collected.remedy + "; " + launched.outcome.hint;
  } else {
    launched.plan.warnings.push_back(message);
    edge.messages.warning(message);
  }
}

Outcome config_error(const Error& error) { return {"config_error", kConfigError, error.message, error.hint}; }

}  // namespace

Result<RunDirectory> make_run_directory(const LaunchPlan& plan, const LaunchContext& context) {
  auto directory = RunDirectory::make(plan.run_directory, plan.files);
  if (directory && !plan.key_file.empty()) {
    auto written = RunDirectory::write({{plan.key_file, context.job_key->private_key.reveal()}});
    if (!written) return written.error();
  }
  return directory;
}

std::initializer_list<int> signals_that_end() {
  static const std::initializer_list<int> kAll = {SIGTERM, SIGINT, SIGQUIT, SIGCHLD, SIGHUP};
  static const std::initializer_list<int> kUnderNohup = {SIGTERM, SIGINT, SIGQUIT, SIGCHLD};
  return is_ignored(SIGHUP) ? kUnderNohup : kAll;
}

Launched carry_out(LaunchPlan plan, LaunchContext context, const LaunchOptions& options,
                   const Environment& environment, const Messages& messages, std::ostream& progress,
                   const std::optional<SideRun>& side) {
  Launched launched{.plan = std::move(plan), .outcome = {}};
  const LaunchPlan& todo = launched.plan;
  StepClock clock;
  ignore_broken_pipes();
  SignalDescriptor signals(signals_that_end());
  const StartEdge edge{context, options, environment, signals, messages, progress};
  network::GateReport gate;
  auto stopped = pass_gate(todo, edge, gate);
  launched.times.gate = clock.lap();
  const auto end_with = [&](Outcome outcome) {
    launched.outcome = std::move(outcome);
    return std::move(launched);
  };
  // --check tells of all nodes, also where some do not answer.
  if (stopped && (!options.check || gate.cancelled)) return end_with(std::move(*stopped));
  auto directory = make_run_directory(todo, context);
  if (!directory) return end_with(config_error(directory.error()));
  if (auto changed = plan_for_unlike_nodes(launched.plan, context, options, gate.banners, messages); !changed)
    return end_with(config_error(changed.error()));
  if (auto enough = check_descriptors(todo); !enough) return end_with(config_error(enough.error()));
  const std::string token = random_token();
  auto monitor = supervise::RankMonitor::listen(todo.report_address.value_or(*parse_address("127.0.0.1")),
                                                token, options.node_timeout);
  if (!monitor) return end_with(config_error(monitor.error()));
  supervise::ErrorOutput errors(side ? side->errors : STDERR_FILENO, stderr_tag(todo, context, options));
  monitor->set_stderr_sink([&](FileDescriptor connection, int rank, std::string received) {
    errors.add(std::move(connection), rank, std::move(received));
  });
  const auto launch_limit = options.launch_timeout.value_or(launch_timeout(todo.nodes.size()));
  const bool shows_words = !todo.relays_stderr || messages.verbosity() >= Verbosity::kCommands;
  const FileDescriptor log = open_log(options.mpirun_log);
  if (!log && !options.mpirun_log.empty())
    messages.warning(system_error("cannot write " + options.mpirun_log, errno).message);
  if (options.check) {
    if (auto outcome = check_the_nodes(todo, edge, gate, launched.check))
      return end_with(std::move(*outcome));
  }
  launched.times.prepare = clock.lap();
  if (!side && !options.check && !options.stage.empty()) {
    auto outcome = stage::stage_all(todo, edge, launched.staged);
    launched.times.stage = clock.lap();
    if (outcome) return end_with(std::move(*outcome));
  }
  auto handover = network::ConnectionHandover::listen(connections_socket(todo), std::move(gate.connections));
  if (!handover) return end_with(config_error(handover.error()));

  messages.command(shell_quote(todo.command));
  auto result = supervise::run_job({.mpirun = mpirun_process(todo, context, monitor->endpoint(), token, side),
                                    .foreground = options.forward_stdin && environment.stdin_is_terminal,
                                    .ranks = todo.ranks_known ? todo.ranks : 0,
                                    .launch_timeout = launch_limit,
                                    .time_limit = options.timeout,
                                    .kill_after = options.kill_after,
                                    .failure_grace = todo.failure_grace,
                                    .show_mpirun_words = shows_words,
                                    .words_log = log.get(),
                                    .preempt_signal = options.check ? 0 : options.on_preempt,
                                    .on_unwatched =
                                        [&](const std::vector<supervise::UnwatchedNode>& nodes) {
                                          launched.plan.warnings.push_back(unwatched_warning(nodes));
                                          messages.warning(launched.plan.warnings.back());
                                        },
                                    .events = {{handover->fd(), [&] { handover->handle(); }}},
                                    .lifeline = options.lifeline},
                                   *monitor, errors, signals);
  launched.times.run = clock.lap();
  if (result && result->signal) hurry_output();
  if (!result) return end_with(config_error(result.error()));
  // Who asks from now on makes a connection of its own.
  handover->close();
  // Where the user has told mpirun another number of ranks, those that were heard of are all that is known.
  JobFacts facts{.ranks = todo.ranks_known ? todo.ranks : static_cast<int>(result->ranks.size()),
                 .program = options.program[0],
                 .directory = context.working_directory,
                 .dialect = context.mpi.version.dialect,
                 .node_timeout = options.node_timeout,
                 .launch_timeout = launch_limit,
                 .timeout = options.timeout.value_or(std::chrono::milliseconds(0)),
                 .preempt_signal = options.on_preempt};
  // shipyard-ssh's, a line for each.
  if (const auto lost = read_file(todo.run_directory + "/lost_nodes"))
    facts.lost_node = lost->substr(0, lost->find('\n'));
  if (todo.ranks_known) {
    for (const auto& node : todo.nodes) facts.nodes.emplace_back(node.host, node.ranks);
  }
  launched.outcome = classify(*result, facts);
  if (side && launched.outcome.name == "app_failed" && launched.outcome.status == side->also_good)
    launched.outcome = {"completed", kSuccess, {}, {}};
  if (launched.outcome.status != kSuccess) {
    const auto uncleared = reap(what_to_reap(todo, context, *result));
    if (!uncleared.nodes.empty()) {
      launched.plan.warnings.push_back(
          fmt::format("{} could not be cleared in time: what is left there of the job ends by itself",
                      list_of(uncleared.nodes)));
      messages.warning(launched.plan.warnings.back());
      // mpirun knew that a node is gone, and not which.
      if (launched.outcome.status == kNodeLost && launched.outcome.unexplained && !uncleared.silent.empty())
        launched.outcome = lost_nodes(uncleared.silent);
    }
  }
  // Why a node refuses it can say itself, better than mpirun does.
  if (launched.outcome.status == kLaunchFailed && !options.check && !side) {
    std::optional<check::NodeCheck> asked;
    auto cause = check_the_nodes(todo, edge, gate, asked);
    if (cause && !asked->interrupted) launched.outcome = std::move(*cause);
  }
  if (result->ended == supervise::Ended::kHungAtItsEnd)
    messages.warning("all ranks had ended, but mpirun hung and was ended");
  launched.words = mpi::without_noise(result->mpirun_words);
  if (!shows_words)
    show_words(launched.outcome, launched.words, log ? options.mpirun_log : std::string(), messages,
               progress);
  launched.ranks = std::move(result->ranks);
  launched.preemption = std::move(result->preemption);
  launched.times.clear = clock.lap();
  if (!side && !options.check && !options.collect.empty()) {
    collect_results(*result, edge, context, launched);
    launched.times.collect = clock.lap();
  }
  // The job is over and has failed: who sends another signal now must not keep the account of it from being
  // written.
  while (launched.outcome.status != kSuccess && signals.read()) {
  }
  return launched;
}

}  // namespace shipyard::launcher
