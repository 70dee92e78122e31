#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace shipyard::hostfile {

/// shipyard-hostfile. Returns its exit status: 0, 1 for a failure, 2 for wrong usage or input. Writes files
/// only where all of the input was right.
int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& output,
             std::ostream& errors);

}  // namespace shipyard::hostfile
