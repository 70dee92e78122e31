#pragma once

#include "base/exit_status.hpp"

namespace shipyard::launcher {

/// Exit statuses of shipyard-mpirun's own, those of base/exit_status.hpp among them; any other is the
/// program's. The table in docs/shipyard-mpirun.1 is this one.
enum ExitStatus : int {
  kSuccess = 0,
  kNodeUnreachable = 120,      ///< before the start; worth a retry
  kLaunchFailed = 121,         ///< mpirun could not start the job; worth a retry
  kNodeLost = 122,             ///< while the job ran; worth a retry
  kPreempted = 123,            ///< with --on-preempt, a node was about to be taken away; worth a retry
  kTimedOut = 124,             ///< --timeout
  kConfigError = kOwnFailure,  ///< usage, bad input, no MPI here or on a node
  kNotExecutable = kProgramNotExecutable,
  kNotFound = kProgramNotFound,
  kSignalBase = 128,  ///< + N: killed by signal N
};

}  // namespace shipyard::launcher
