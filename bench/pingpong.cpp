#include <mpi.h>

#include "bench/harness/program.hpp"

// Latency and bandwidth between two ranks: a message there and back, half the time of which is reported, as
// osu_latency and IMB's PingPong define it.

namespace {

using namespace shipyard::bench;

void round_trips(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  constexpr int kTag = 0;
  const int count = static_cast<int>(bytes);
  const int peer = 1 - station.rank;
  if (station.rank == 0) {
    for (std::int64_t i = 0; i < iterations; ++i) {
      MPI_Send(station.send, count, MPI_BYTE, peer, kTag, station.comm);
      MPI_Recv(station.receive, count, MPI_BYTE, peer, kTag, station.comm, MPI_STATUS_IGNORE);
    }
  } else {
    for (std::int64_t i = 0; i < iterations; ++i) {
      MPI_Recv(station.receive, count, MPI_BYTE, peer, kTag, station.comm, MPI_STATUS_IGNORE);
      MPI_Send(station.send, count, MPI_BYTE, peer, kTag, station.comm);
    }
  }
}

std::variant<Selection, UsageError> select_pair(const Placement& placement, const Options& options) {
  const auto chosen = choose_pair(placement, options.pair);
  if (const auto* error = std::get_if<UsageError>(&chosen)) return *error;
  const auto& pair = std::get<RankPair>(chosen);
  return Selection{.ranks = {pair.first, pair.second},
                   .title = "pair",
                   .description = describe_pair(placement, pair),
                   .notes = pair_notes(placement, pair),
                   .between_nodes = placement[pair.first].node != placement[pair.second].node};
}

constexpr const char* kFigures = R"(Figures
  Times are one way: half of a round trip, as osu_latency and IMB's PingPong
  define it. mean: many round trips timed as one, as those do. min, median, p99:
  round trips timed one by one, in a pass of their own. MB/s: bytes over median
  time, 1 MB = 10^6 bytes. bench/README.md defines them in full.)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.name = "pingpong";
  program.summary = "Measures latency and bandwidth of messages between two MPI ranks.";
  program.figures = kFigures;
  program.kernels = {Kernel{.name = "pingpong", .run = round_trips}};
  program.time_scale = 0.5;
  program.table.columns = {
      {.title = "bytes", .figure = "bytes", .width = 10},
      {.title = "min", .figure = "min_ns", .scale = 1e-3, .decimals = 3, .width = 11},
      {.title = "median", .figure = "median_ns", .scale = 1e-3, .decimals = 3, .width = 11},
      {.title = "mean", .figure = "mean_ns", .scale = 1e-3, .decimals = 3, .width = 11},
      {.title = "p99", .figure = "p99_ns", .scale = 1e-3, .decimals = 3, .width = 11},
      {.title = "MB/s", .figure = "bandwidth_MB_per_s", .decimals = 2, .width = 12},
      {.title = "round trips", .figure = "iterations", .width = 14},
  };
  program.table.spans = {{.title = "one-way latency, µs", .first = 1, .last = 4}};
  program.select = select_pair;
  return run_program(argc, argv, program);
}
