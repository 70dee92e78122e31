#pragma once

#include <memory>
#include <string>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "batch/local/node_docker/engine_access.hpp"
#include "batch/local/node_docker/rewrite.hpp"

namespace shipyard::local::node_docker {

struct BrokerSettings {
  Node node;  ///< `podman` and `memlock_limit` are taken from `access`
  EngineAccess access;
  Environment environment;  ///< this machine's
  /// Of this machine, absolute; it and what is in it are made with mode 0700 where they are missing.
  std::string directory;
};

/// Answers the `docker` of one node: for each use of it the machine's engine runs, with rewritten words and
/// the very standard streams of the program on the node. A client of the engine ends (SIGKILL) when that
/// program is gone, so that the input of a `docker exec --interactive` closes as it would on a VM, and when
/// this process is.
///
/// Threads of its own, one for each use; beside others that fork: every descriptor is close-on-exec.
class Broker {
 public:
  /// Listens. A socket that an earlier process has left there is replaced: a node that runs already finds the
  /// new one, since it has the directory and not the socket.
  static Result<std::unique_ptr<Broker>> start(BrokerSettings settings);

  /// The node's clients end: at once where they wait or talk, within ten seconds where they make or remove
  /// something. Then, and not before, its containers can be removed for good.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// To be bound to kSocketDirectory of the node's container.
  [[nodiscard]] static std::string socket_directory(const std::string& directory);

 private:
  class Service;
  explicit Broker(std::unique_ptr<Service> service);

  std::unique_ptr<Service> service_;
};

/// The installed shipyard-node-docker, absolute: in SHIPYARD_LIBEXEC, beside this program, or in its prefix's
/// libexec/shipyard. kNotFound where it is in none of them.
Result<std::string> find_node_docker(const Environment& environment);

/// What the `run` of a node's container needs for its docker: the socket's directory and the program, as
/// /usr/local/bin/docker, and an ipc namespace that `--ipc=host` can join. `program`: shipyard-node-docker.
[[nodiscard]] std::vector<std::string> node_options(const std::string& directory, const std::string& program);

/// Removes all containers that the node's docker has made, and its volumes, after a broker or without one. An
/// error says what the engine said; what can be removed is.
Status remove_containers(const BrokerSettings& settings);

}  // namespace shipyard::local::node_docker
