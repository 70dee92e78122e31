#pragma once

#include <mpi.h>

#include <string>

#include "base/environment.hpp"
#include "bench/harness/mpi_text.hpp"
#include "bench/harness/placement.hpp"

namespace shipyard::bench {

/// `Open MPI 4.1.4`
std::string library_name();

/// The version of the standard that the library implements: `3.1`.
std::string standard_version();

/// What this process can see of how its messages travel.
TransportFacts transport_facts(const Environment& environment);

/// Collective over MPI_COMM_WORLD: where each rank runs, the same on all.
Placement gather_placement();

}  // namespace shipyard::bench
