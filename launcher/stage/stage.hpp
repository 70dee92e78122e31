#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launcher/node_readiness.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"
#include "launcher/stage/decision.hpp"

namespace shipyard::launcher::stage {

/// What became of one --stage, for --report.
struct StageAccount {
  std::string directory = {};
  std::string target = {};
  Listing source = {};
  std::vector<StagedNode> nodes = {};
  double seconds = 0;
};

/// Brings each directory of --stage to the nodes of the plan that have not got it; the run directory with its
/// ssh config is there. Says what it does. An outcome where the job must not start.
std::optional<Outcome> stage_all(const LaunchPlan& plan, const StartEdge& edge,
                                 std::vector<StageAccount>& accounts);

/// Before anything else: whether the directories of --stage are there. An outcome where not.
std::optional<Outcome> check_stage(const LaunchOptions& options, const LaunchContext& context);

/// What became of --collect, for --report.
struct CollectAccount {
  std::string directory = {};             ///< with a directory for each node
  std::vector<std::string> brought = {};  ///< nodes
  std::vector<std::string> nothing = {};  ///< nodes on which nothing matches
  std::vector<std::string> shared = {};   ///< nodes whose working directory is this one's
  std::vector<std::string> failed = {};   ///< "NODE: why"
  double seconds = 0;
  std::string remedy = {};                 ///< of `failed`, where there is one
  std::optional<Outcome> terminated = {};  ///< a signal has ended it before all had come
};

/// Before the start: whether results can be put where they are to go. An outcome where not.
std::optional<Outcome> check_collect(const LaunchOptions& options, const Environment& environment);

/// Brings what matches --collect from each node of the plan. `unreachable`: nodes that are not asked any
/// more.
CollectAccount collect_all(const LaunchPlan& plan, const StartEdge& edge,
                           const std::vector<std::string>& unreachable);

/// For the user, of all but `failed`.
[[nodiscard]] std::string collect_text(const CollectAccount& account);

}  // namespace shipyard::launcher::stage
