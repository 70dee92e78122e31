#pragma once

#include <iosfwd>
#include <vector>

#include "base/environment.hpp"
#include "base/terminal.hpp"
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
  StepTimes times = {};    ///< gate, prepare, run and clear
  std::string words = {};  ///< what mpirun had to say itself
};

/// Waits for the nodes, plans anew where their hardware differs, writes the run directory, runs mpirun to its
/// end. `progress` is where a terminal shows the wait.
Launched carry_out(LaunchPlan plan, LaunchContext context, const LaunchOptions& options,
                   const Environment& environment, const Messages& messages, std::ostream& progress);

}  // namespace shipyard::launcher
