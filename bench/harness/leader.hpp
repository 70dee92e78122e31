#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/environment.hpp"
#include "bench/harness/crew.hpp"
#include "bench/harness/program.hpp"
#include "bench/harness/progress_line.hpp"

namespace shipyard::bench {

/// How far a run has come, for whoever wants to know where it hangs: the bytes of the message under way, or
/// one of these.
using Progress = std::atomic<std::int64_t>;
inline constexpr std::int64_t kStarting = -1;
inline constexpr std::int64_t kEnding = -2;

// Exit statuses.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnmet = 3;

/// What finds out by what messages travel sends such ones.
inline constexpr std::int64_t kProbeBytes = 64 << 10;

/// `program: kind: text` on stderr, behind what stdout has so far.
void say(const Program& program, const char* kind, const std::string& text);

/// What rank 0 has to do with; all of it outlives the run.
struct Leadership {
  const Program& program;
  const Options& options;
  const Selection& selection;
  const Placement& placement;
  const Environment& environment;
  Crew& crew;
  Progress& progress;
  ProgressLine& progress_line;
  std::chrono::steady_clock::time_point start;
  std::chrono::steady_clock::time_point deadline;  ///< nothing new is started after it

  /// On a terminal: what is being done, `done` pieces of `all` after the start.
  void tell(const std::string& doing, std::size_t done, std::size_t all) const;
};

/// Rank 0: Google Benchmark on top of the crew. Measures and reports; returns the exit status. `executable`:
/// argv[0].
int lead(const Leadership& leadership, const char* executable);

}  // namespace shipyard::bench
