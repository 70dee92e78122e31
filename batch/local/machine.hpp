#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "batch/local/cpu_set.hpp"
#include "batch/local/pool_record.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

/// The CPUs this process may use (sched_getaffinity(2)), one entry a core with its hardware threads, in the
/// order of packages and cores.
[[nodiscard]] std::vector<Cpus> usable_cores();

/// Networks that this machine has a route to.
[[nodiscard]] std::vector<UsedSubnet> host_routes();

[[nodiscard]] ProcessIdentity own_identity();

/// Field 22 of /proc/PID/stat; nullopt where there is no such process.
[[nodiscard]] std::optional<unsigned long long> process_start_time(pid_t pid);

/// Eight hexadecimal digits nobody else has now.
[[nodiscard]] std::string random_word();

}  // namespace shipyard::local
