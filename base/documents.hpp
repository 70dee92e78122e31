#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/command_line.hpp"
#include "base/man_page.hpp"

namespace shipyard {

/// Whether the arguments are those by which the build asks a tool for its documents; no option of a user's:
/// `--print-man-page PROSE SECTION`, `--print-bash-completion`.
[[nodiscard]] bool asks_for_documents(const std::vector<std::string>& arguments);

/// Prints what was asked for; 0, or 1 with an error on `errors`. Command lines and terms as for man_page().
int print_documents(const std::string& tool, const std::vector<CommandLineSpec>& command_lines,
                    const std::vector<std::string>& arguments, std::ostream& output, std::ostream& errors,
                    const std::vector<ManTerm>& terms = {});

}  // namespace shipyard
