#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/command_line.hpp"
#include "base/result.hpp"
#include "bench/compare/comparison.hpp"

namespace shipyard::bench {

struct CompareOptions {
  bool help = false;
  bool version = false;
  Question question;
  bool json = false;
  // Either files, one a launch,
  std::vector<std::string> files_a;
  std::vector<std::string> files_b;
  // or two commands.
  std::vector<std::string> command_a;
  std::vector<std::string> command_b;
  int launches = 10;
  std::chrono::milliseconds timeout{std::chrono::minutes(5)};  ///< of one launch
  std::string keep;                                            ///< directory; empty: nothing is kept

  [[nodiscard]] bool runs_commands() const { return !command_a.empty(); }
};

CommandLineSpec compare_command_line();

/// Reads the arguments without the program's name. Pure: it looks at no file and no environment.
Result<CompareOptions> parse_compare_options(const std::vector<std::string>& arguments);

}  // namespace shipyard::bench
