#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace shipyard::bench {

/// launch. Returns its exit status: 0 measured, 1 for a failure, 2 for a wrong option. A signal that asks to
/// end ends the launch under way and then this process.
int run_launches(const std::vector<std::string>& arguments, const Environment& environment,
                 std::ostream& output, std::ostream& errors);

}  // namespace shipyard::bench
