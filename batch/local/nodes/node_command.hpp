#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"
#include "batch/local/batch_variables.hpp"

namespace shipyard::local {

/// A command on a node, as Batch's agent there would run it.
struct NodeCommandOrder {
  std::string engine;              ///< "docker" or "podman"
  std::string container;           ///< the node's own, or a native task's on it
  std::vector<std::string> words;  ///< found on the node's PATH
  Variables variables;           ///< beside the node's own; they reach the engine's client by its environment
  std::string directory;         ///< working directory, on the node
  std::string output_directory;  ///< on the node: stdout.txt and stderr.txt there are added to
  std::string user;              ///< "0" or "UID:GID"
  std::string marker;            ///< of the task: all processes with it are ended by end_processes
};

/// How a command on a node ended.
struct NodeCommandEnd {
  Exit exit;
  bool not_found = false;  ///< the program is not there
  std::string complaint;   ///< of the engine, which could not run it; empty where it has run
};

/// A command that runs on a node. Destroyed, only the engine's client is killed: call end_processes before.
class NodeCommand {
 public:
  static Result<NodeCommand> start(const NodeCommandOrder& order, const Environment& environment);
  /// At most for `limit`; nothing where it still runs.
  std::optional<NodeCommandEnd> wait_for(std::chrono::milliseconds limit);
  /// setsid(2)'s number on the node of the command and all that it starts, as far as that makes no session of
  /// its own; empty where wait_for has not heard of it yet.
  [[nodiscard]] const std::string& session() const { return session_; }

 private:
  explicit NodeCommand(Child child) : child_(std::move(child)) {}
  void read_session();

  Child child_;
  std::string errors_;
  std::string session_;
};

/// Every process on the node that has `marker` in its environment or belongs to one of `sessions`
/// (NodeCommand::session): SIGTERM, and SIGKILL after `grace` to those that are left. Returns when none is
/// left, or the node does not answer.
void end_processes(const std::string& engine, const std::string& node, const std::string& marker,
                   const std::vector<std::string>& sessions, std::chrono::seconds grace,
                   const Environment& environment);

}  // namespace shipyard::local
