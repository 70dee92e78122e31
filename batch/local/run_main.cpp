#include "batch/local/run_main.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "base/documents.hpp"
#include "base/exit_status.hpp"
#include "base/signals.hpp"
#include "base/terminal.hpp"
#include "batch/local/application.hpp"
#include "batch/local/engine.hpp"
#include "batch/local/machine.hpp"
#include "batch/local/make_pool.hpp"
#include "batch/local/options.hpp"
#include "batch/local/pool.hpp"
#include "batch/local/serve.hpp"

namespace shipyard::local {
namespace {

struct Tool {
  const Request& request;
  const Edge& edge;
  std::ostream& out;
  std::ostream& err;

  int fail(const Error& error) const {
    edge.messages.error(error);
    return kOwnFailure;
  }
  [[nodiscard]] bool interrupted() const { return edge.interruption.signal() != 0; }
};

/// 126 and 127 as a shell has them: docker 20.10 reports a missing program as 126 too.
int exit_status(const Exit& exit, const std::string& engine, const std::string& container,
                const std::vector<std::string>& command, const Edge& edge) {
  if (exit != Exit{false, kProgramNotExecutable}) return exit.status();
  const auto asked = run_to_the_end({{engine, "exec", container, "/bin/sh", "-c",
                                      "command -v -- \"$1\" || test -e \"$1\"", "sh", command.at(0)}},
                                    edge.environment, edge.interruption);
  return asked.started && asked.completed.exit == Exit{false, 1} ? kProgramNotFound : kProgramNotExecutable;
}

int run_pool(const Tool& tool) {
  PoolOptions options = tool.request.pool;
  options.name = "run-" + random_word();
  auto made = make_pool(tool.request, options, tool.edge, tool.err);
  if (!made) return tool.fail(made.error());
  if (!*made) return kOwnFailure;
  const PoolPlan& plan = **made;

  const auto& primary = plan.nodes.at(0).task_container;
  auto end = run_application(exec_command(plan.engine, primary, true, tool.request.command), Input::kLifeline,
                             tool.request.kill_after, tool.edge);
  int status = kOwnFailure;
  if (!end) {
    tool.edge.messages.error(end.error());
  } else {
    status = exit_status(end->exit, plan.engine, primary, tool.request.command, tool.edge);
  }
  if (status != 0 && !tool.interrupted()) {
    // A container that died shortly after the start is likely the reason.
    std::vector<std::string> containers;
    for (const auto& node : plan.nodes)
      containers.insert(containers.end(), {node.node_container, node.task_container});
    auto alive = check_containers(plan.engine, containers, tool.edge);
    if (!alive) tool.edge.messages.warning(alive.error().message);
  }
  if (auto removed = remove_pool(plan.engine, plan.record, tool.edge); !removed) {
    tool.edge.messages.error(removed.error());
    if (status == 0) status = kOwnFailure;
  }
  return status;
}

int up_pool(const Tool& tool) {
  PoolOptions options = tool.request.pool;
  options.name = tool.request.name.value_or("pool");
  auto made = make_pool(tool.request, options, tool.edge, tool.err);
  if (!made) return tool.fail(made.error());
  if (!*made) return kOwnFailure;
  std::vector<std::string> addresses;
  for (const auto& node : (*made)->nodes) addresses.push_back(node.address);
  tool.out << fmt::format("pool '{}': {}\n", options.name, fmt::join(addresses, " ")) << std::flush;
  return 0;
}

int dry_run(const Tool& tool) {
  PoolOptions options = tool.request.pool;
  options.name = options.kind == PoolKind::kUp ? tool.request.name.value_or("pool") : "run-" + random_word();
  // The engine is not asked for anything: this works where none is installed.
  const bool docker = find_program("docker", tool.edge.environment).has_value();
  const bool podman = find_program("podman", tool.edge.environment).has_value();
  const std::string engine = tool.request.engine.value_or(!docker && podman ? "podman" : "docker");
  auto place = choose_place(tool.request, engine, {}, host_routes(), tool.edge);
  if (!place) return tool.fail(place.error());
  auto plan = plan_pool(options, *place);
  if (!plan) return tool.fail(plan.error());
  if (place->cpus.shared) tool.edge.messages.note(place->cpus.note);
  tool.out << dry_run_text(*plan, tool.request.command) << std::flush;
  return 0;
}

/// The pool that is named; else the only one that `up` made.
Result<PoolRecord> find_pool(const EngineState& state, const std::optional<std::string>& name) {
  std::vector<PoolRecord> found;
  std::vector<std::string> names;
  for (const auto& pool : state.pools) {
    if (name ? pool.name == *name : pool.kind == PoolKind::kUp) found.push_back(pool);
    names.push_back(pool.name);
  }
  if (found.size() == 1) return found[0];
  if (found.size() > 1) {
    names.clear();
    for (const auto& pool : found) names.push_back(pool.name);
    return input_error(fmt::format("which of the pools? {}", fmt::join(names, ", ")), "say it with --name");
  }
  if (!name)
    return Error{Error::Code::kNotFound, "there is no pool", "make one with 'shipyard-local up'", {}};
  const std::string nearest = nearest_match(*name, names);
  return Error{Error::Code::kNotFound,
               fmt::format("there is no pool '{}'", *name),
               nearest.empty() ? "'shipyard-local status' lists the pools"
                               : fmt::format("did you mean '{}'?", nearest),
               {}};
}

int exec_in_pool(const Tool& tool) {
  auto state = ask_engine(tool.request.engine, {}, tool.edge.environment, tool.edge.interruption);
  if (tool.interrupted()) return kOwnFailure;
  if (!state) return tool.fail(state.error());
  auto pool = find_pool(*state, tool.request.name);
  if (!pool) return tool.fail(pool.error());
  if (tool.request.node >= pool->nodes) {
    return tool.fail(
        input_error(fmt::format("--node: pool '{}' has the nodes 0 to {}", pool->name, pool->nodes - 1)));
  }
  const std::string container = task_container_name(pool->name, tool.request.node);
  const bool running = std::any_of(pool->containers.begin(), pool->containers.end(),
                                   [&](const auto& c) { return c.name == container && c.running; });
  if (!running) {
    return tool.fail({Error::Code::kSystem,
                      fmt::format("node {} of pool '{}' does not run", tool.request.node, pool->name),
                      fmt::format("make the pool anew: shipyard-local down --name {}", pool->name),
                      {}});
  }
  const Input input = tool.request.interactive ? Input::kHandedOn : Input::kLifeline;
  // The command would wait for what is in it for ever.
  if (input == Input::kLifeline && tool.edge.environment.stdin_is_file)
    tool.edge.messages.note("standard input is not handed on to the command: -i does that");
  auto end =
      run_application(exec_command(state->engine, container, input == Input::kLifeline, tool.request.command),
                      input, tool.request.kill_after, tool.edge);
  if (!end) return tool.fail(end.error());
  if (!end->ended) {
    tool.edge.messages.warning(fmt::format(
        "the command may still run on node {}; 'shipyard-local down' ends it", tool.request.node));
  }
  return exit_status(end->exit, state->engine, container, tool.request.command, tool.edge);
}

int bring_down(const Tool& tool) {
  auto state = ask_engine(tool.request.engine, {}, tool.edge.environment, tool.edge.interruption);
  if (tool.interrupted()) return kOwnFailure;
  if (!state) return tool.fail(state.error());
  const auto leftovers = remove_leftovers(*state, tool.edge);

  std::vector<PoolRecord> wanted;
  if (tool.request.all) {
    std::copy_if(state->pools.begin(), state->pools.end(), std::back_inserter(wanted),
                 [](const PoolRecord& pool) { return pool.kind == PoolKind::kUp; });
  } else {
    auto pool = find_pool(*state, tool.request.name);
    if (!pool) {
      // What was asked for may just have been removed as a leftover.
      const bool done = tool.request.name
                            ? std::count(leftovers.begin(), leftovers.end(), *tool.request.name) > 0
                            : !leftovers.empty() && pool.error().code == Error::Code::kNotFound;
      return done ? 0 : tool.fail(pool.error());
    }
    if (pool->kind == PoolKind::kRun) {
      return tool.fail(
          input_error(fmt::format("pool '{}' belongs to a running 'shipyard-local run', process {}",
                                  pool->name, pool->owner ? pool->owner->pid : 0),
                      "end that process; it removes its pool"));
    }
    wanted.push_back(*pool);
  }
  int status = 0;
  for (const auto& pool : wanted) {
    if (auto removed = remove_pool(state->engine, pool, tool.edge); !removed)
      status = tool.fail(removed.error());
  }
  return status;
}

int show_status(const Tool& tool) {
  auto state = ask_engine(tool.request.engine, {}, tool.edge.environment, tool.edge.interruption);
  if (tool.interrupted()) return kOwnFailure;
  if (!state) return tool.fail(state.error());
  auto row = [&](std::string_view name, std::string_view nodes, std::string_view status,
                 std::string_view subnet, std::string_view image) {
    tool.out << fmt::format("{:<16} {:>5}  {:<12} {:<18} {}\n", name, nodes, status, subnet, image);
  };
  row("POOL", "NODES", "STATE", "SUBNET", "IMAGE");
  for (const auto& pool : state->pools) {
    const auto running = std::count_if(pool.containers.begin(), pool.containers.end(),
                                       [](const auto& c) { return c.running; });
    std::string status = running == std::ptrdiff_t{2} * pool.nodes ? "running"
                         : running == 0                            ? "stopped"
                                                                   : "incomplete";
    if (pool.kind == PoolKind::kRun && status == "running") status = "run";
    if (is_left_behind(pool)) status = "left behind";
    row(pool.name, fmt::format("{}", pool.nodes), status, pool.subnet, pool.image);
  }
  return 0;
}

int act(const Tool& tool) {
  switch (tool.request.verb) {
    case Request::Verb::kRun:
    case Request::Verb::kUp:
      if (tool.request.dry_run) return dry_run(tool);
      return tool.request.verb == Request::Verb::kRun ? run_pool(tool) : up_pool(tool);
    case Request::Verb::kExec:
      return exec_in_pool(tool);
    case Request::Verb::kDown:
      return bring_down(tool);
    case Request::Verb::kStatus:
      return show_status(tool);
    case Request::Verb::kServe:
      return serve(tool.request, tool.edge, tool.out);
    case Request::Verb::kHelp:
    case Request::Verb::kVersion:
      break;
  }
  return 0;
}

}  // namespace

int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
             std::ostream& err) {
  Messages messages(err, "shipyard-local", environment);
  if (asks_for_documents(arguments))
    return print_documents("shipyard-local", command_lines(), arguments, out, err);
  auto request = parse_request(arguments, environment);
  if (!request) {
    messages.error(request.error());
    return kOwnFailure;
  }
  if (request->verb == Request::Verb::kHelp) {
    out << request->help;
    return 0;
  }
  if (request->verb == Request::Verb::kVersion) {
    out << "shipyard-local " << SHIPYARD_VERSION << "\n";
    return 0;
  }
  messages.set_verbosity(request->verbosity);
  ignore_broken_pipes();
  Interruption interruption;
  const int status = act({*request, {environment, messages, interruption}, out, err});
  if (interruption.signal() != 0) {
    out.flush();
    err.flush();
    die_by_signal(interruption.signal());
  }
  return status;
}

}  // namespace shipyard::local
