#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace shipyard::launcher {

/// shipyard-mpirun: read, resolve, plan, prepare, run, report. Results go to `out`, what it says of itself to
/// `err`. The exit status is one of exit_status.hpp or the program's.
int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
             std::ostream& err);

}  // namespace shipyard::launcher
