#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  /// The message gives no cause: whatever mpirun has said must be shown before it.
  bool unexplained = false;
};

/// What the job was meant to be.
struct JobFacts {
  int ranks = 0;
  std::string program;  ///< as the user calls it
  std::string directory;
  mpi::Dialect dialect = mpi::Dialect::kOpenMpi4;
  /// The nodes with their numbers of ranks, in rank order; empty: not known.
  std::vector<std::pair<std::string, int>> nodes = {};
  std::chrono::milliseconds node_timeout{0};
  std::chrono::milliseconds launch_timeout{0};
  std::chrono::milliseconds timeout{0};
  int preempt_signal = 0;
  /// Hydra: the node whose ssh was the first to end with 255, which is ssh's own, or that of a daemon that
  /// was killed; empty: none did.
  std::string lost_node = {};
};

/// Pure. mpirun's own status is evidence, not the verdict: each rank's end is known from the rank itself, and
/// what is missing counts as lost.
[[nodiscard]] Outcome classify(const supervise::JobResult& result, const JobFacts& facts);

/// Where a loss is known, and that these nodes no longer answer.
[[nodiscard]] Outcome lost_nodes(const std::vector<std::string>& names);

/// "10.0.0.4", "10.0.0.4 and 10.0.0.5", "10.0.0.4, 10.0.0.5 and 7 more".
[[nodiscard]] std::string list_of(const std::vector<std::string>& names);

}  // namespace shipyard::launcher
