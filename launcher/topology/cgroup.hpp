#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace shipyard::topology {

/// CPU time limit in CPUs from the control groups: cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us` /
/// `cpu.cfs_period_us`, the minimum over the group and its ancestors (cgroups(7),
/// Documentation/admin-guide/cgroup-v2.rst). Inside a container the group's own path may not exist below the
/// mount: what is not there is passed over. `proc_self_cgroup` is the content of /proc/self/cgroup,
/// `mount_point` is /sys/fs/cgroup.
[[nodiscard]] std::optional<double> cpu_quota(const std::string& proc_self_cgroup,
                                              const std::string& mount_point);

/// Memory limit in bytes in the same way: v2 `memory.max`, v1 `memory.limit_in_bytes` (where a value near
/// 2^63 means none).
[[nodiscard]] std::optional<std::uint64_t> memory_limit(const std::string& proc_self_cgroup,
                                                        const std::string& mount_point);

}  // namespace shipyard::topology
