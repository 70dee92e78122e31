#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/interruption.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"

namespace shipyard::local {

/// One command of a set that runs in parallel, its output captured.
struct Job {
  std::vector<std::string> argv;
  std::vector<std::size_t> after = {};  ///< indexes of jobs that must have succeeded
  std::chrono::seconds limit{60};
  bool may_be_killed =
      false;  ///< at an interruption it is not awaited: it makes nothing that has to be removed
};

/// What became of it.
struct JobOutcome {
  bool started = false;
  bool timed_out = false;
  std::optional<Error> error = {};  ///< it could not be started
  Completed completed = {};

  [[nodiscard]] bool success() const { return started && !error && !timed_out && completed.exit.success(); }
};

/// Runs the jobs, a bounded number at once, in process groups of their own: a Ctrl-C at the terminal reaches
/// only us. After a failure or an interruption nothing more is started, and what runs is awaited: a client of
/// the engine that is killed halfway leaves its request behind, to be carried out after we have cleaned up. A
/// second interruption, or ten seconds, end that wait. `progress` is told after each end how many are over.
std::vector<JobOutcome> run_jobs(const std::vector<Job>& jobs, const Environment& environment,
                                 Interruption& interruption,
                                 const std::function<void(std::size_t)>& progress = {});

/// One command to its end, whatever the user presses meanwhile: for cleaning up.
JobOutcome run_to_the_end(const Job& job, const Environment& environment, Interruption& interruption);

}  // namespace shipyard::local
