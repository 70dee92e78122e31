#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "batch/local/batch_variables.hpp"
#include "batch/local/cpu_set.hpp"
#include "batch/local/pool_record.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

inline constexpr const char* kDefaultNodeImage = "shipyard/node:latest";

/// The variable in which the image's entrypoint finds the job's private key.
inline constexpr const char* kKeyVariable = "SHIPYARD_SSH_KEY";

inline constexpr const char* kEntrypointHint =
    "the image's entrypoint must stay: sshd in the foreground on port 23, as in images FROM shipyard/openmpi";

/// What the user asked for.
struct PoolOptions {
  PoolKind kind = PoolKind::kRun;
  std::string name;
  int nodes = 1;
  std::string image;
  std::string node_image = kDefaultNodeImage;
  std::string shm_size = {};  ///< as the engine takes it; empty: its default
  std::vector<std::string> environment =
      {};  ///< NAME=VALUE, or NAME: taken from the engine client's environment
  std::vector<std::string> run_options = {};  ///< more words for the engine's `run` of the task's container
  std::string coordination = {};              ///< for /bin/sh on every node; empty: none
};

/// What was chosen for it on this machine.
struct PoolPlace {
  std::string engine;            ///< "docker" or "podman": argv[0] of all commands
  std::string parent_directory;  ///< absolute; the pool's own directory goes below
  ProcessIdentity owner;
  Subnet subnet;
  CpuDeal cpus;
};

/// One command of the start. Those in `after` (indexes) have to be over, with exit status 0.
struct Step {
  std::string what;  ///< for the user: "node 2: start the VM"
  std::vector<std::string> argv;
  std::vector<std::size_t> after = {};
  std::string container = {};  ///< whose log explains a failure; empty: none
  std::string hint = {};       ///< the remedy for its failure
  std::chrono::seconds limit{120};
  bool may_be_killed = false;  ///< it makes nothing that outlives the containers
};

struct NodePlan {
  std::string address;
  std::string directory;  ///< on this machine; bound to the node's root directory
  Cpus cpus;              ///< empty: no cpuset
  std::string node_container;
  std::string task_container;
  Variables variables;  ///< of Batch, and ours
};

struct Directory {
  std::string path;
  mode_t mode = 0;
};

/// Everything that makes a pool, as a value; carried out by start_pool, printed by --dry-run.
struct PoolPlan {
  PoolRecord record;  ///< the labels
  std::string engine;
  std::vector<NodePlan> nodes;  ///< the primary first
  Step network;
  std::vector<Directory> directories;  ///< parents first
  bool makes_key = false;              ///< a new ssh key, for the tasks' environment
  Secret key = {};                     ///< the user's own, for the same; never on a command line
  std::vector<Step> start;
};

/// Pure. An error where a name, a path or a value cannot be given to the engine.
Result<PoolPlan> plan_pool(const PoolOptions& options, const PoolPlace& place);

/// `docker exec` of a command in a task's container, in the image's working directory; with its standard
/// input as the lifeline of shipyard-mpirun (closing it means SIGTERM), because the engine hands on no
/// signal.
[[nodiscard]] std::vector<std::string> exec_command(const std::string& engine, const std::string& container,
                                                    bool lifeline, const std::vector<std::string>& command);

/// ssh-keygen's words for a new key, DIRECTORY/id_ed25519.
[[nodiscard]] std::vector<std::string> key_command(const std::string& directory);

/// The pool's names in the engine.
[[nodiscard]] std::string network_name(const std::string& pool);
[[nodiscard]] std::string node_container_name(const std::string& pool, int index);
[[nodiscard]] std::string task_container_name(const std::string& pool, int index);

/// A lower-case word of at most 40 letters, digits, '-', '_', '.', beginning with a letter or digit.
Status check_pool_name(const std::string& name);

/// The whole life of the pool as shell commands, one a line: start, `command` if any, removal.
[[nodiscard]] std::string dry_run_text(const PoolPlan& plan, const std::vector<std::string>& command);

}  // namespace shipyard::local
