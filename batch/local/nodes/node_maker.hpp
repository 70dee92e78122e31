#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/terminal.hpp"
#include "batch/local/cpu_set.hpp"
#include "batch/local/node_docker/broker.hpp"
#include "batch/local/service/work.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

/// Where the nodes of a service come from, and how they are told from those of others on this machine.
struct NodeMakerSettings {
  std::string engine;     ///< "docker" or "podman"
  std::string service;    ///< eight digits: all that the service makes carries them
  std::string directory;  ///< absolute, private: the nodes' directories are below
  std::string node_image;
  std::string docker_program;              ///< shipyard-node-docker on this machine: the nodes' docker
  node_docker::EngineAccess access;        ///< for it
  std::vector<node_docker::Mount> mounts;  ///< directories of this machine that each node shows
};

/// A node's container, as commands need it.
struct NodeContainer {
  NodeInfo info;
  std::string container;
  std::string docker_directory;  ///< on this machine: of the broker (node_docker/broker.hpp)
  Cpus cpus;                     ///< empty: all
  node_docker::Node docker;      ///< how docker's words are read there
  /// On all that lives on it, and not on its own container: with them it is found, and goes.
  std::vector<std::pair<std::string, std::string>> labels;
  /// For the containers that live on it (node_docker::Node::variables).
  std::vector<std::pair<std::string, std::string>> variables;
};

/// Makes and removes the containers that stand for VMs, by the engine. Every function may be called by any
/// thread; those of one pool one after the other. Errors say what the engine said.
class NodeMaker {
 public:
  NodeMaker(NodeMakerSettings settings, const Environment& environment, const Messages& messages)
      : settings_(std::move(settings)), environment_(environment), messages_(messages) {}

  /// What an earlier service of these settings has left on the engine: containers and networks. Directories
  /// stay.
  Status remove_all() const;

  /// The pool's network, where it has none yet; room for `nodes`.
  Status make_network(const std::string& pool, int nodes);
  /// Its network, and the directories of all nodes that it ever had.
  void forget_pool(const std::string& pool);

  /// Node `index` of the pool with its directories, which are kept from before; its network is there.
  Result<NodeContainer> plan_node(const std::string& pool, int index, const Cpus& cpus) const;
  /// What answers the node's docker; before its container is started.
  Result<std::unique_ptr<node_docker::Broker>> start_docker(const NodeContainer& node) const;
  /// Its container, which runs when this returns.
  Status start_node(const NodeContainer& node, const std::string& pool, int index) const;
  /// Its container, and all others in its network; with them its directory where `for_good`.
  void remove_node(const NodeContainer& node, bool for_good) const;
  /// Those of them whose container runs no more.
  [[nodiscard]] std::vector<std::string> ended(const std::vector<NodeContainer>& nodes) const;

  [[nodiscard]] const NodeMakerSettings& settings() const { return settings_; }

 private:
  void remove_tree(const std::string& path) const;
  [[nodiscard]] node_docker::BrokerSettings broker_settings(const NodeContainer& node) const;
  Result<std::string> engine(std::vector<std::string> words,
                             std::chrono::seconds limit = std::chrono::seconds(120)) const;

  NodeMakerSettings settings_;
  const Environment& environment_;
  const Messages& messages_;
  mutable std::mutex mutex_;
  std::map<std::string, Subnet> subnets_;  ///< by pool
};

}  // namespace shipyard::local
