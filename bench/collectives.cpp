#include <fmt/format.h>
#include <mpi.h>

#include <cstring>
#include <numeric>

#include "bench/harness/sizes.hpp"
#include "bench/pair.hpp"

// The collective operations of all ranks: those of osu_barrier, osu_bcast and their kin, and of IMB.

namespace {

using namespace shipyard::bench;

constexpr std::int64_t kFloat = sizeof(float);

int count_of(std::int64_t bytes) { return static_cast<int>(bytes); }
int floats_of(std::int64_t bytes) { return static_cast<int>(bytes / kFloat); }

void barrier(const Station& s, std::int64_t, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i) MPI_Barrier(s.comm);
}
void bcast(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Bcast(s.rank == 0 ? s.send.at(i) : s.receive.at(i), count_of(bytes), MPI_BYTE, 0, s.comm);
}
void reduce(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Reduce(s.send.at(i), s.receive.at(i), floats_of(bytes), MPI_FLOAT, MPI_SUM, 0, s.comm);
}
void allreduce(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Allreduce(s.send.at(i), s.receive.at(i), floats_of(bytes), MPI_FLOAT, MPI_SUM, s.comm);
}
void reduce_scatter(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Reduce_scatter_block(s.send.at(i), s.receive.at(i), floats_of(bytes), MPI_FLOAT, MPI_SUM, s.comm);
}
void gather(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Gather(s.send.at(i), count_of(bytes), MPI_BYTE, s.receive.at(i), count_of(bytes), MPI_BYTE, 0,
               s.comm);
}
void allgather(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Allgather(s.send.at(i), count_of(bytes), MPI_BYTE, s.receive.at(i), count_of(bytes), MPI_BYTE,
                  s.comm);
}
void scatter(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Scatter(s.send.at(i), count_of(bytes), MPI_BYTE, s.receive.at(i), count_of(bytes), MPI_BYTE, 0,
                s.comm);
}
void alltoall(const Station& s, std::int64_t bytes, std::int64_t iterations) {
  for (std::int64_t i = 0; i < iterations; ++i)
    MPI_Alltoall(s.send.at(i), count_of(bytes), MPI_BYTE, s.receive.at(i), count_of(bytes), MPI_BYTE, s.comm);
}

// Bytes that arrive: rank r's block is pattern(r), or a part of it.

std::int64_t wrong_bcast(const Station& s, std::int64_t bytes) {
  return s.rank == 0 ? 0 : count_wrong(s.receive.at(0), 0, bytes);
}
std::int64_t wrong_blocks(const Station& s, std::int64_t bytes) {
  std::int64_t wrong = 0;
  for (int rank = 0; rank < s.size; ++rank) wrong += count_wrong(s.receive.at(0) + rank * bytes, rank, bytes);
  return wrong;
}
std::int64_t wrong_gather(const Station& s, std::int64_t bytes) {
  return s.rank == 0 ? wrong_blocks(s, bytes) : 0;
}
std::int64_t wrong_scatter(const Station& s, std::int64_t bytes) {
  return count_wrong(s.receive.at(0), 0, bytes, s.rank * bytes);
}
std::int64_t wrong_alltoall(const Station& s, std::int64_t bytes) {
  std::int64_t wrong = 0;
  for (int rank = 0; rank < s.size; ++rank)
    wrong += count_wrong(s.receive.at(0) + rank * bytes, rank, bytes, s.rank * bytes);
  return wrong;
}

// Sums: whole numbers, small enough to be exact whatever the order.

float term(int rank, std::int64_t i) { return static_cast<float>((rank + i) % 16); }

void fill_floats(const Station& s, std::int64_t bytes, int blocks) {
  for (std::int64_t i = 0; i < blocks * bytes / kFloat; ++i) {
    const float value = term(s.rank, i);
    std::memcpy(s.send.at(0) + i * kFloat, &value, sizeof value);
  }
}
void fill_sum(const Station& s, std::int64_t bytes) { fill_floats(s, bytes, 1); }
void fill_sums(const Station& s, std::int64_t bytes) { fill_floats(s, bytes, s.size); }

