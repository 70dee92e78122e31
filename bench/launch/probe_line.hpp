#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard::bench {

/// What rank 0 of a launch has measured and gathered. Times are in nanoseconds.
struct ProbeFacts {
  std::string machine;        ///< boot id of rank 0's
  std::int64_t main = 0;      ///< when rank 0 entered main, on the CLOCK_MONOTONIC of its machine
  std::int64_t init = 0;      ///< MPI_Init, of the slowest rank
  std::int64_t message = 0;   ///< first message, of the slowest rank
  std::int64_t done = 0;      ///< from main to the end of the first message, on rank 0
  std::int64_t finalize = 0;  ///< MPI_Finalize, on rank 0
  int ranks = 0;
  int nodes = 0;  ///< a node has a host name and a network of its own
  int machines = 0;
  std::string mpi_library;  ///< "Open MPI 4.1.4"
  bool operator==(const ProbeFacts&) const = default;
};

/// As one line, with its newline.
std::string format_probe_line(const ProbeFacts& facts);

/// Finds the line in a launch's output, among others and behind what a launcher may put before it. It is
/// there once: without an MPI of the launcher's own each rank is rank 0 of one.
Result<ProbeFacts> find_probe_line(std::string_view output);

}  // namespace shipyard::bench
