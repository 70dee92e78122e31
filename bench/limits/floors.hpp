#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// What was measured with messages of one size, in ns; nullopt where something is not possible here.
struct Medians {
  std::int64_t bytes = 0;
  double mpi_ns = 0;         ///< one way
  double mpi_window_ns = 0;  ///< a window of messages and the reply
  std::optional<double> hop_ns = {};
  std::optional<double> memcpy_ns = {};
  std::optional<double> cma_ns = {};
  std::optional<double> tcp_ns = {};         ///< one way
  std::optional<double> tcp_stream_ns = {};  ///< the bytes of a window and the reply
};

/// The least that a message or a window can take by the fabric that carries it, and what that is made of.
struct Limit {
  double ns = 0;
  std::string what;  ///< "hop + memcpy"
};

/// Of shared memory and TCP. What InfiniBand can do is not known without verbs; raw TCP stands beside it.
bool has_limit(std::optional<Fabric> fabric);

/// Through shared memory: a cache line that says so, and one copy of the bytes by the faster of memcpy and
/// CMA. Else raw TCP, also where it is no limit. nullopt: a part of it was not measured.
std::optional<Limit> one_way_limit(std::optional<Fabric> fabric, const Medians& medians);

/// The same for a window: each message is copied once, and a cache line goes there and one back.
std::optional<Limit> window_limit(std::optional<Fabric> fabric, const Medians& medians, int window);

/// What the columns of the limit are, in a sentence. `tcp_path`: from where to where; empty: no raw TCP.
std::string describe_limit(std::optional<Fabric> fabric, const std::string& tcp_path);

/// A table of one way and one of bandwidth, a row for each size, and the floors by themselves. `dram_MB`:
/// memcpy from and to memory.
std::string limits_text(std::optional<Fabric> fabric, const std::vector<Medians>& sizes, int window,
                        std::optional<double> dram_MB);

/// 10^6 bytes a second; 0 where no time has passed.
double rate_MB(std::int64_t bytes, double ns);

}  // namespace shipyard::bench
