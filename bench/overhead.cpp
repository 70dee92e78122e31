#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "bench/harness/sizes.hpp"
#include "bench/pair.hpp"

// What the harness adds: the round trips of pingpong as the harness measures them, and the same loop in the
// way of a benchmark of one's own, with a warm-up, a barrier, and a clock read before and after it. Size by
// size, in one run. compare/against_bare_loop makes a table of many.

namespace {

using namespace shipyard::bench;
using Clock = std::chrono::steady_clock;

struct Measured {
  std::int64_t iterations = 0;
  double one_way_ns = 0;
};
/// By size, on rank 0. The harness asks with growing numbers of iterations; the last and largest counts, as
/// its own does.
std::map<std::int64_t, Measured> measured;

void pingpong(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  round_trips(station, 1 - station.rank, station.rank == 0, bytes, iterations);
}

void bare(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const auto begin = Clock::now();
  pingpong(station, bytes, iterations);
  const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
  if (station.rank != 0 || iterations < measured[bytes].iterations) return;
  measured[bytes] = {iterations, time.count() / static_cast<double>(2 * iterations)};
}

constexpr const char* kEpilogue =
    R"(The report has `harness` and `bare`; what the bare loop has measured by itself
is printed at the end, as "bare BYTES NANOSECONDS", one way.
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {.name = "overhead",
                  .sentence = "Measures what the harness adds to a loop of round trips.",
                  .epilogue = kEpilogue,
                  .offers = {.pair = true, .buffers = true}};
  program.kernels = {{.name = "harness", .run = pingpong, .time_scale = 0.5},
                     {.name = "bare", .run = bare, .time_scale = 0.5}};
  program.by_size = true;
  program.sizes = size_series(1, 4 << 20);
  program.quick_sizes = {8, 65536};
  program.table = [](const Options& options) {
    return latency_table(options, "one-way latency, µs", true, "round trips");
  };
  program.osu = {.title = "osu_latency", .column = "Latency (us)", .figure = "mean_ns", .scale = 1e-3};
  program.select = select_pair;
  const int status = run_program(argc, argv, program);
  for (const auto& [bytes, time] : measured) fmt::print("bare {} {:.3f}\n", bytes, time.one_way_ns);
  return status;
}
