#pragma once

#include <iosfwd>

#include "base/environment.hpp"

namespace shipyard::launcher::stage {

/// `shipyard-mpirun --node-stage`: one request from standard input, its answer to standard output. Returns
/// the exit status: 0 where there is an answer, also one that tells of a problem.
int run_node_side(const Environment& environment, std::ostream& err);

}  // namespace shipyard::launcher::stage
