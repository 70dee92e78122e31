#pragma once

#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <vector>

#include "base/environment.hpp"
#include "base/terminal.hpp"
#include "launcher/check/node_check.hpp"
#include "launcher/options.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"
#include "launcher/report.hpp"
#include "launcher/run_directory.hpp"
#include "launcher/stage/stage.hpp"
#include "launcher/supervise/rank_monitor.hpp"

namespace shipyard::launcher {

/// What became of a plan. Everything has been said to the user but `outcome.message`.
struct Launched {
  LaunchPlan plan;  ///< as it was carried out: made again where nodes turned out to differ
  Outcome outcome;
  std::vector<supervise::RankRecord> ranks = {};
  std::optional<supervise::PreemptionNotice> preemption = {};  ///< JobResult::preemption
  StepTimes times = {};                                        ///< gate, prepare, run and clear
  std::string words = {};                                      ///< what mpirun had to say itself
  std::optional<check::NodeCheck> check = {};                  ///< with --check
  std::vector<stage::StageAccount> staged = {};                ///< with --stage
  std::optional<stage::CollectAccount> collected = {};         ///< with --collect
};

/// What ends a launch, and SIGCHLD. SIGHUP stays ignored where it was, as nohup(1) wants it.
[[nodiscard]] std::initializer_list<int> signals_that_end();

/// With the plan's files, and the job's key where one has to be written.
Result<RunDirectory> make_run_directory(const LaunchPlan& plan, const LaunchContext& context);

/// A run of a program of ours before the user's: what it writes is for the caller, and not for the user.
struct SideRun {
  int output = -1;  ///< an open file for its standard output
  int errors = -1;  ///< and for the ranks' standard error
  /// An exit status of the program that is no failure either.
  int also_good = 0;
};

/// Waits for the nodes, plans anew where their hardware differs, writes the run directory, looks at the nodes
/// where --check asks for it and starts nothing where a job would fail, runs mpirun to its end. `progress` is
/// where a terminal shows the wait. `side`: whose nodes have been asked already.
Launched carry_out(LaunchPlan plan, LaunchContext context, const LaunchOptions& options,
                   const Environment& environment, const Messages& messages, std::ostream& progress,
                   const std::optional<SideRun>& side = {});

}  // namespace shipyard::launcher
