#include <mpi.h>

#include "bench/harness/sizes.hpp"
#include "bench/pair.hpp"

// Bandwidth between two ranks with many messages in the air, in one direction and in both, as osu_bw and
// osu_bibw define it (IMB: Uniband, Biband).

namespace {

using namespace shipyard::bench;

constexpr int kTag = 0;
constexpr int kReplyTag = 1;

void one_way(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  send_windows(station, 1 - station.rank, station.rank == 0, bytes, iterations);
}

void both_ways(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const int count = static_cast<int>(bytes);
  const int peer = 1 - station.rank;
  char reply = 0;
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (int w = 0; w < station.window; ++w)
      MPI_Irecv(station.receive.at(i * station.window + w), count, MPI_BYTE, peer, kTag, station.comm,
                station.requests + station.window + w);
    for (int w = 0; w < station.window; ++w)
      MPI_Isend(station.send.at(i * station.window + w), count, MPI_BYTE, peer, kTag, station.comm,
                station.requests + w);
    MPI_Waitall(2 * station.window, station.requests, MPI_STATUSES_IGNORE);
    if (station.rank == 0) {
      MPI_Recv(&reply, 1, MPI_BYTE, peer, kReplyTag, station.comm, MPI_STATUS_IGNORE);
    } else {
      MPI_Send(&reply, 1, MPI_BYTE, peer, kReplyTag, station.comm);
    }
  }
}

std::int64_t wrong_one_way(const Station& station, std::int64_t bytes) {
  return station.rank == 0 ? 0 : wrong_from(station, 0, bytes, station.window);
}

std::int64_t wrong_both_ways(const Station& station, std::int64_t bytes) {
  return wrong_from(station, 1 - station.rank, bytes, station.window);
}

constexpr const char* kEpilogue = R"(Figures:
  uni: a window of messages from the first rank to the second, which replies
  when it has them all, as osu_bw and IMB's Uniband. bi: a window in each
  direction at once, both counted, as osu_bibw and Biband. MB/s, 10^6 bytes:
  mean over many windows timed as one, as those print it; median over windows
  timed one by one. --expect-bandwidth is about uni; about bi with --kernels bi.
  docs/benchmarks.md has the definitions in full.

Examples:
  shipyard-mpirun --ppn 1 bandwidth --expect-bandwidth 20GB/s
  mpirun -np 2 bandwidth --kernels uni --window 16 --buffers off-cache
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {.name = "bandwidth",
                  .sentence = "Measures bandwidth between two MPI ranks with many messages in the air.",
                  .epilogue = kEpilogue,
                  .offers = {.kernels = {"uni", "bi"},
                             .pair = true,
                             .window = 64,
                             .buffers = true,
                             .validate = true,
                             .bandwidth = true}};
  program.kernels = {{.name = "uni",
                      .run = one_way,
                      .messages = [](int, int window) { return std::int64_t{window}; },
                      .wrong = wrong_one_way},
                     {.name = "bi",
                      .run = both_ways,
                      .messages = [](int, int window) { return std::int64_t{2} * window; },
                      .wrong = wrong_both_ways}};
  program.both_ways = "bi";
  program.sizes = size_series(1, 4 << 20);
  program.quick_sizes = {8, 4096, 65536, 1 << 20};
  program.table = [](const Options&) { return rate_table("windows"); };
  program.osu = {.title = "osu_bw", .column = "Bandwidth (MB/s)", .figure = "mean_MB_per_s"};
  program.select = select_pair;
  return run_program(argc, argv, program);
}
