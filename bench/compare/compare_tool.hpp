#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace shipyard::bench {

/// bench-compare. Returns its exit status: 0 where B is worse at no size, 1 where it is, 2 for wrong usage or
/// input, 3 where a launch failed, 4 where there are too few launches to tell. A signal that asks to end ends
/// the launch under way and then this process.
int run_compare(const std::vector<std::string>& arguments, const Environment& environment,
                std::ostream& output, std::ostream& errors);

}  // namespace shipyard::bench
