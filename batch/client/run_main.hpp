#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace shipyard::batch {

/// The tool: parses, acts, reports; returns the exit status. `arguments` without the program's name. After a
/// signal it does not return but ends by that signal, when what can be done is done.
int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
             std::ostream& err);

}  // namespace shipyard::batch
