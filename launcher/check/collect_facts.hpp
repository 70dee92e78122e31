#pragma once

#include <ostream>

#include "base/environment.hpp"
#include "launcher/check/node_facts.hpp"

namespace shipyard::launcher::check {

/// The MPI that mpirun's daemon would belong to here. Its version is asked of the mpirun at the primary's
/// path, else of the first one here: a daemon does not say its own (Open MPI's orted knows no --version).
[[nodiscard]] MpiFacts mpi_facts(const FactsRequest& request, const Environment& environment);

/// What this machine is, for a job of this process's user; `mpi` is taken as it is. Within a few seconds.
[[nodiscard]] NodeFacts collect_facts(const FactsRequest& request, MpiFacts mpi);

/// `shipyard-mpirun --node-facts`: the request from standard input, the facts to `out`. Ends this process by
/// SIGALRM once the request's limit is over, so that nothing is left where the launcher has gone.
int run_node_facts(const Environment& environment, std::ostream& out, std::ostream& err);

}  // namespace shipyard::launcher::check
