#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace shipyard::local::node_docker {

/// A directory of this machine that a node shows as well. Both absolute.
struct Mount {
  std::string on_the_node;
  std::string here;
};

/// What the `docker` of a node must know of it. Nodes are told apart so that a job finds what it would find
/// on a VM of its own; it is no wall: who may start a container may have all of the machine.
struct Node {
  std::string
      container;  ///< the node's: whose network, and on request pid and ipc namespace, is "the host's"
  /// Put before the names of containers and volumes; of another node's none may be the beginning.
  std::string prefix;
  /// On each container made here, and what `docker ps` is limited by: all of them together mean this node,
  /// and the node's own container does not carry them.
  std::vector<std::pair<std::string, std::string>> labels;
  std::string directory;  ///< of this machine: kNodeRootDirectory on the node
  std::vector<Mount> mounts = {};
  /// For each container made here, where its maker says no other value.
  std::vector<std::pair<std::string, std::string>> variables = {};
  bool podman = false;  ///< the machine's engine: docker otherwise
  /// How much memory a container may lock here, in bytes; none: all.
  std::optional<std::uint64_t> memlock_limit = {};
};

/// One use of `docker` on a node.
struct Call {
  std::vector<std::string> arguments;                           ///< without the program's name
  std::string working_directory;                                ///< on the node, absolute
  std::map<std::string, std::string, std::less<>> environment;  ///< of the program
  /// Where the engine's client finds what files_to_read named, in that order.
  std::vector<std::string> files = {};
  std::string unused_name = {};  ///< for a container that was given none
};

struct OwnContainer {
  std::string id;  ///< whole
  std::string name;
};

/// The node's containers, asked of the engine: at most once a call, and not where names alone are used.
using AskOwnContainers = std::function<Result<std::vector<OwnContainer>>()>;

/// What the machine's engine is to be called with.
struct EngineCall {
  std::vector<std::string> arguments;  ///< without the program's name
  std::vector<std::string> notes;      ///< for the user: what is not as on a VM
  bool takes_environment = false;      ///< variables may be handed on by name: it needs those of the node
  /// It makes or removes something and ends by itself soon: killed halfway it may be carried out later.
  bool changes = false;
};

/// Pure. An option that joins the host joins the node; a name is the node's own; a path is one of the node.
/// What cannot be as on a VM is left out with a note where the job will not miss it, else refused: the error
/// is for the user of the node, with exit status 125.
Result<EngineCall> rewrite(const Call& call, const Node& node, const AskOwnContainers& ask);

/// `path`, absolute or from `working_directory`, without `.`, `..` and double slashes; symbolic links are not
/// looked at.
[[nodiscard]] std::string normal_path(std::string_view path, std::string_view working_directory);

/// Where a path of the node is on this machine; none where it is the node's own.
[[nodiscard]] std::optional<std::string> path_here(const std::string& path, const Node& node);

/// True for the variables that the engine's client obeys itself and must have from this machine: PATH, HOME,
/// DOCKER_*, the linker's, and those of podman.
[[nodiscard]] bool belongs_to_the_client(std::string_view variable, bool podman);

/// The text of a variables' file for the engine's client. In it a name without a value stands for the
/// client's own (docs.docker.com/reference/cli/docker/container/run, --env-file), which for some is this
/// machine's: these get the node's value.
[[nodiscard]] std::string file_for_the_client(std::string_view text, const Call& call, bool podman);

}  // namespace shipyard::local::node_docker
