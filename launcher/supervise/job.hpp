#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "launcher/supervise/error_output.hpp"
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
  /// Ranks that must report before the job counts as started; 0: not known.
  int ranks = 0;
  std::optional<std::chrono::milliseconds> launch_timeout = {};  ///< from mpirun's start to the last rank's
  std::optional<std::chrono::milliseconds> time_limit = {};      ///< from mpirun's start
  std::chrono::milliseconds kill_after{5000};                    ///< between SIGTERM and SIGKILL
  /// A rank whose connection has broken while mpirun goes on as if nothing were: so long may mpirun notice by
  /// itself. Where a node has fallen silent it is not waited for: it would notice after minutes.
  std::chrono::milliseconds loss_grace{5000};
  /// A rank that has failed while mpirun goes on: so long may it, or the other ranks, take to end. nullopt:
  /// without a limit.
  std::optional<std::chrono::milliseconds> failure_grace = {};
  /// A rank that has ended without MPI_Init while others wait for it there: so long may they find out.
  std::chrono::milliseconds init_grace{10'000};
  /// mpirun that does not end although all ranks have: so long may it do nothing at all, and so long may it
  /// take at most. Not counted while nobody reads its output.
  std::chrono::milliseconds idle_limit{10'000};
  std::chrono::milliseconds end_limit{60'000};
  /// mpirun's own standard error goes to this process' at once. It is kept for the result in any case.
  bool show_mpirun_words = false;
  int words_log = -1;  ///< a file that gets it as it comes; -1: none
  /// What all ranks are sent, once, where a node is about to be taken away; they have the time that the node
  /// has left. 0: nothing is done about it.
  int preempt_signal = 0;
  /// Told once, about all nodes that said so within a moment, that nobody watches for their preemption.
  std::function<void(const std::vector<UnwatchedNode>& nodes)> on_unwatched = {};
  std::vector<EventSource> events = {};
  bool lifeline = false;  ///< the end of this process' standard input means SIGTERM
};

/// Why the job was ended by the launcher, if it was.
enum class Ended {
  kByItself,
  kBySignal,
  kForLoss,
  kLaunchTimeout,
  kTimeLimit,
  kMissedInit,
  kForFailure,
  kHungAtItsEnd,
  kPreempted
};

/// What was seen, not what it means.
struct JobResult {
  Exit mpirun;
  Ended ended = Ended::kByItself;  ///< the first reason, where there were several
  std::optional<int> signal;       ///< that this process received, whatever `ended` says
  bool lifeline_ended = false;     ///< with signal = SIGTERM
  /// How long this process was stopped, where that was longer than the ranks wait for a sign of life, shortly
  /// before the end; 0: not.
  std::chrono::milliseconds paused{0};
  bool forced = false;  ///< mpirun needed SIGKILL
  /// A node was about to be taken away while all was well, and the ranks were sent a signal for it.
  std::optional<PreemptionNotice> preemption;
  std::vector<RankRecord> ranks;  ///< that were heard of, by rank
  std::string mpirun_words;       ///< what mpirun wrote to its standard error
};

/// Runs mpirun to its end, whatever happens: in bounded time after a signal in `signals` (SIGCHLD must be
/// among them), a loss or a time limit, with what it started on this node, and by hanging up (RankMonitor)
/// with the ranks on all nodes. `errors` shows what the ranks write to their standard error.
Result<JobResult> run_job(const JobOptions& options, RankMonitor& monitor, ErrorOutput& errors,
                          SignalDescriptor& signals);

}  // namespace shipyard::supervise
