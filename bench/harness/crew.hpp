#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shipyard::bench {

/// What a kernel runs on: a communicator of the ranks that measure, and two buffers of the largest message
/// each.
struct Station {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  int size = 0;
  std::byte* send = nullptr;
  std::byte* receive = nullptr;
};

/// One thing to measure. To add one, write `run` and register it; nothing else changes.
struct Kernel {
  std::string name;

  /// Does the operation `iterations` times on this rank. Called on every rank of the station at once; on rank
  /// 0, which holds the clock, also one iteration at a time.
  void (*run)(const Station& station, std::int64_t bytes, std::int64_t iterations) = nullptr;
};

/// The ranks of a run, after the example of a ship: rank 0 gives orders, the ranks that measure carry them
/// out, and those that do not take part sleep until they are dismissed.
///
/// Google Benchmark decides on rank 0 alone how often a kernel runs, so the others cannot run it too: their
/// loops would diverge. They wait for an order {kernel, bytes, warm-up, iterations} instead. Waiting is
/// looking and sleeping, never a blocking MPI call, because those spin: where cores are shared, a spinning
/// rank would be what is measured.
///
/// An MPI error ends the whole job (MPI_ERRORS_ARE_FATAL, the default).
class Crew {
 public:
  /// Collective over MPI_COMM_WORLD. `ranks` are those that measure, in the order of the station's ranks.
  Crew(const std::vector<Kernel>& kernels, const std::vector<int>& ranks, std::int64_t largest_message);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Rank 0 only: warms up, synchronises, runs the kernel and returns the seconds that the iterations took on
  /// the station's rank 0.
  double time(std::size_t kernel, std::int64_t bytes, std::int64_t warmup, std::int64_t iterations);

  /// Rank 0 only: the same with a time stamp after each iteration; returns the nanoseconds of each, in order,
  /// less what the reading of the clock costs.
  std::vector<double> sample(std::size_t kernel, std::int64_t bytes, std::int64_t warmup,
                             std::int64_t iterations);

  /// Rank 0 only: ends work() on all others. Again: does nothing.
  void dismiss();

  /// Every other rank: carries out orders until dismissed.
  void work();

 private:
  struct Order;
  struct FreeBuffer {
    void operator()(std::byte* buffer) const;
  };
  using Buffer = std::unique_ptr<std::byte, FreeBuffer>;

  static Buffer allocate(std::int64_t bytes);
  std::vector<double> give(const Order& order);
  std::vector<double> carry_out(const Order& order);

  const std::vector<Kernel>& kernels_;
  std::vector<int> ranks_;
  // MPI_Finalize frees the communicators: MPI_Comm_free is collective, and a rank that fails unwinds alone.
  MPI_Comm orders_ = MPI_COMM_NULL;
  int world_rank_ = 0;
  Station station_;
  Buffer send_;
  Buffer receive_;
  double clock_cost_ns_ = 0;
  bool dismissed_ = false;
};

/// Nanoseconds that one reading of the clock costs here, the median of many.
double clock_cost_ns();

}  // namespace shipyard::bench
