#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "launcher/supervise/rank_monitor.hpp"

namespace shipyard::supervise {

/// Something else to serve while the job runs.
struct EventSource {
  int fd = -1;
  std::function<void()> handle;  ///< when fd is readable; must not block
};

struct JobOptions {
  Command mpirun;  ///< in a process group of its own, unless `foreground`
  /// It reads the terminal, which stops any other process group that does (SIGTTIN).
  bool foreground = false;
  std::chrono::milliseconds kill_after{5000};  ///< between SIGTERM and SIGKILL
  /// A rank's connection that is lost while mpirun goes on as if nothing were: so long may mpirun notice by
  /// itself.
  std::chrono::milliseconds loss_grace{8000};
  std::vector<EventSource> events = {};
  bool lifeline = false;  ///< the end of this process' standard input means SIGTERM
};

/// What was seen, not what it means.
struct JobResult {
  Exit mpirun;
  std::optional<int> signal;      ///< that this process received and ended the job for
  bool lifeline_ended = false;    ///< with signal = SIGTERM
  bool ended_for_loss = false;    ///< the job was ended because ranks were lost and mpirun did not notice
  bool forced = false;            ///< mpirun needed SIGKILL
  std::vector<RankRecord> ranks;  ///< that were heard of, by rank
};

/// Runs mpirun to its end, whatever happens: signals in `signals` (SIGCHLD must be among them) end it in
/// bounded time, with what it started on this node, and by hanging up (RankMonitor) with the ranks on all
/// nodes.
Result<JobResult> run_job(const JobOptions& options, RankMonitor& monitor, SignalDescriptor& signals);

}  // namespace shipyard::supervise
