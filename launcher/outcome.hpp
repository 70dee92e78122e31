#pragma once

#include <string>

#include "base/result.hpp"
#include "launcher/mpi/installation.hpp"
#include "launcher/supervise/job.hpp"

namespace shipyard::launcher {

/// What became of the job, in one line, and the exit status that says it.
struct Outcome {
  std::string name;  ///< of DESIGN's table: "completed", "app_failed", "node_lost", …
  int status = 0;
  std::string message;  ///< empty for "completed"
  std::string hint;
};

/// Pure. mpirun's own status is evidence, not the verdict: each rank's end is known from the rank itself, and
/// what is missing counts as lost. `program` is named in messages.
[[nodiscard]] Outcome classify(const supervise::JobResult& result, int expected_ranks,
                               const std::string& program, const std::string& directory,
                               mpi::Dialect dialect);

}  // namespace shipyard::launcher
