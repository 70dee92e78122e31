#include "batch/local/pool_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/commands.hpp"

namespace shipyard::local {
namespace {

bool is_name_character(char c) { return is_lower(c) || is_digit(c); }

bool sets(const std::vector<std::string>& environment, std::string_view name) {
  return std::any_of(environment.begin(), environment.end(), [&](const std::string& entry) {
    return std::string_view(entry).substr(0, entry.find('=')) == name;
  });
}

/// The key in an entry NAME=VALUE; empty where it is none.
std::string_view key_given_by(std::string_view entry) {
  const std::size_t equals = entry.find('=');
  return equals != std::string_view::npos && entry.substr(0, equals) == kKeyVariable
             ? entry.substr(equals + 1)
             : std::string_view();
}

void append_labels(std::vector<std::string>& argv, const PoolRecord& record) {
  for (const auto& [name, value] : labels_of(record)) {
    argv.insert(argv.end(), {"--label", fmt::format("{}={}", name, value)});
  }
}

Step start_node(const PoolPlan& plan, const NodePlan& node, std::size_t index) {
  Step step;
  step.what = fmt::format("node {}: start the VM", index);
  step.container = node.node_container;
  step.argv = {plan.engine, "run", "--detach", "--pull=never", "--name", node.node_container, "--hostname",
               fmt::format("node-{}", index), "--network", network_name(plan.record.name), "--ip",
               node.address,
               // for the bridge docker0 that its entrypoint makes, in its own network namespace
               "--cap-add", "NET_ADMIN"};
  append_labels(step.argv, plan.record);
  step.argv.insert(step.argv.end(), {"--label", "shipyard.role=node", "--label",
                                     fmt::format("shipyard.node={}", index), plan.record.node_image});
  return step;
}

Step wait_for_node(const PoolPlan& plan, const NodePlan& node, std::size_t index, std::size_t started) {
  Step step;
  step.what = fmt::format("node {}: wait for its bridge docker0 (172.17.0.1)", index);
  step.container = node.node_container;
  step.after = {started};
  step.limit = std::chrono::seconds(20);
  step.may_be_killed = true;
  // On Batch the bridge is older than any task: a task that starts before it would see another machine.
  step.argv = {plan.engine, "exec", node.node_container,
               "/bin/sh",   "-c",   "until grep -q 172.17.0.1 /proc/net/fib_trie; do sleep 0.05; done"};
  return step;
}

Step start_task(const PoolPlan& plan, const PoolOptions& options, const NodePlan& node, std::size_t index,
                std::size_t started) {
  Step step;
  step.what = fmt::format("node {}: start the container of the task", index);
  step.container = node.task_container;
  step.hint = kEntrypointHint;
  step.after = {started};
  auto& argv = step.argv;
  argv = {plan.engine, "run",
          "--detach",  "--pull=never",
          "--name",    node.task_container,
          "--network", "container:" + node.node_container,
          "--mount",   fmt::format("type=bind,source={},target={}", node.directory, kNodeRootDirectory)};
  if (!node.cpus.empty()) argv.push_back("--cpuset-cpus=" + format_cpu_list(node.cpus));
  if (!options.shm_size.empty()) argv.push_back("--shm-size=" + options.shm_size);
  for (const auto& [name, value] : node.variables) {
    argv.insert(argv.end(), {"--env", fmt::format("{}={}", name, value)});
  }
  // The value comes with the environment of the engine's client: its command line is there for all to see.
  if (plan.makes_key || !plan.key.empty()) argv.insert(argv.end(), {"--env", kKeyVariable});
  for (const auto& entry : options.environment) {
    if (key_given_by(entry).empty()) argv.insert(argv.end(), {"--env", entry});
  }
  append_labels(argv, plan.record);
  argv.insert(argv.end(),
              {"--label", "shipyard.role=task", "--label", fmt::format("shipyard.node={}", index)});
  const bool own_capabilities =
      std::any_of(options.run_options.begin(), options.run_options.end(),
                  [](const std::string& option) { return option.starts_with("--cap-"); });
  if (!own_capabilities)
    argv.insert(argv.end(), std::begin(batch::kCapabilityOptions), std::end(batch::kCapabilityOptions));
  argv.insert(argv.end(), options.run_options.begin(), options.run_options.end());
  argv.push_back(options.image);
  return step;
}

Step coordinate(const PoolPlan& plan, const PoolOptions& options, const NodePlan& node, std::size_t index,
                std::vector<std::size_t> after) {
  Step step;
  step.what = fmt::format("node {}: coordination command", index);
  step.container = node.task_container;
  step.after = std::move(after);
  step.limit = std::chrono::hours(1);
  step.may_be_killed = true;
  step.argv = {plan.engine, "exec", node.task_container, "/bin/sh", "-c", options.coordination};
  return step;
}

Status check_environment(const std::vector<std::string>& entries) {
  for (const auto& entry : entries) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    const auto bad =
        std::find_if(name.begin(), name.end(), [&](char c) { return c != '_' && !is_alphanumeric(c); });
    if (name.empty() || bad != name.end() || is_digit(name[0])) {
      Error error =
          input_error("--env: not the name of a variable", "NAME=VALUE, or NAME to hand on your own value");
      error.excerpt = {entry, bad == name.end() ? 0 : static_cast<std::size_t>(bad - name.begin())};
      return error;
    }
  }
  return Ok{};
}

Status check_shm_size(const std::string& text) {
  const auto digits = text.find_first_not_of("0123456789");
  const bool unit = digits != std::string::npos && digits + 1 == text.size() &&
                    std::string_view("bkmgBKMG").find(text[digits]) != std::string_view::npos;
  if (text.empty() || (digits != 0 && (digits == std::string::npos || unit))) return Ok{};
  return input_error(fmt::format("--shm-size: '{}' is not a size", text), "examples: 512m, 2g");
}

Status check_image(const std::string& image, std::string_view option) {
  if (!image.empty() && image[0] != '-' && image.find_first_of(" \t\n") == std::string::npos) return Ok{};
  return input_error(fmt::format("{}: '{}' is not the name of an image", option, image));
}

}  // namespace

