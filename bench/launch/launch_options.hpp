#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/command_line.hpp"
#include "base/result.hpp"
#include "bench/harness/options.hpp"

namespace shipyard::bench {

struct LaunchOptions {
  bool help = false;
  bool version = false;
  std::vector<int> nodes;  ///< ascending; empty without --nodes
  std::vector<int> ranks;  ///< ascending; in place of `nodes`, or empty
  std::optional<int> ppn;
  std::vector<std::string> command;  ///< with {nodes}, {ranks}, {ppn}; empty: shipyard-mpirun
  int launches = 5;                  ///< of each count
  int warmup = 1;                    ///< launches of each count before those
  std::chrono::milliseconds timeout{std::chrono::minutes(2)};  ///< of one launch
  Seconds time_limit{300};                                     ///< of the run
  Format format = Format::kTable;                              ///< not kOsu
  std::string out_file;                                        ///< JSON; empty: none
};

CommandLineSpec launch_command_line();

/// Reads the arguments without the program's name. Pure: it looks at no file and no environment.
Result<LaunchOptions> parse_launch_options(const std::vector<std::string>& arguments);

}  // namespace shipyard::bench
