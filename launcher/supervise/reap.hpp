#pragma once

#include <string_view>

#include "launcher/supervise/mpi_files.hpp"

namespace shipyard::supervise {

/// SIGKILL for every process of this node, other than this one, that has SHIPYARD_JOB=`job` in the
/// environment it was started with (proc(5), environ), until there is none. Processes of other users are not
/// looked at unless this one is root's. A number that the kernel has given to another process meanwhile is
/// not hit (pidfd_open(2)). Returns how many were killed; what they have left in files is removed.
int kill_marked(std::string_view job);

/// What the processes with this mark would leave in files if they were killed now.
[[nodiscard]] MpiFiles files_of_marked(std::string_view job);

}  // namespace shipyard::supervise
