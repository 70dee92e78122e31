#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bench/harness/kernel.hpp"
#include "bench/harness/options.hpp"
#include "bench/harness/traffic.hpp"

namespace shipyard::bench {

/// One measurement: what the ranks of the station do at once.
struct Task {
  std::size_t kernel = 0;
  std::int64_t bytes = 0;
  std::int64_t warmup = 0;
  std::int64_t iterations = 1;        ///< for Kernel::alone microseconds
  int round = 0;                      ///< for a kernel that does one of several things
  std::optional<RankPair> pair = {};  ///< these two of the station's ranks alone; the others sleep on
};

/// What a rank that measures needs for all tasks.
struct Equipment {
  int window = 1;
  Buffers buffers = Buffers::kSingle;
  std::size_t send_bytes = 1;
  std::size_t receive_bytes = 1;
};

/// For those of `kernels` that are wanted, with messages of at most `largest` bytes between `ranks`. `cache`:
/// last_cache_bytes().
Equipment equipment_for(const std::vector<Kernel>& kernels, const Options& options, std::int64_t largest,
                        std::size_t ranks, std::size_t cache);

/// The ranks of a run, after the example of a ship: rank 0 gives orders, the ranks that measure carry them
/// out, and those that do not take part sleep until they are dismissed.
///
/// Google Benchmark decides on rank 0 alone how often a kernel runs, so the others cannot run it too: their
/// loops would diverge. They wait for an order instead. Waiting is looking and sleeping, never a blocking MPI
/// call, because those spin: where cores are shared, a spinning rank would be what is measured.
///
/// An MPI error ends the whole job (MPI_ERRORS_ARE_FATAL, the default).
class Crew {
 public:
  /// Collective over MPI_COMM_WORLD. `ranks` are those that measure, in the order of the station's ranks.
  Crew(const std::vector<Kernel>& kernels, const std::vector<int>& ranks, const Equipment& equipment);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Rank 0 only. Each warms up, synchronises, and runs the kernel.

  /// The seconds that the iterations took, by the kernel's Timing.
  double time(const Task& task);
  /// Each rank's own seconds, in the order of the station's ranks; with Task::pair, of these two.
  std::vector<double> time_each(const Task& task);
  /// Runs the kernel once, and what Kernel::collect then has on each rank, in the order of the station's
  /// ranks.
  std::vector<std::vector<double>> collect(const Task& task);
  /// Nanoseconds of each iteration, in order, less what the reading of the clock costs: on the station's rank
  /// 0; where the slowest rank counts, each begins with a barrier and is that of the rank it takes longest
  /// on.
  std::vector<double> sample(const Task& task);
  /// What Kernel::alone has measured: nanoseconds.
  double alone(const Task& task, Seconds target);
  /// How many bytes arrived wrong on all ranks together, in one iteration.
  std::int64_t count_wrong(const Task& task);
  /// On the node of the station's rank 0.
  Traffic traffic();

  /// Rank 0 only: ends work() on all others. Again: does nothing.
  void dismiss();

  /// Every other rank: carries out orders until dismissed.
  void work();

 private:
  enum class Order : std::int64_t {
    kDismiss,
    kTime,
    kTimeEach,
    kSample,
    kVerify,
    kTraffic,
    kCollect,
    kAlone
  };
  struct FreeBuffer {
    void operator()(std::byte* buffer) const;
  };
  /// Page-aligned, touched.
  struct Memory {
    std::unique_ptr<std::byte, FreeBuffer> bytes;
    std::size_t size = 0;
    void allocate(std::size_t wanted);
    [[nodiscard]] Places places(std::int64_t bytes_each, std::size_t most) const;
  };

  [[nodiscard]] std::vector<int> who_takes_part(const Task& task) const;
  std::vector<double> give(Order order, const Task& task);
  std::vector<double> carry_out(Order order, const Task& task);
  /// Each from where the one before has ended: a single iteration is off the cache as well.
  void run(const Kernel& kernel, std::int64_t bytes, std::int64_t iterations);
  std::vector<double> timed(const Kernel& kernel, const Task& task, bool each);
  std::vector<double> sampled(const Kernel& kernel, const Task& task);
  std::vector<double> verified(const Kernel& kernel, const Task& task);
  std::vector<double> collected(const Kernel& kernel, const Task& task);
  std::vector<double> gathered(std::vector<double> own, const Task& task);

  const std::vector<Kernel>& kernels_;
  std::vector<int> ranks_;
  Equipment equipment_;
  // MPI_Finalize frees the communicators: MPI_Comm_free is collective, and a rank that fails unwinds alone.
  MPI_Comm orders_ = MPI_COMM_NULL;
  int world_rank_ = 0;
  Station station_;
  Memory send_;
  Memory receive_;
  std::vector<MPI_Request> requests_;
  std::size_t next_place_ = 0;
  double clock_cost_ns_ = 0;
  bool dismissed_ = false;
};

/// What Linux would give to programs now (MemAvailable); nullopt where it does not say.
std::optional<std::size_t> available_memory();

/// Of the last level that the C library knows of, or 32 MiB.
std::size_t last_cache_bytes();

/// Nanoseconds that one reading of the clock costs here, the median of many.
double clock_cost_ns();

}  // namespace shipyard::bench