std::int64_t wrong_sum_from(const Station& s, std::int64_t bytes, std::int64_t first) {
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < bytes / kFloat; ++i) {
    float sum = 0;
    for (int rank = 0; rank < s.size; ++rank) sum += term(rank, first + i);
    if (std::memcmp(s.receive.at(0) + i * kFloat, &sum, sizeof sum) != 0) wrong += kFloat;
  }
  return wrong;
}
std::int64_t wrong_sum(const Station& s, std::int64_t bytes) { return wrong_sum_from(s, bytes, 0); }
std::int64_t wrong_sum_at_root(const Station& s, std::int64_t bytes) {
  return s.rank == 0 ? wrong_sum(s, bytes) : 0;
}
std::int64_t wrong_part_of_sum(const Station& s, std::int64_t bytes) {
  return wrong_sum_from(s, bytes, s.rank * bytes / kFloat);
}

std::vector<Kernel> kernels() {
  const auto per_rank = Extent::kOnePerRank;
  std::vector<Kernel> all = {
      {.name = "bcast", .run = bcast, .wrong = wrong_bcast},
      {.name = "allreduce", .run = allreduce, .granule = kFloat, .fill = fill_sum, .wrong = wrong_sum},
      {.name = "reduce", .run = reduce, .granule = kFloat, .fill = fill_sum, .wrong = wrong_sum_at_root},
      {.name = "reduce_scatter",
       .run = reduce_scatter,
       .send = per_rank,
       .granule = kFloat,
       .fill = fill_sums,
       .wrong = wrong_part_of_sum},
      {.name = "gather", .run = gather, .receive = per_rank, .wrong = wrong_gather},
      {.name = "allgather", .run = allgather, .receive = per_rank, .wrong = wrong_blocks},
      {.name = "scatter", .run = scatter, .send = per_rank, .wrong = wrong_scatter},
      {.name = "alltoall", .run = alltoall, .send = per_rank, .receive = per_rank, .wrong = wrong_alltoall},
      {.name = "barrier", .run = barrier, .sized = false}};
  for (auto& kernel : all) kernel.timing = Timing::kSlowestRank;
  return all;
}

shipyard::Result<Selection> select_all(const Placement& placement, const Options&) {
  if (placement.size() < 2)
    return shipyard::input_error("a collective of one rank is none", "start it with mpirun -np 2, or more");
  Selection selection;
  selection.ranks.resize(placement.size());
  std::iota(selection.ranks.begin(), selection.ranks.end(), 0);
  selection.notes = sharing_notes(placement, selection.ranks);
  selection.between_nodes = count_nodes(placement) > 1;
  return selection;
}

constexpr const char* kEpilogue = R"(Figures:
  mean: many calls in a row, timed as one, of the rank that takes longest. The
  other figures are from single calls, in a pass of their own: of the slowest
  rank, a barrier before each. osu_allreduce and its kin print another mean: a
  barrier after each call, which is not timed, and the average over the ranks.
  In a row, calls of bcast, scatter, reduce and gather overlap, so our mean of
  those can be below OSU's. bytes is what each rank contributes for each rank
  that gets it (bcast, reduce: the whole message). docs/benchmarks.md has the
  definitions in full.

Examples:
  shipyard-mpirun collectives --kernels allreduce,barrier
  mpirun -np 8 collectives --sizes 8,64K --validate
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.kernels = kernels();
  std::vector<std::string> names;
  for (const auto& kernel : program.kernels) names.push_back(kernel.name);
  program.text = {.name = "collectives",
                  .sentence = "Measures the collective operations of all MPI ranks.",
                  .epilogue = kEpilogue,
                  .offers = {.kernels = std::move(names),
                             .buffers = true,
                             .validate = true,
                             .percentiles = true,
                             .latency = true}};
  program.sizes = size_series(1, 1 << 20);
  program.quick_sizes = {8, 4096, 65536};
  program.table = [](const Options& options) { return latency_table(options, "time, µs", false, "calls"); };
  program.osu = {.title = {},
                 .column = "Avg Latency(us)",
                 .figure = "mean_ns",
                 .scale = 1e-3,
                 .of_all_ranks = "reduce_scatter"};
  program.select = select_all;
  return run_program(argc, argv, program);
}
