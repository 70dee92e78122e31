#include "batch/local/nodes/node_maker.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/shell_quote.hpp"
#include "batch/local/batch_variables.hpp"
#include "batch/local/engine.hpp"
#include "batch/local/machine.hpp"
#include "batch/local/nodes/engine_call.hpp"
#include "batch/local/pool_record.hpp"

namespace shipyard::local {
namespace {

namespace fs = std::filesystem;

constexpr const char* kServiceLabel = "shipyard.service";
constexpr const char* kNodeLabel = "shipyard.service-node";

/// The names of what Batch takes as ids, which an engine takes too.
std::string network_of(const NodeMakerSettings& settings, const std::string& pool) {
  return fmt::format("shipyard-{}-{}", settings.service, pool);
}

Status make_directories(const std::string& path, mode_t mode) {
  std::error_code error;
  fs::create_directories(path, error);
  // The mode of mkdir is cut by the umask.
  if (error || ::chmod(path.c_str(), mode) != 0)
    return system_error(fmt::format("'{}' cannot be made", path), error ? error.value() : errno);
  return Ok{};
}

}  // namespace

Result<std::string> NodeMaker::engine(std::vector<std::string> words, std::chrono::seconds limit) const {
  messages_.command(settings_.engine + " " + shell_quote(words));
  return call_engine(settings_.engine, std::move(words), environment_, limit);
}

Status NodeMaker::remove_all() const {
  const std::string filter = fmt::format("label={}={}", kServiceLabel, settings_.service);
  // Those that live in a node's network carry the label as well.
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto containers = engine({"ps", "--all", "--quiet", "--filter", filter});
    if (!containers) return containers.error();
    auto names = words_of(*containers);
    if (names.empty()) break;
    names.insert(names.begin(), {"rm", "--force", "--volumes"});
    (void)engine(std::move(names));
  }
  // With what their docker's users have signed in with.
  std::error_code ignored;
  fs::remove_all(settings_.directory + "/docker", ignored);
  auto networks = engine({"network", "ls", "--quiet", "--filter", filter});
  if (!networks) return networks.error();
  for (const auto& network : words_of(*networks)) {
    if (auto removed = engine({"network", "rm", network}); !removed) return removed.error();
  }
  return Ok{};
}

Status NodeMaker::make_network(const std::string& pool, int nodes) {
  const std::lock_guard lock(mutex_);
  if (const auto found = subnets_.find(pool); found != subnets_.end()) {
    if (found->second.capacity() >= nodes) return Ok{};
    return Error{Error::Code::kSystem,
                 fmt::format("pool '{}' has addresses for {} nodes, and {} are wanted", pool,
                             found->second.capacity(), nodes),
                 "make it anew, with as many as it is to have at most",
                 {}};
  }
  constexpr int kAttempts = 16;
  auto used = host_routes();
  if (auto networks = engine({"network", "ls", "--quiet"})) {
    auto words = words_of(*networks);
    words.insert(words.begin(), {"network", "inspect"});
    if (auto inspected = engine(std::move(words))) {
      if (auto parsed = parse_networks(*inspected)) used.insert(used.end(), parsed->begin(), parsed->end());
    }
  }
  Error last{Error::Code::kSystem, "no subnet is free", {}, {}};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto subnet = choose_subnet(nodes, used);
    if (!subnet) return subnet.error();
    auto made = engine({"network", "create", "--subnet", subnet->text(), "--label",
                        fmt::format("{}={}", kServiceLabel, settings_.service), network_of(settings_, pool)});
    if (made) {
      subnets_.emplace(pool, *subnet);
      return Ok{};
    }
    last = made.error();
    if (!says_subnet_is_taken(last.message)) return last;
    used.push_back({*subnet, fmt::format("a network of {}", settings_.engine)});
  }
  return last;
}

void NodeMaker::forget_pool(const std::string& pool) {
  remove_tree(fmt::format("{}/nodes/{}", settings_.directory, pool));
  const std::lock_guard lock(mutex_);
  if (subnets_.find(pool) == subnets_.end()) return;
  if (auto removed = engine({"network", "rm", network_of(settings_, pool)}); !removed)
    messages_.warning(removed.error().message);
  else
    subnets_.erase(pool);
}

