#pragma once

#include <string>

#include "base/environment.hpp"

namespace shipyard::bench {

/// What somebody has set for MPI in the environment, `NAME=VALUE; …`: variables of Open MPI, PRRTE, UCX,
/// MPICH.
std::string mpi_settings(const Environment& environment);

/// SHIPYARD_VM_SIZE, or "unknown": no VM says its size without being asked over the network.
std::string vm_size(const Environment& environment);

/// True where this process is one of several that a launcher has started.
bool started_by_launcher(const Environment& environment);

}  // namespace shipyard::bench
