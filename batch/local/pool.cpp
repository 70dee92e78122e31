#include "batch/local/pool.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "base/shell_quote.hpp"
#include "batch/local/machine.hpp"
#include "batch/local/pool_key.hpp"

namespace shipyard::local {
namespace {

namespace fs = std::filesystem;

std::string indented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += "\n  " + line;
  return result;
}

/// The last lines of a container's log, indented; empty where it has none.
std::string log_tail(const std::string& engine, const std::string& container, const Edge& edge) {
  if (container.empty()) return {};
  const auto outcome = run_jobs({{{engine, "logs", "--tail", "10", container}, {}, std::chrono::seconds(5)}},
                                edge.environment, edge.interruption)[0];
  if (!outcome.success()) return {};
  const std::string log = outcome.completed.output + outcome.completed.errors;
  return log.empty() ? std::string() : fmt::format("\nthe log of {}:{}", container, indented(log));
}

Error explain(const Step& step, const JobOutcome& outcome, const std::string& engine, const Edge& edge) {
  if (outcome.error) return *outcome.error;
  std::string said = clean_engine_message(outcome.completed.errors + outcome.completed.output);
  std::string reason = outcome.timed_out ? fmt::format("not done within {} s", step.limit.count())
                                         : describe(outcome.completed.exit);
  if (!said.empty()) reason += indented(said);
  return {Error::Code::kSystem,
          fmt::format("{}: {}{}", step.what, reason, log_tail(engine, step.container, edge)),
          step.hint,
          {}};
}

JobOutcome run_step(const std::vector<std::string>& argv, std::chrono::seconds limit, const Edge& edge) {
  edge.messages.command(shell_quote(argv));
  return run_jobs({{argv, {}, limit}}, edge.environment, edge.interruption)[0];
}

/// For what must be carried out although the user wants to end.
JobOutcome clean_up(const std::vector<std::string>& argv, const Edge& edge) {
  edge.messages.command(shell_quote(argv));
  return run_to_the_end({argv, {}, std::chrono::seconds(120)}, edge.environment, edge.interruption);
}

Status make_directory(const Directory& directory) {
  // chmod: the mode that mkdir gives is cut by the umask.
  if (::mkdir(directory.path.c_str(), 0700) != 0 || ::chmod(directory.path.c_str(), directory.mode) != 0) {
    return system_error("cannot make the directory " + directory.path, errno);
  }
  return Ok{};
}

/// The label is only text: nothing is removed that does not look like what plan_pool makes.
bool is_pool_directory(const PoolRecord& pool) {
  const fs::path path(pool.directory);
  std::error_code ignored;
  return path.is_absolute() && path.filename() == "shipyard-" + pool.name &&
         fs::symlink_status(path, ignored).type() == fs::file_type::directory;
}

Status remove_directory(const std::string& engine, const PoolRecord& pool, const Edge& edge) {
  if (!is_pool_directory(pool)) return Ok{};
  std::error_code failure;
  fs::remove_all(pool.directory, failure);
  if (!failure) return Ok{};
  // Containers write as root, and an ordinary user cannot remove that: a container can.
  (void)clean_up({engine, "run", "--rm", "--pull=never", "--network", "none", "--user", "0", "--mount",
                  fmt::format("type=bind,source={},target=/pool", pool.directory), "--entrypoint", "/bin/sh",
                  pool.node_image, "-c", "rm -rf /pool/*"},
                 edge);
  fs::remove_all(pool.directory, failure);
  if (failure) return system_error("cannot remove " + pool.directory, failure.value());
  return Ok{};
}

}  // namespace

Status create_network(const PoolPlan& plan, const Edge& edge, bool& taken) {
  taken = false;
  const auto outcome = run_step(plan.network.argv, plan.network.limit, edge);
  if (outcome.success() || (!outcome.started && !outcome.error)) return Ok{};
  taken = says_subnet_is_taken(outcome.completed.errors);
  if (taken) return Ok{};
  return explain(plan.network, outcome, plan.engine, edge);
}

Status check_containers(const std::string& engine, const std::vector<std::string>& containers,
                        const Edge& edge) {
  std::vector<std::string> argv = {engine, "inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}"};
  argv.insert(argv.end(), containers.begin(), containers.end());
  const auto outcome = run_step(argv, std::chrono::seconds(60), edge);
  std::istringstream lines(outcome.completed.output);
  for (const auto& container : containers) {
    std::string running;
    int status = 0;
    if (!(lines >> running >> status)) {
      if (edge.interruption.signal() != 0) return Ok{};
      return Error{Error::Code::kSystem,
                   fmt::format("{} is not there any more: {}", container,
                               clean_engine_message(outcome.completed.errors)),
                   {},
                   {}};
    }
    if (running == "true") continue;
    return Error{
        Error::Code::kSystem,
        fmt::format("{} has ended (exit status {}){}", container, status, log_tail(engine, container, edge)),
        "the image's entrypoint must keep running: sshd in the foreground on port 23, as images FROM "
        "shipyard/openmpi do",
        {}};
  }
  return Ok{};
}

