#pragma once

#include <chrono>

namespace shipyard::bench {

/// The first argument of a process that is a rank of a launch.
inline constexpr const char* kProbeWord = "--probe";

/// main of such a rank, which began at `begin`. Rank 0 prints one line (format_probe_line) behind
/// MPI_Finalize.
int run_probe(std::chrono::steady_clock::time_point begin, int argc, char** argv);

}  // namespace shipyard::bench
