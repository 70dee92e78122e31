#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "bench/launch/launch_options.hpp"

namespace shipyard::bench {

/// A number of nodes or ranks, and what starts it.
struct Count {
  std::string name;                  ///< in the report: "4", or "ranks:4" where it is ranks that are counted
  std::string text;                  ///< "4 nodes", "1 rank"
  std::optional<int> nodes;          ///< where it is nodes that are counted
  std::vector<std::string> command;  ///< without the program
};

/// One launch of the run.
struct Turn {
  std::size_t count = 0;  ///< index
  int number = 1;         ///< of its count, from 1; of its warm-up
  bool counts = true;     ///< false: warm-up
};

/// The command with its placeholders: COMMAND, or shipyard-mpirun's under the name `launcher`.
std::vector<std::string> command_pattern(const LaunchOptions& options, const std::string& launcher);

/// In ascending order, at least one. Without --nodes and --ranks: as many nodes as `environment` names. Fails
/// where a command would start the same for each of several counts.
Result<std::vector<Count>> plan_counts(const LaunchOptions& options, const std::string& launcher,
                                       const Environment& environment);

/// The warm-up, then the launches that count. The counts take turns: what drifts in the meantime meets all
/// alike.
std::vector<Turn> plan_turns(const LaunchOptions& options, std::size_t counts);

/// How long the rest takes, if each turn takes as long as the last one of its count did, or, where there was
/// none, as the longest. `taken`: of the first turns. Nothing where that is empty.
std::optional<Seconds> time_left(const std::vector<Turn>& turns, const std::vector<Seconds>& taken);

/// "4 nodes, launch 3 of 5"
std::string describe(const Turn& turn, const std::vector<Count>& counts, const LaunchOptions& options);

}  // namespace shipyard::bench
