#pragma once

#include <iosfwd>

#include "batch/local/options.hpp"
#include "batch/local/pool.hpp"

namespace shipyard::local {

/// The service until a signal asks for its end; the exit status of what went wrong before (125). What clients
/// read goes to `out` as soon as it answers: `export AZURE_BATCH_…` lines of a shell. Its state is kept in a
/// directory that one service has at a time; nodes and containers go with it.
int serve(const Request& request, const Edge& edge, std::ostream& out);

}  // namespace shipyard::local
