#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/kernel.hpp"

// What the machine can do between the two ranks of a station without MPI. Each is `run` of a Kernel, and
// works once prepare_raw_ways() has found it possible. Every wait for the other rank is bounded: where it
// does not come, std::runtime_error.

namespace shipyard::bench {

/// What Task::round says to prepare_raw_ways().
inline constexpr int kRoundSameNode = 1;

/// What a rank has found. Reasons are empty where it is possible.
struct RawWays {
  std::string no_hop;
  std::string no_cma;
  std::string no_tcp;
  std::string tcp_path;  ///< `10.0.0.4 (eth0) to 10.0.0.5 (eth0)`
};

/// Connects the two ranks: a cache line in shared memory, who reads whose memory, a TCP socket by the
/// interface that carries MPI's messages. For Crew::collect; without iterations it does nothing.
void prepare_raw_ways(const Station& station, std::int64_t bytes, std::int64_t iterations);
/// Kernel::collect of prepare_raw_ways(), and what it means on rank 0.
std::vector<double> raw_ways_as_numbers(const Station& station);
RawWays read_raw_ways(const std::vector<double>& numbers);

/// A cache line there and back.
void hop(const Station& station, std::int64_t bytes, std::int64_t iterations);

/// The first rank alone: from its send to its receive buffer.
void copy(const Station& station, std::int64_t bytes, std::int64_t iterations);

/// The same in pieces of `bytes` out of and into memory of twice the last cache each.
void copy_memory(const Station& station, std::int64_t bytes, std::int64_t iterations);

/// The first rank alone: out of the other's send buffer, process_vm_readv(2).
void read_peer(const Station& station, std::int64_t bytes, std::int64_t iterations);

/// As round_trips(), by spinning on a socket; 0 bytes are one.
void tcp_round_trips(const Station& station, std::int64_t bytes, std::int64_t iterations);

/// As send_windows(), the window as one stream.
void tcp_stream(const Station& station, std::int64_t bytes, std::int64_t iterations);

}  // namespace shipyard::bench
