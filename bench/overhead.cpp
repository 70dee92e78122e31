#include <algorithm>
#include <chrono>

#include "bench/harness/sizes.hpp"
#include "bench/pair.hpp"

// What the harness adds: the round trips of pingpong as the harness measures them, and the same loop as a
// benchmark of one's own has it, which nothing of the harness or of Google Benchmark takes part in but the
// order that starts it. Size by size, in one run. compare/against_bare_loop makes a table of many.

namespace {

using namespace shipyard::bench;
using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

void pingpong(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  round_trips(station, 1 - station.rank, station.rank == 0, bytes, iterations);
}

/// Rank 0's clock around `iterations` after a warm-up of a tenth and a barrier.
double timed_ns(const Station& station, int bytes, std::int64_t iterations) {
  constexpr int kTag = 0;
  const int peer = 1 - station.rank;
  auto begin = Clock::now();
  for (std::int64_t i = -(iterations / 10); i < iterations; ++i) {
    if (i == 0) {
      MPI_Barrier(station.comm);
      begin = Clock::now();
    }
    if (station.rank == 0) {
      MPI_Send(station.send.first, bytes, MPI_BYTE, peer, kTag, station.comm);
      MPI_Recv(station.receive.first, bytes, MPI_BYTE, peer, kTag, station.comm, MPI_STATUS_IGNORE);
    } else {
      MPI_Recv(station.receive.first, bytes, MPI_BYTE, peer, kTag, station.comm, MPI_STATUS_IGNORE);
      MPI_Send(station.send.first, bytes, MPI_BYTE, peer, kTag, station.comm);
    }
  }
  return Nanoseconds(Clock::now() - begin).count();
}

double bare(const Station& station, std::int64_t bytes, shipyard::bench::Seconds target) {
  constexpr std::int64_t kFirst = 10;
  const auto length = static_cast<int>(bytes);
  double guess = timed_ns(station, length, kFirst) / kFirst;
  for (int again = 0; again < 2; ++again) guess = std::min(guess, timed_ns(station, length, kFirst) / kFirst);
  auto iterations = static_cast<std::int64_t>(1e9 * target.count() / guess);
  iterations = iterations < kFirst ? kFirst : iterations;
  MPI_Bcast(&iterations, 1, MPI_INT64_T, 0, station.comm);
  return timed_ns(station, length, iterations) / static_cast<double>(iterations);
}

constexpr int kTurns = 10;

constexpr const char* kEpilogue =
    R"(Figures:
  harness: as pingpong. bare: a loop with a warm-up, barrier and clock of its
  own; its mean, which has no percentiles, stands in all columns, and of the
  times it has --min-time alone. Each size is
  measured 10 times in both ways, by turns; with --min-time 10ms all sizes take
  about 20 s.
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {.name = "overhead",
                  .sentence = "Measures what the harness adds to a loop of round trips.",
                  .epilogue = kEpilogue,
                  .offers = {.pair = true}};
  // By turns, harness bare, bare harness, since what else the machine does changes from one to the next by
  // more than what is looked for.
  for (int turn = 0; turn < kTurns; ++turn) {
    const Kernel harness{.name = "harness", .run = pingpong, .time_scale = 0.5};
    const Kernel own{.name = "bare", .run = pingpong, .time_scale = 0.5, .alone = bare};
    const bool first = turn % 2 == 0;
    program.kernels.push_back(first ? harness : own);
    program.kernels.push_back(first ? own : harness);
  }
  program.by_size = true;
  program.sizes = size_series(1, 4 << 20);
  program.quick_sizes = {8, 65536};
  program.table = [](const Options& options) {
    return latency_table(options, "one-way latency, µs", true, "round trips");
  };
  program.osu = {.title = "osu_latency", .column = "Latency (us)", .figure = "mean_ns", .scale = 1e-3};
  program.select = select_pair;
  return run_program(argc, argv, program);
}