Status start_pool(const PoolPlan& plan, const Edge& edge, const std::function<void(std::size_t)>& progress) {
  for (const auto& directory : plan.directories) {
    if (auto made = make_directory(directory); !made) return made;
  }
  Environment environment = edge.environment;
  if (plan.makes_key) {
    auto key = make_key(plan.record.directory, edge);
    if (!key) return key.error();
    if (edge.interruption.signal() != 0) return Ok{};
    environment.variables[kKeyVariable] = key->reveal();
  } else if (!plan.key.empty()) {
    environment.variables[kKeyVariable] = plan.key.reveal();
  }
  std::vector<Job> jobs;
  for (const auto& step : plan.start) {
    edge.messages.command(shell_quote(step.argv));
    jobs.push_back({step.argv, step.after, step.limit, step.may_be_killed});
  }
  const auto outcomes = run_jobs(jobs, environment, edge.interruption, progress);
  if (edge.interruption.signal() != 0) return Ok{};
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const bool skipped = !outcomes[i].started && !outcomes[i].error;
    if (!skipped && !outcomes[i].success()) return explain(plan.start[i], outcomes[i], plan.engine, edge);
  }
  std::vector<std::string> containers;
  for (const auto& node : plan.nodes)
    containers.insert(containers.end(), {node.node_container, node.task_container});
  return check_containers(plan.engine, containers, edge);
}

Status remove_pool(const std::string& engine, const PoolRecord& pool, const Edge& edge) {
  const std::string filter = "label=shipyard.pool=" + pool.name;
  std::string complaint;
  auto attempt = [&](std::vector<std::string> argv, const std::vector<std::string>& names) {
    if (names.empty()) return;
    argv.insert(argv.end(), names.begin(), names.end());
    const auto outcome = clean_up(argv, edge);
    if (!outcome.success()) complaint = clean_engine_message(outcome.completed.errors);
  };
  auto list = [&](const std::vector<std::string>& argv) {
    return words_of(clean_up(argv, edge).completed.output);
  };
  const std::vector<std::string> containers = {engine, "ps",       "--all",     "--filter",
                                               filter, "--format", "{{.Names}}"};
  const std::vector<std::string> networks = {engine, "network", "ls", "--quiet", "--filter", filter};

  // By label, not from the plan: it may have been made only in part, or by another process. Tasks first:
  // podman does not remove a container whose network another one uses.
  std::vector<std::string> tasks;
  std::vector<std::string> nodes;
  const std::string task_prefix = task_container_name(pool.name, 0);
  for (auto& name : list(containers)) {
    const bool is_task = name.starts_with(task_prefix.substr(0, task_prefix.size() - 1));
    (is_task ? tasks : nodes).push_back(std::move(name));
  }
  attempt({engine, "rm", "--force", "--volumes"}, tasks);
  attempt({engine, "rm", "--force", "--volumes"}, nodes);
  auto removed = remove_directory(engine, pool, edge);
  // The network goes last: with its labels a later run finds the rest.
  if (removed) attempt({engine, "network", "rm"}, list(networks));
  if (!removed) return removed;
  if (complaint.empty()) return Ok{};
  // Somebody else may have removed it at the same time.
  const auto left_containers = list(containers);
  const auto left_networks = list(networks);
  if (left_containers.empty() && left_networks.empty()) return Ok{};
  return Error{Error::Code::kSystem,
               fmt::format("pool '{}' could not be removed: {}", pool.name, complaint),
               fmt::format("see {} ps --all --filter {}", engine, filter),
               {}};
}

bool is_left_behind(const PoolRecord& pool) {
  return is_leftover(pool, own_identity(), pool.owner ? process_start_time(pool.owner->pid) : std::nullopt);
}

std::vector<std::string> remove_leftovers(EngineState& state, const Edge& edge) {
  std::vector<std::string> removed;
  std::erase_if(state.pools, [&](const PoolRecord& pool) {
    if (edge.interruption.signal() != 0) return false;
    if (!is_left_behind(pool)) return false;
    if (auto done = remove_pool(state.engine, pool, edge); !done) {
      edge.messages.warning(done.error().message);
      return false;
    }
    edge.messages.note(
        fmt::format("removed pool '{}', left behind by process {}", pool.name, pool.owner->pid));
    std::erase_if(state.networks, [&](const UsedSubnet& used) { return used.subnet.text() == pool.subnet; });
    removed.push_back(pool.name);
    return true;
  });
  return removed;
}

}  // namespace shipyard::local
