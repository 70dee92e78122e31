#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "batch/local/cpu_set.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

/// Pools of `run` end with the process that made them; those of `up` stay until `down`.
enum class PoolKind { kRun, kUp };

/// A process that owns a pool, told from a later one with the same number. `machine` is the kernel's boot id,
/// `pid_namespace` what /proc/self/ns/pid points to: a number from another namespace says nothing here.
struct ProcessIdentity {
  std::string machine;
  std::string pid_namespace;
  pid_t pid = 0;
  unsigned long long start_time = 0;  ///< clock ticks since boot, /proc/PID/stat

  /// `machine/namespace/pid/start`, as the label shipyard.owner holds it.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static std::optional<ProcessIdentity> parse(std::string_view text);
  bool operator==(const ProcessIdentity&) const = default;
};

/// A pool as the engine's labels tell it: containers and networks that carry the same shipyard.pool.
struct PoolRecord {
  struct Container {
    std::string name;
    std::string role;  ///< "node" or "task"
    int node = 0;
    bool running = false;
  };

  std::string name;
  PoolKind kind = PoolKind::kRun;
  std::optional<ProcessIdentity> owner;
  std::string directory;   ///< on this machine; holds the nodes' directories
  std::string node_image;  ///< can remove what root wrote there
  std::string image;
  std::string subnet;
  int nodes = 0;
  Cpus cpus;  ///< all that its nodes were given
  std::vector<Container> containers;
  std::vector<std::string> networks;

  [[nodiscard]] bool running() const;
};

/// Labels that make a record, in the order of the command line.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> labels_of(const PoolRecord& pool);

/// Pools found in the JSON of `inspect` for containers and for networks (docker or podman); what carries no
/// label of ours is left out, sorted by name.
Result<std::vector<PoolRecord>> parse_pools(std::string_view containers_json, std::string_view networks_json);

/// Subnets of all networks in the JSON of `network inspect` (docker or podman).
Result<std::vector<UsedSubnet>> parse_networks(std::string_view networks_json);

/// True where nobody will ever remove the pool: a pool of `run` whose owner has ended. `self` is the asking
/// process; `start_time_of_owner` is that of the process that has the owner's number now, none where there is
/// none. Of another pid namespace nothing is known; after a reboot the owner is gone, and so are running
/// containers.
[[nodiscard]] bool is_leftover(const PoolRecord& pool, const ProcessIdentity& self,
                               std::optional<unsigned long long> start_time_of_owner);

}  // namespace shipyard::local
