#pragma once

#include "launcher/mpi/mpirun_command.hpp"

namespace shipyard::mpi {

// Hydra, MPICH's process manager (Intel MPI's: intel_mpi_command.hpp). What stands here was read in
// Hydra 4.0.2's source (src/pm/hydra) and tried out.

/// mpirun_command's, for Dialect::kHydra.
[[nodiscard]] MpirunCommand hydra_command(const MpirunRequest& request, const UserSettings& user);

[[nodiscard]] Status check_hydra_request(const MpirunRequest& request, const UserSettings& user);

[[nodiscard]] bool user_directs_hydra_output(const UserSettings& user);

[[nodiscard]] bool user_places_hydra_ranks(const UserSettings& user);

}  // namespace shipyard::mpi
