#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// Memory for messages: `count` places of the same size, a power of two of them, one behind the other. Place
/// i is where the i-th message comes from or goes to.
struct Places {
  std::byte* first = nullptr;
  std::size_t stride = 0;
  std::size_t mask = 0;   ///< count - 1
  std::size_t start = 0;  ///< where message 0 lies: with many places, behind those that were used last

  [[nodiscard]] std::byte* at(std::int64_t i) const {
    return first + ((start + static_cast<std::size_t>(i)) & mask) * stride;
  }
};

/// What a kernel runs on: a communicator of the ranks that measure, and memory.
struct Station {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  int size = 0;
  int window = 1;                     ///< messages in the air at a time
  int round = 0;                      ///< Task::round
  std::optional<RankPair> pair = {};  ///< Task::pair
  Places send;
  Places receive;
  MPI_Request* requests = nullptr;  ///< 2 * window
};

/// How much memory one iteration needs on a rank, in messages.
enum class Extent { kOne, kOnePerRank };

/// Whose time counts: that of the station's first rank, as for a message there and back, or that of the rank
/// that takes longest, as for what all ranks do together.
enum class Timing { kFirstRank, kSlowestRank };

/// One thing to measure. To add one, write `run` and put it into a program; nothing else changes.
struct Kernel {
  std::string name;

  /// Does the operation `iterations` times on this rank. Called on every rank of the station at once; on rank
  /// 0, which holds the clock, also one iteration at a time.
  void (*run)(const Station& station, std::int64_t bytes, std::int64_t iterations) = nullptr;

  /// Reported per measured time: 0.5 where an iteration is a round trip and one way counts.
  double time_scale = 1;
  Timing timing = Timing::kFirstRank;
  /// Messages of `bytes` that an iteration moves between all ranks, for rates; nullptr: one per reported
  /// time.
  std::int64_t (*messages)(int ranks, int window) = nullptr;
  Extent send = Extent::kOne;
  Extent receive = Extent::kOne;
  std::int64_t granule = 1;  ///< sizes are multiples of this: 4 for a reduction of floats
  bool sized = true;         ///< false: without data, as a barrier

  /// In place of `run`, warm-up, barrier and clock of the harness: measures by itself for about `target`, on
  /// all ranks, and returns ns of an iteration on the station's rank 0. What the harness is compared with.
  double (*alone)(const Station& station, std::int64_t bytes, Seconds target) = nullptr;

  /// What Crew::collect brings to rank 0 after `run`: any numbers that this rank has found. nullptr: none.
  std::vector<double> (*collect)(const Station& station) = nullptr;

  /// Before the pass that compares: what is sent; the harness has filled `receive` with other bytes. nullptr:
  /// pattern(message_source(rank, i)) at each place i.
  void (*fill)(const Station& station, std::int64_t bytes) = nullptr;
  /// After one iteration: how many bytes of what this rank has received are wrong. nullptr: not known.
  std::int64_t (*wrong)(const Station& station, std::int64_t bytes) = nullptr;
};

/// The byte that rank `source` sends at `offset`; neighbours and ranks differ.
inline std::byte pattern(int source, std::int64_t offset) {
  const auto mixed = static_cast<std::uint64_t>(offset) * 0x9E3779B97F4A7C15u +
                     static_cast<std::uint64_t>(source) * 0xD1B54A32D192ED03u;
  return static_cast<std::byte>(mixed >> 56);
}

/// Whose pattern the i-th message of a rank has: the messages of a window differ, so that one in the place of
/// another shows. The first is the rank's own.
inline int message_source(int rank, std::int64_t i) { return rank + static_cast<int>(i) * 65537; }

void fill_pattern(std::byte* to, int source, std::int64_t bytes);

/// How many of these are not pattern(source) from `offset` on.
std::int64_t count_wrong(const std::byte* found, int source, std::int64_t bytes, std::int64_t offset = 0);

}  // namespace shipyard::bench