Result<NodeContainer> NodeMaker::plan_node(const std::string& pool, int index, const Cpus& cpus) const {
  NodeContainer node;
  {
    const std::lock_guard lock(mutex_);
    node.info.address = node_address(subnets_.at(pool), index);
  }
  MultiInstanceTask named;
  named.pool = pool;
  node.info.id = node_id(named, index);
  node.info.number = index;
  node.info.directory = fmt::format("{}/nodes/{}/{}", settings_.directory, pool, index);
  node.docker_directory = fmt::format("{}/docker/{}-{}", settings_.directory, pool, index);
  node.container = fmt::format("shipyard-{}-{}-node-{}", settings_.service, pool, index);
  node.cpus = cpus;
  node.labels = {{kServiceLabel, settings_.service}, {kNodeLabel, node.info.id}};
  if (auto made = make_directories(node.info.directory, 0755); !made) return made.error();
  if (auto made = make_directories(settings_.directory + "/docker", 0700); !made) return made.error();
  for (const char* name :
       {"applications", "fsmounts", "shared", "startup", "startup/wd", "volatile", "workitems"}) {
    if (auto made = make_directories(node.info.directory + "/" + name, 0777); !made) return made.error();
  }
  node.docker = broker_settings(node).node;
  node.docker.podman = settings_.access.podman;
  node.docker.memlock_limit = settings_.access.memlock_limit;
  return node;
}

Status NodeMaker::start_node(const NodeContainer& node, const std::string& pool, int index) const {
  std::vector<std::string> words = {
      "run", "--detach", "--pull=never", "--name", node.container, "--hostname",
      fmt::format("node-{}", index), "--network", network_of(settings_, pool), "--ip", node.info.address,
      // for the bridge docker0 that its entrypoint makes, in its own network namespace
      "--cap-add", "NET_ADMIN", "--mount",
      fmt::format("type=bind,source={},target={}", node.info.directory, kNodeRootDirectory)};
  words.insert(words.end(), {"--label", fmt::format("{}={}", kServiceLabel, settings_.service)});
  for (const auto& mount : settings_.mounts)
    words.insert(words.end(),
                 {"--mount", fmt::format("type=bind,source={},target={}", mount.here, mount.on_the_node)});
  for (auto& word : node_docker::node_options(node.docker_directory, settings_.docker_program))
    words.push_back(std::move(word));
  if (!node.cpus.empty()) words.push_back("--cpuset-cpus=" + format_cpu_list(node.cpus));
  words.push_back(settings_.node_image);
  (void)engine({"rm", "--force", "--volumes", node.container});
  if (auto started = engine(std::move(words)); !started) {
    // What was made, and did not start, would keep the name.
    remove_node(node, false);
    return started.error();
  }
  // On Batch the bridge is older than any task.
  if (auto ready = engine({"exec", node.container, "/bin/sh", "-c",
                           "until grep -q 172.17.0.1 /proc/net/fib_trie; do sleep 0.05; done"},
                          std::chrono::seconds(20));
      !ready) {
    remove_node(node, false);
    return ready.error();
  }
  return Ok{};
}

node_docker::BrokerSettings NodeMaker::broker_settings(const NodeContainer& node) const {
  node_docker::BrokerSettings broker;
  broker.node.container = node.container;
  broker.node.prefix = node.container + "-";
  broker.node.labels = node.labels;
  broker.node.variables = node.variables;
  broker.node.directory = node.info.directory;
  broker.node.mounts = settings_.mounts;
  broker.access = settings_.access;
  broker.environment = environment_;
  broker.directory = node.docker_directory;
  return broker;
}

Result<std::unique_ptr<node_docker::Broker>> NodeMaker::start_docker(const NodeContainer& node) const {
  return node_docker::Broker::start(broker_settings(node));
}

void NodeMaker::remove_node(const NodeContainer& node, bool for_good) const {
  // Its own containers would be left without a network.
  if (auto removed = node_docker::remove_containers(broker_settings(node)); !removed)
    messages_.warning(removed.error().message);
  (void)engine({"rm", "--force", "--volumes", node.container});
  std::error_code ignored;
  fs::remove_all(node.docker_directory, ignored);
  if (!for_good) return;
  remove_tree(node.info.directory);
}

void NodeMaker::remove_tree(const std::string& path) const {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (!failure) return;
  // Containers write as root, and an ordinary user cannot remove that: a container can.
  (void)engine({"run", "--rm", "--pull=never", "--network", "none", "--user", "0", "--mount",
                fmt::format("type=bind,source={},target=/node", path), "--entrypoint", "/bin/sh",
                settings_.node_image, "-c", "rm -rf /node/* /node/.[!.]*"});
  fs::remove_all(path, failure);
  if (failure) messages_.warning(fmt::format("'{}' cannot be removed: {}", path, failure.message()));
}

std::vector<std::string> NodeMaker::ended(const std::vector<NodeContainer>& nodes) const {
  std::vector<std::string> gone;
  if (nodes.empty()) return gone;
  const auto running = engine({"ps", "--filter", fmt::format("label={}={}", kServiceLabel, settings_.service),
                               "--format", "{{.Names}}"});
  if (!running) return gone;  // the engine does not answer: nothing is known
  const auto names = words_of(*running);
  for (const auto& node : nodes) {
    if (std::find(names.begin(), names.end(), node.container) == names.end()) gone.push_back(node.info.id);
  }
  return gone;
}

}  // namespace shipyard::local
