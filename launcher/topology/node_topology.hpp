#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace shipyard::topology {

/// A physical core and those of its hardware threads that this process may use, as operating-system indexes.
struct Core {
  std::vector<int> hardware_threads;
};

/// The CPUs that this process may use on this node.
struct NodeTopology {
  std::vector<Core> cores;  ///< allowed by the cgroup and by the affinity mask, in hwloc's logical order
  int allowed_cores = 0;    ///< allowed by the cgroup alone: what mpirun itself will see
  std::optional<double> cpu_quota;  ///< CPUs' worth of time that the cgroup grants; nullopt: no limit

  /// Ranks that fit: one per usable core, no more than the quota rounded down, at least 1.
  [[nodiscard]] int usable_cores() const;
};

/// Asks hwloc about this machine (I/O devices left out) and the kernel about mask and quota.
Result<NodeTopology> discover();

/// CPU time limit in CPUs from the control groups: cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us` /
/// `cpu.cfs_period_us`, the minimum over the group and its ancestors (cgroups(7),
/// Documentation/admin-guide/cgroup-v2.rst). Inside a container the group's own path may not exist below the
/// mount: what is not there is passed over. `proc_self_cgroup` is the content of /proc/self/cgroup,
/// `mount_point` is /sys/fs/cgroup.
[[nodiscard]] std::optional<double> cpu_quota(const std::string& proc_self_cgroup,
                                              const std::string& mount_point);

}  // namespace shipyard::topology
