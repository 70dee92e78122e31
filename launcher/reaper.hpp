#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace shipyard::launcher {

/// What reaping a node takes.
struct Reaping {
  std::string job;           ///< LaunchContext::job
  std::string rank_program;  ///< shipyard-rank, at the same path on every node
  std::string ssh_config;
  std::vector<std::string> hosts;  ///< the other nodes in the order to ask, those that do not answer left out
  Environment environment;         ///< for ssh
  /// For all together. A login takes 50 ms and more (docs/DESIGN.md), most of it computed here.
  [[nodiscard]] std::chrono::milliseconds limit() const {
    return std::chrono::milliseconds(2500) + hosts.size() * std::chrono::milliseconds(30);
  }
};

/// The nodes that were not cleared within the limit: their ranks end by themselves, once they see that the
/// launcher is gone.
struct Uncleared {
  std::vector<std::string> nodes;
  std::vector<std::string> silent;  ///< of these, those to which ssh found no way, or from which came nothing
};

/// Kills what a job has left on this node and, over ssh and all at once, on the others; what carries another
/// job's mark, or none, is not touched (supervise/reap.hpp).
Uncleared reap(const Reaping& reaping);

}  // namespace shipyard::launcher