std::string network_name(const std::string& pool) { return "shipyard-" + pool; }
std::string node_container_name(const std::string& pool, int index) {
  return fmt::format("shipyard-{}-node-{}", pool, index);
}
std::string task_container_name(const std::string& pool, int index) {
  return fmt::format("shipyard-{}-task-{}", pool, index);
}

Status check_pool_name(const std::string& name) {
  constexpr std::size_t kLongest = 40;
  std::size_t bad = 0;
  while (bad < name.size() && bad < kLongest &&
         (is_name_character(name[bad]) ||
          (bad > 0 && std::string_view("-_.").find(name[bad]) != std::string_view::npos)))
    ++bad;
  if (!name.empty() && bad == name.size()) return Ok{};
  Error error =
      input_error("--name: not the name of a pool",
                  "at most 40 lower-case letters, digits, '-', '_' and '.', a letter or digit first");
  error.excerpt = {name, bad};
  return error;
}

std::vector<std::string> exec_command(const std::string& engine, const std::string& container, bool lifeline,
                                      const std::vector<std::string>& command) {
  std::vector<std::string> argv = {engine, "exec", "--interactive"};
  if (lifeline) argv.insert(argv.end(), {"--env", "SHIPYARD_LIFELINE=stdin"});
  argv.push_back(container);
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

std::vector<std::string> key_command(const std::string& directory) {
  return {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "shipyard", "-f", directory + "/id_ed25519"};
}

Result<PoolPlan> plan_pool(const PoolOptions& options, const PoolPlace& place) {
  for (auto check : {check_pool_name(options.name), check_environment(options.environment),
                     check_shm_size(options.shm_size), check_image(options.image, "--image"),
                     check_image(options.node_image, "--node-image")}) {
    if (!check) return check.error();
  }
  if (place.parent_directory.find_first_of(",\"\n") != std::string::npos) {
    return input_error(fmt::format("TMPDIR: the engine cannot mount a path with a comma or a quote: {}",
                                   place.parent_directory));
  }

  PoolPlan plan;
  plan.engine = place.engine;
  auto& record = plan.record;
  record.name = options.name;
  record.kind = options.kind;
  record.owner = place.owner;
  record.directory = place.parent_directory + "/shipyard-" + options.name;
  record.node_image = options.node_image;
  record.image = options.image;
  record.subnet = place.subnet.text();
  record.nodes = options.nodes;
  for (const auto& set : place.cpus.sets) record.cpus.insert(record.cpus.end(), set.begin(), set.end());
  std::sort(record.cpus.begin(), record.cpus.end());
  record.cpus.erase(std::unique(record.cpus.begin(), record.cpus.end()), record.cpus.end());

  MultiInstanceTask task;
  task.account_name = "local";
  task.account_url = "https://local.localhost.batch.azure.com/";
  task.pool = options.name;
  task.job = "job";
  task.task = "task";
  task.cores_per_node = place.cpus.cpus_per_node;
  for (int k = 0; k < options.nodes; ++k) task.addresses.push_back(node_address(place.subnet, k));

  plan.makes_key = !sets(options.environment, kKeyVariable);
  for (const auto& entry : options.environment) {
    if (auto key = key_given_by(entry); !key.empty()) plan.key = Secret(std::string(key));
  }

  plan.network.what = "create the network " + network_name(record.name);
  plan.network.argv = {plan.engine, "network", "create", "--subnet", record.subnet};
  append_labels(plan.network.argv, record);
  plan.network.argv.push_back(network_name(record.name));

  // Only its owner enters the parent; inside, a task may run as any user.
  plan.directories.push_back({record.directory, 0700});
  for (int k = 0; k < options.nodes; ++k) {
    const auto index = static_cast<std::size_t>(k);
    NodePlan node;
    node.address = task.addresses[index];
    node.directory = fmt::format("{}/node-{}", record.directory, k);
    if (!place.cpus.sets.empty()) node.cpus = place.cpus.sets[index];
    node.node_container = node_container_name(record.name, k);
    node.task_container = task_container_name(record.name, k);
    node.variables = batch_variables(task, k);
    if (place.cpus.shared) {
      // Bound ranks of two nodes would sit on one core, and a rank that waits would keep the others from it.
      for (const auto& [name, value] : {std::pair<const char*, const char*>{"SHIPYARD_BIND_TO", "none"},
                                        {"OMPI_MCA_mpi_yield_when_idle", "1"}}) {
        if (!sets(options.environment, name)) node.variables.emplace_back(name, value);
      }
    }
    plan.directories.push_back({node.directory, 0755});
    for (const auto& path : batch_directories(task))
      plan.directories.push_back({node.directory + "/" + path, 0777});
    plan.nodes.push_back(std::move(node));
  }
  for (std::size_t k = 0; k < plan.nodes.size(); ++k) {
    const auto& node = plan.nodes[k];
    const std::size_t started = plan.start.size();
    plan.start.push_back(start_node(plan, node, k));
    plan.start.push_back(wait_for_node(plan, node, k, started));
    plan.start.push_back(start_task(plan, options, node, k, started));
    if (!options.coordination.empty()) {
      plan.start.push_back(coordinate(plan, options, node, k, {started + 1, started + 2}));
    }
  }
  return plan;
}

std::string dry_run_text(const PoolPlan& plan, const std::vector<std::string>& command) {
  std::string text = shell_quote(plan.network.argv) + "\n";
  const Directory* last = nullptr;
  for (const auto& directory : plan.directories) {
    if (last == nullptr || last->mode != directory.mode) {
      text += fmt::format("{}mkdir -m {:03o}", last == nullptr ? "" : "\n", directory.mode);
    }
    text += " " + shell_quote(directory.path);
    last = &directory;
  }
  text += "\n";
  if (plan.makes_key) {
    const auto maker = key_command(plan.record.directory);
    const std::string file = shell_quote(maker.back());
    text += fmt::format("{}\nexport {}=\"$(base64 -w0 {})\"\nrm {} {}.pub\n", shell_quote(maker),
                        kKeyVariable, file, file, file);
  } else if (!plan.key.empty()) {
    text += fmt::format(": \"${{{}:?the key that was given with --env is not printed}}\"\n", kKeyVariable);
  }
  for (const auto& step : plan.start) text += shell_quote(step.argv) + "\n";
  if (!command.empty()) {
    text += shell_quote(exec_command(plan.engine, plan.nodes.at(0).task_container, true, command)) + "\n";
  }
  if (plan.record.kind == PoolKind::kRun) {
    std::vector<std::string> remove = {plan.engine, "rm", "--force", "--volumes"};
    for (const auto& node : plan.nodes) {
      remove.push_back(node.task_container);
      remove.push_back(node.node_container);
    }
    text += shell_quote(remove) + "\n";
    text += fmt::format("rm -rf {}\n", shell_quote(plan.record.directory));
    text += shell_quote({plan.engine, "network", "rm", network_name(plan.record.name)}) + "\n";
  }
  return text;
}

}  // namespace shipyard::local
