#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"

namespace shipyard::bench {

/// One launch that has ended, and what it printed until then.
struct Launch {
  enum class End {
    kItself,
    kTimeout,      ///< ended because it took too long
    kTooMuch,      ///< ended because it printed more than kMostOutput
    kInterrupted,  ///< ended because a signal asked this program to end
  };

  End end = End::kItself;
  Exit exit;
  int signal = 0;  ///< with kInterrupted
  std::string output;
  std::string errors;
};

inline constexpr std::size_t kMostOutput = 64 << 20;

/// Runs the command with its outputs captured and nothing on its standard input (SHIPYARD_LIFELINE: this
/// process's own). Sleeps in the meantime: it
/// shares the cores with what is measured. One that is ended gets SIGTERM, as mpirun needs it to end its
/// ranks; after five seconds it and all that came from it are killed. `signals` holds SIGCHLD and those that
/// ask to end. Requires become_subreaper(), and no other child of this process. Fails where the command
/// cannot be started.
Result<Launch> launch(const std::vector<std::string>& command, const Environment& environment,
                      std::chrono::milliseconds limit, SignalDescriptor& signals);

/// Why it is no success, "exit status 3"; empty where it is one. `limit`: that of launch().
std::string what_went_wrong(const Launch& launched, std::chrono::milliseconds limit);

/// The end of what a launch said, as it is told after its failure: the last lines, indented, without what a
/// terminal would act on. Empty where it said nothing.
std::string last_words(const std::string& text);

}  // namespace shipyard::bench
