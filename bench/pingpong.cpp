#include "bench/harness/sizes.hpp"
#include "bench/pair.hpp"

// Latency and bandwidth between two ranks: a message there and back, half the time of which is reported, as
// osu_latency and IMB's PingPong define it.

namespace {

using namespace shipyard::bench;

void pingpong(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  round_trips(station, 1 - station.rank, station.rank == 0, bytes, iterations);
}

std::int64_t wrong(const Station& station, std::int64_t bytes) {
  return wrong_from(station, 1 - station.rank, bytes, 1);
}

constexpr const char* kEpilogue = R"(Figures:
  Times are one way: half of a round trip, as osu_latency and IMB's PingPong
  define it. mean: many round trips timed as one, as those do. min, median and
  other percentiles: round trips timed one by one, in a pass of their own.
  MB/s: bytes over median time, 1 MB = 10^6 bytes. docs/benchmarks.md has the
  definitions in full. The program limits says how much of it is MPI's.

Examples:
  shipyard-mpirun --ppn 1 pingpong --out result.json
  mpirun -np 4 pingpong --pair 1,3 --sizes 1K..1M
  shipyard-mpirun --ppn 1 pingpong --expect-fabric ib --expect-latency 2us
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {.name = "pingpong",
                  .sentence = "Measures latency and bandwidth of messages between two MPI ranks.",
                  .epilogue = kEpilogue,
                  .offers = {.pair = true,
                             .buffers = true,
                             .validate = true,
                             .percentiles = true,
                             .latency = true,
                             .bandwidth = true}};
  program.kernels = {{.name = "pingpong", .run = pingpong, .time_scale = 0.5, .wrong = wrong}};
  program.sizes = size_series(0, 4 << 20);
  program.quick_sizes = {0, 8, 1024, 65536, 1 << 20};
  program.table = [](const Options& options) {
    return latency_table(options, "one-way latency, µs", true, "round trips");
  };
  program.osu = {.title = "osu_latency", .column = "Latency (us)", .figure = "mean_ns", .scale = 1e-3};
  program.select = select_pair;
  return run_program(argc, argv, program);
}
