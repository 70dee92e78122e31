#pragma once

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
};

/// Waits for the nodes, plans anew where their hardware differs, writes the run directory, looks at the nodes
/// where --check asks for it and starts nothing where a job would fail, runs mpirun to its end. `progress` is
/// where a terminal shows the wait.
Launched carry_out(LaunchPlan plan, LaunchContext context, const LaunchOptions& options,
                   const Environment& environment, const Messages& messages, std::ostream& progress);

}  // namespace shipyard::launcher
