#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard::local::node_docker {

/// How the machine's engine is reached, found once for all nodes.
struct EngineAccess {
  std::string program;  ///< absolute: of docker, or of podman
  bool podman = false;
  /// DOCKER_HOST for a client that does not read the user's own configuration, and so not the context that is
  /// chosen there. Empty: the default.
  std::string host = {};
  /// How much memory a container may lock, in bytes; none: all.
  std::optional<std::uint64_t> memlock_limit = {};
};

/// `engine`: "docker" or "podman". `image`: one that is here; it is started once, for a moment, where this
/// process may not lock all memory itself: an engine may do more than its user.
Result<EngineAccess> find_access(const std::string& engine, const std::string& image,
                                 const Environment& environment);

/// What a client of the engine runs with on a node's behalf: this machine's environment, but credentials of
/// `docker login` are read from and written to `credentials` alone (a directory: DOCKER_CONFIG, and podman's
/// REGISTRY_AUTH_FILE). NAME=VALUE.
[[nodiscard]] std::vector<std::string> client_environment(const EngineAccess& access,
                                                          const Environment& machine,
                                                          const std::string& credentials);

/// The same where variables are handed on by name: the node's, but what the client obeys is this machine's.
[[nodiscard]] std::vector<std::string> client_environment_with(
    const EngineAccess& access, const Environment& machine, const std::string& credentials,
    const std::map<std::string, std::string, std::less<>>& node);

}  // namespace shipyard::local::node_docker
