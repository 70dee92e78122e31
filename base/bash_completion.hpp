#pragma once

#include <string>
#include <vector>

#include "base/command_line.hpp"

namespace shipyard {

/// A script for bash that completes a tool's commands, options, and their values: the words of "N|core|l3",
/// files for FILE and PATH, directories for DIR, variables for NAME[=VALUE], signals for SIGNAL. Behind the
/// program's name goes on what completes that program, where bash-completion is there. Command lines as for
/// man_page().
[[nodiscard]] std::string bash_completion(const std::string& tool,
                                          const std::vector<CommandLineSpec>& command_lines);

}  // namespace shipyard
