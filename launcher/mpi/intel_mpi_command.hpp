#pragma once

#include "launcher/mpi/mpirun_command.hpp"

namespace shipyard::mpi {

// Intel MPI's Hydra, 2019 and later. Its source is closed, and none was at hand to try: what stands here is
// what Intel documents, and a test with a stand-in that takes no other words (tests/lib/fake_intel_mpi). The
// Developer Reference for Linux of 2021.11 to 2021.19, by its chapters (R), and mpiexec.hydra(1) as it is
// installed (M):
//
// - `-machinefile` says how many ranks a host gets (`IP:N`); `-f` takes host names alone (R: Global Hydra
//   Options). Global options stand before local ones, of which `-np` and `-wdir` are two (R: mpiexec.hydra).
// - `-bootstrap ssh`, `-bootstrap-exec PROGRAM`, I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS: who starts the
// proxies,
//   and with which further arguments (R: Global Hydra Options, Hydra Environment Variables; M).
// - I_MPI_HYDRA_BRANCH_COUNT: how many proxies one starts (M); 16, then those start others (`--tree-width 16`
//   in what it calls). Nodes other than this one have neither ssh config nor key.
// - `-localhost`, `-iface`: this node's name and interface for the others (R: Global Hydra Options).
// - Without `-genvlist` the whole environment goes to the ranks (R: I_MPI_HYDRA_ENV).
// - I_MPI_PIN: pinning is on unless it is off (R: Environment Variables for Process Pinning).
// - I_MPI_FABRICS, I_MPI_OFI_PROVIDER, FI_PROVIDER: shm:ofi, and the provider of libfabric, which chooses one
//   by itself where nothing is said; mlx goes by UCX (R: Communication Fabrics Control, OFI-capable Network
//   Fabrics Control; Developer Guide: OFI Providers Support). FI_TCP_IFACE is fi_tcp(7)'s.
// - I_MPI_JOB_SIGNAL_PROPAGATION: else SIGKILL is what ranks get where mpirun gets SIGTERM (M).
// - PMI_RANK, and MPI_LOCALRANKID beside it, are in each rank's environment.

/// mpirun_command's, for Dialect::kIntelMpi.
[[nodiscard]] MpirunCommand intel_mpi_command(const MpirunRequest& request, const UserSettings& user);

[[nodiscard]] Status check_intel_mpi_request(const UserSettings& user);

[[nodiscard]] bool user_directs_intel_mpi_output(const UserSettings& user);

/// I_MPI_PIN itself counts: who says whether ranks are pinned does not want them bound by somebody else.
[[nodiscard]] bool user_places_intel_mpi_ranks(const UserSettings& user);

}  // namespace shipyard::mpi
