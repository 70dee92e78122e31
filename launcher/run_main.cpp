#include "launcher/run_main.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ostream>

#include "base/documents.hpp"
#include "base/file.hpp"
#include "base/output.hpp"
#include "base/shell_quote.hpp"
#include "base/terminal.hpp"
#include "launcher/binding_check.hpp"
#include "launcher/carry_out.hpp"
#include "launcher/check/collect_facts.hpp"
#include "launcher/check/matrix.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/job_key.hpp"
#include "launcher/launch_context.hpp"
#include "launcher/plan.hpp"
#include "launcher/preflight/decision.hpp"
#include "launcher/preflight/preflight.hpp"
#include "launcher/report.hpp"
#include "launcher/stage/node_side.hpp"
#include "launcher/topology/discover.hpp"
#include "launcher/topology/signature.hpp"
#include "launcher/topology_map.hpp"

namespace shipyard::launcher {
namespace {

using Clock = std::chrono::steady_clock;

/// It takes less than a second; on a node that is so slow that sshd cannot come up, the gate has the word.
constexpr std::chrono::seconds kEntrypointLimit{30};

std::chrono::microseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

std::string map_of(const LaunchPlan& plan, const LaunchContext& context, const Environment& environment,
                   bool terminal, int taken_columns = 0) {
  MapStyle style = map_style(environment, terminal);
  style.columns -= taken_columns;
  // Every node of the job has an entry, also one without ranks.
  return draw_job(plan.layout, context.topologies, plan.node_topology, plan.job_hosts, style);
}

/// What is done before and after the plan's command.
std::string around_explained(const LaunchOptions& options, const LaunchPlan& plan) {
  std::string around;
  for (std::size_t i = 0; i < plan.staged.size(); ++i) {
    const auto& [directory, target] = plan.staged[i];
    around += fmt::format("--stage: {}{} is brought to every node that lacks it, before this.\n",
                          options.stage[i].directory, target == directory ? "" : ", as " + target + ",");
  }
  if (!options.collect.empty()) {
    around += fmt::format("--collect: what matches {} is brought to {} after this.\n",
                          shell_quote(options.collect), options.collect_to);
  }
  return as_comments(wrap(around, 78, 0));
}

/// What the plan says, on standard output, and nothing else.
void print_plan(const LaunchPlan& plan, const LaunchContext& context, const LaunchOptions& options,
                const Environment& environment, std::ostream& out) {
  if (options.json) {
    out << plan_as_json(plan, options);
  } else if (!options.dry_run) {
    out << map_of(plan, context, environment, environment.stdout_is_terminal);
  } else {
    if (options.explain) out << plan_explained(plan, environment.terminal_columns) << "\n";
    if (options.show_map)
      out << as_comments(map_of(plan, context, environment, environment.stdout_is_terminal, 2)) << "\n";
    if (options.preflight) {
      out << as_comments(
          wrap("--preflight: the nodes are checked and measured before this, and unfit ones are "
               "left out where --nodes allows it.\n",
               78, 0));
    }
    out << around_explained(options, plan) << plan_as_script(plan);
  }
  out << std::flush;
}

/// --print-topology.
Result<std::string> this_topology(LaunchOptions::Print what) {
  if (what == LaunchOptions::Print::kXml) return topology::topology_xml();
  auto node = topology::discover(topology::Devices::kNone);
  if (!node) return node.error();
  return topology::signature(*node) + "\n";
}

/// --check: where ranks run.
std::string binding_text(const BindingCheck& check, int ranks) {
  std::string text = fmt::format("{} of {} ranks run where they were planned\n", check.as_planned, ranks);
  for (const auto& one : check.differences) {
    text += fmt::format("  rank {} on {}: CPUs {}, planned {}{}\n", one.rank, one.host, one.real, one.planned,
                        one.why.empty() ? "" : " (" + one.why + ")");
  }
  if (check.unreported > 0) text += fmt::format("  {} ranks did not say\n", check.unreported);
  return text;
}

int run(const LaunchOptions& options, const Environment& environment, const Messages& messages,
        JobReport& report, std::ostream& out, std::ostream& err) {
  const auto refuse = [&](const Error& error, int status) {
    messages.error(error);
    const char* name = status == kNodeUnreachable ? "node_unreachable" : "config_error";
    report.outcome = {name, status, error.message, error.hint};
    return status;
  };
  auto start = Clock::now();
  auto gathered = gather_context(options, environment);
  report.times.resolve = since(start);
  if (auto* refusal = std::get_if<Refusal>(&gathered)) return refuse(refusal->error, refusal->status);
  auto& context = std::get<LaunchContext>(gathered);
  for (const auto& host : context.hosts.hosts) report.hosts.push_back(host.name);
  start = Clock::now();
  auto plan = plan_launch(options, context);
  report.times.plan = since(start);
  if (!plan) return refuse(plan.error(), kConfigError);
  if (!options.check && !options.dry_run && !options.program_is_stand_in) {
    auto impossible = stage::check_stage(options, context);
    if (!impossible) impossible = stage::check_collect(options, environment);
    if (impossible)
      return refuse({Error::Code::kInput, impossible->message, impossible->hint, {}}, kConfigError);
  }
  if (options.preflight && !options.dry_run) {
    auto preflight = preflight::run_preflight(options, context, *plan, environment, messages, err);
    report.preflight = std::move(preflight.account);
    report.check = std::move(preflight.check);
    if (preflight.refusal) {
      report.outcome = *preflight.refusal;
      messages.error({Error::Code::kSystem, report.outcome.message, report.outcome.hint, {}});
      return report.outcome.status;
    }
    if (const auto& left_out = report.preflight->left_out; !left_out.empty()) {
      context = preflight::without_hosts(std::move(context), left_out);
      plan = plan_launch(options, context);
      if (!plan) return refuse(plan.error(), kConfigError);
      for (const auto& node : left_out)
        plan->reasons.push_back({node.host + " is left out", "--preflight: " + node.why});
    }
  }
  for (const auto& warning : plan->warnings) messages.warning(warning);
  if (options.dry_run || options.program_is_stand_in) {
    print_plan(*plan, context, options, environment, out);
    return kSuccess;
  }
  for (const auto& note : plan->notes) messages.note(note);
  if (options.explain || messages.verbosity() >= Verbosity::kDecisions)
    err << plan_explained(*plan, environment.terminal_columns) << around_explained(options, *plan)
        << std::flush;
  if (options.show_map)
    err << map_of(*plan, context, environment, environment.stderr_is_terminal) << std::flush;

  Launched launched = carry_out(std::move(*plan), context, options, environment, messages, err);
  const bool drawn = launched.check && !launched.check->interrupted && !options.json;
  if (drawn) {
    out << check::matrix(*launched.check, map_style(environment, environment.stdout_is_terminal))
        << std::flush;
  }
  // Nobody waits for ever for a reader who does not read: the report says the same. Where a table is drawn,
  // the remedies stand in it.
  if (!launched.outcome.message.empty() && becomes_writable(STDERR_FILENO, std::chrono::seconds(2)))
    messages.error({Error::Code::kSystem, launched.outcome.message, drawn ? "" : launched.outcome.hint, {}});
  report.command = launched.plan.command;
  report.nodes = launched.plan.nodes;
  report.reasons = launched.plan.reasons;
  report.warnings = launched.plan.warnings;
  report.ranks = launched.ranks;
  if (launched.check) report.check = launched.check;
  report.preemption = launched.preemption;
  report.outcome = launched.outcome;
  report.staged = std::move(launched.staged);
  report.collected = std::move(launched.collected);
  report.times.gate = launched.times.gate;
  report.times.prepare = launched.times.prepare;
  report.times.stage = launched.times.stage;
  report.times.run = launched.times.run;
  report.times.clear = launched.times.clear;
  report.times.collect = launched.times.collect;
  report.mpirun_words = launched.words;
  const BindingCheck check = check_bindings(launched.plan.nodes, launched.ranks);
  if (options.check && options.json) out << report_as_json(report) << std::flush;
  if (!launched.plan.places_known) return launched.outcome.status;
  if (options.check && launched.outcome.status == kSuccess) {
    if (!options.json) out << binding_text(check, launched.plan.ranks) << std::flush;
    return check.differences.empty() && check.unreported == 0 ? kSuccess : kConfigError;
  }
  if (auto warning = binding_warning(check); !warning.empty()) {
    messages.warning(warning);
    report.warnings.push_back(warning);
  }
  return launched.outcome.status;
}

/// On Batch the task's directory is where files are fetched from afterwards. True where nobody has asked for
/// the report that is written there.
bool keep_records_in_task_directory(LaunchOptions& options, const Environment& environment) {
  const auto directory = environment.get("AZ_BATCH_TASK_DIR");
  if (!directory || options.dry_run || options.program_is_stand_in) return false;
  const std::string path(*directory);
  if (::access(path.c_str(), W_OK | X_OK) != 0) return false;
  options.mpirun_log = path + "/shipyard-mpirun.log";
  if (!options.report.empty()) return false;
  options.report = path + "/shipyard-report.json";
  return true;
}

}  // namespace

int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
             std::ostream& err) {
  const auto start = Clock::now();
  // What --check runs on every node; no option of a user's.
  if (arguments == std::vector<std::string>{"--node-facts"})
    return check::run_node_facts(environment, out, err);
  // What --stage and --collect run there.
  if (arguments == std::vector<std::string>{"--node-stage"}) return stage::run_node_side(environment, err);
  const std::string& tool = command_line().tool;
  if (asks_for_documents(arguments)) return print_documents(tool, {command_line()}, arguments, out, err);
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
  if (options->print_topology != LaunchOptions::Print::kNothing) {
    auto text = this_topology(options->print_topology);
    if (!text) {
      messages.error(text.error());
      return kConfigError;
    }
    out << *text << std::flush;
    return kSuccess;
  }
  messages.set_verbosity(options->verbosity);
  wait_for_entrypoint(kEntrypointLimit);
  if (options->ssh_port_origin.empty()) {
    const auto directories = job_key_directories(environment.user_id);
    if (auto port = installed_ssh_port(directories, environment.user_id)) {
      options->ssh_port = *port;
      options->ssh_port_origin = "of this container's sshd";
    }
  }
  const bool nobody_asked = keep_records_in_task_directory(*options, environment);

  JobReport report;
  report.times.read = since(start);
  int status = run(*options, environment, messages, report, out, err);
  if (!options->report.empty() && !options->dry_run) {
    report.outcome.status = status;
    report.times.total = since(start);
    if (auto written = write_file_atomically(options->report, report_as_json(report), 0644); !written) {
      if (nobody_asked) {
        messages.warning(written.error().message);
      } else {
        messages.error(written.error());
        if (status == kSuccess) status = kConfigError;
      }
    }
  }
  return status;
}

}  // namespace shipyard::launcher
