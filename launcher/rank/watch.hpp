#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/file_descriptor.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "launcher/preempt/preemption_watch.hpp"
#include "launcher/rank/attendance.hpp"
#include "launcher/rank/error_relay.hpp"
#include "launcher/rank/launcher_connection.hpp"
#include "launcher/supervise/mpi_files.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard::rank {

/// A rank that runs, the launcher at the other end of the connection, and what passes between the two.
class Watch {
 public:
  /// All of them must outlive the object; `relay` and `preemption` may be null. `signals` has SIGCHLD. `job`:
  /// the job's mark (kJobVariable).
  Watch(std::string job, Child& child, const FileDescriptor& launcher, SignalDescriptor& signals,
        ErrorRelay* relay, Attendance attendance, preempt::PreemptionWatch* preemption)
      : job_(std::move(job)),
        child_(child),
        launcher_(launcher),
        signals_(signals),
        relay_(relay),
        attendance_(std::move(attendance)),
        preemption_(preemption) {}

  /// Waits for the rank's end, and until all that it has written is on its way. Where the launcher's side of
  /// the connection ends or falls silent, ends the rank, whatever it has started, and this process.
  Exit run();

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_event();
  void tell_news();
  void listen();
  void obey(const supervise::LauncherMessage& message);
  void beat(Clock::time_point now);
  void take_attendance();
  [[noreturn]] void end_rank();

  std::string job_;
  Child& child_;
  const FileDescriptor& launcher_;
  SignalDescriptor& signals_;
  ErrorRelay* relay_;
  Attendance attendance_;
  preempt::PreemptionWatch* preemption_;
  std::optional<Exit> exit_;
  bool relayed_ = false;
  std::string received_;
  supervise::MpiFiles files_;  // what the rank has left, once it was killed
  std::chrono::milliseconds limit_ = kFirstSilenceLimit;
  Clock::time_point heard_ = Clock::now();
  Clock::time_point next_beat_ = heard_ + supervise::beat_interval(limit_);
};

/// Which of its node's ranks this one is, from 0, as Open MPI and Intel MPI say it; nullopt: MPICH says
/// nothing.
[[nodiscard]] std::optional<std::string_view> local_rank(const Environment& environment);

/// Asks for events that take this node away, where this rank is the first of its node: one is enough, and the
/// metadata service answers five requests a second. What stands against it is told to the launcher.
[[nodiscard]] std::optional<preempt::PreemptionWatch> watch_preemption(const Environment& environment,
                                                                       const FileDescriptor& launcher);

}  // namespace shipyard::rank
