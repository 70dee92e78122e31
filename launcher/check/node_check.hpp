#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launcher/check/node_facts.hpp"
#include "launcher/check/ssh_failure.hpp"
#include "launcher/options.hpp"
#include "launcher/plan.hpp"

namespace shipyard::launcher::check {

/// One node of the job: its facts, or why it could not be asked.
struct CheckedNode {
  std::string host = {};  ///< as the plan has it
  int ranks = 0;          ///< that the plan has for it
  bool is_this = false;   ///< asked without ssh
  std::optional<NodeFacts> facts = {};
  SshFailure failure = {};  ///< kNone where there are facts
};

/// What the nodes say, and what the job needs of them: values, for judge() and matrix().
struct NodeCheck {
  std::vector<CheckedNode> nodes = {};  ///< in the plan's order
  std::string shipyard = {};            ///< the version of this program
  mpi::MpiVersion mpi = {};             ///< the primary's
  FactsRequest asked = {};              ///< of each; without the token
  bool judge_shared_memory = true;      ///< false: the user chose how ranks of a node speak to each other
  double limit_seconds = 0;             ///< for each node
  bool interrupted = false;
};

struct CheckControl {
  /// Nodes of which it is known already that they do not answer, and their last word: they are not asked.
  std::map<std::string, std::string> silent = {};
  std::vector<int> cancel_fds = {};                ///< readable: ask `cancelled`
  std::function<bool()> cancelled = {};            ///< true: stop, what is known so far counts
  std::function<void(std::size_t)> progress = {};  ///< called with the number of nodes that are done
};

/// Asks every node that has ranks, once, over `ssh -F ssh_config` (this one without), some at a time and each
/// for `limit` at most. Needs no run directory beyond the config, and nothing of the job's must be alive.
/// Nothing is printed. Nodes that the job would run on are found in `plan`.
[[nodiscard]] NodeCheck check_nodes(const LaunchContext& context, const LaunchPlan& plan,
                                    const LaunchOptions& options, const std::string& ssh_config,
                                    std::chrono::milliseconds limit, const CheckControl& control = {});

/// For each node.
inline constexpr std::chrono::milliseconds kNodeCheckLimit{15'000};
/// So many are asked at a time: three descriptors for each ssh, of the usual 1024.
inline constexpr std::size_t kAskedAtOnce = 64;

/// {"nodes": [{host, ranks, facts {…} or null, failure {kind, words} or null}], "findings": [{severity,
/// hosts, what, hint, status}], "interrupted": false}. Pure.
[[nodiscard]] nlohmann::ordered_json check_as_json(const NodeCheck& check);

}  // namespace shipyard::launcher::check
