#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shipyard::mpi {

/// What can be understood of the words that mpirun, its daemons and their ssh write to standard error. The
/// texts are those of Open MPI 4.1 and 5.0 (help-mpi-api.txt, help-orterun.txt, help-prun.txt), MPICH 4.0
/// and 4.2 (Hydra's pmiserv_cb.c) and OpenSSH.
struct Diagnosis {
  /// MPI_Abort was called.
  struct Abort {
    int rank = 0;  ///< in the communicator that it was called on: that of the whole job mostly
    bool whole_job = true;
    int code = 0;
  };
  std::optional<Abort> abort;

  /// A rank ended without MPI_Init or MPI_Finalize, and mpirun ended the others for it.
  std::optional<int> improper_rank;

  /// Hydra: the connection to a daemon has ended before the daemon had.
  bool lost_daemon = false;

  /// A node's sshd, or ssh itself, refused: "10.0.0.5: Permission denied (publickey)".
  std::string ssh_refusal;

  /// A rank that could not reach the launcher: shipyard-rank's own line, without its name.
  std::string unreachable_launcher;
};

[[nodiscard]] Diagnosis diagnose(std::string_view words);

/// The words without lines that are known to mean nothing: a race in how mpirun starts ssh, in which both
/// sides do the same.
[[nodiscard]] std::string without_noise(std::string_view words);

}  // namespace shipyard::mpi
