#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/subprocess.hpp"
#include "batch/local/pool.hpp"

namespace shipyard::local {

/// Where the application's standard input comes from.
enum class Input {
  kLifeline,  ///< a pipe of ours, silent and open until the application shall end
  kHandedOn,  ///< our own
};

struct ApplicationEnd {
  Exit exit;
  bool ended =
      true;  ///< false: it did not end in time after an interruption, and may still run in its container
};

/// Runs `argv` (the engine's exec) with our outputs. At the first interruption the lifeline is closed (a
/// handed-on input: the signal is passed to the engine's client), and the application has `kill_after` to end
/// by itself; a second one ends the wait.
Result<ApplicationEnd> run_application(const std::vector<std::string>& argv, Input input,
                                       std::chrono::seconds kill_after, const Edge& edge);

}  // namespace shipyard::local
