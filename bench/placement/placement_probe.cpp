#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// What a placement is worth: memory bandwidth that all ranks reach together, and the time of a collective,
// which waits for the slowest of them. One line on stdout, of words NAME=VALUE:
//
//   ranks, threads       of the job, and of rank 0
//   cpus                 that each rank is bound to, by rank: 0-5/6-11
//   triad_MB_per_s       STREAM Triad, a[i] = b[i] + q * c[i]: 24 bytes an element, as STREAM counts, of all
//                        ranks, over the time of the slowest; the best of kPasses passes; 1 MB = 10^6 bytes
//   cached_MB_per_s      the same on arrays that stay in the L2 of a thread's core: cores more than memory
//   allreduce_8_us,      MPI_Allreduce of so many bytes: the median of kCalls calls, each of which lasts as
//   allreduce_65536_us   long as on its slowest rank
//
// Plain threads rather than OpenMP's, so that it runs in images without an OpenMP library. They stay where
// their rank is bound and are bound no further: OMP_NUM_THREADS counts, OMP_PLACES does not. Without it there
// is a thread for each allowed CPU, as with OpenMP.

namespace {

constexpr int kPasses = 20;
constexpr int kCalls = 100;
constexpr int kWarmUp = 10;
// Of each of three arrays. STREAM asks for four times the last cache; this is so up to an L3 of 32 MiB.
constexpr std::size_t kDefaultMebibytes = 128;
// Of each of three arrays, per thread: within an L2 of 512 KiB.
constexpr std::size_t kCachedElements = std::size_t{128} * 1024 / sizeof(double);
constexpr int kCachedRepetitions = 2000;

std::optional<std::size_t> positive(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

cpu_set_t allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  return set;
}

/// `0-5,8`, as the kernel writes it.
std::string list(const cpu_set_t& set) {
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    const int first = cpu;
    while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, &set)) ++cpu;
    if (!text.empty()) text += ',';
    text += std::to_string(first);
    if (cpu > first) text += '-' + std::to_string(cpu);
  }
  return text;
}

std::size_t thread_count() {
  // A list has a number for each level of nesting: the first is that of the outermost.
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    if (const auto count = positive(std::string_view(text).substr(0, std::strcspn(text, ",")))) return *count;
  }
  const cpu_set_t set = allowed_cpus();
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

/// The seconds of each pass on this rank, which goes over the arrays `repetitions` times. Ranks start each
/// pass together.
std::vector<double> triad(std::size_t elements, std::size_t threads, int repetitions) {
  // Not initialized here: each page belongs where the thread runs that touches it first.
  const auto a = std::make_unique_for_overwrite<double[]>(elements);
  const auto b = std::make_unique_for_overwrite<double[]>(elements);
  const auto c = std::make_unique_for_overwrite<double[]>(elements);
  std::barrier barrier(static_cast<std::ptrdiff_t>(threads));
  std::vector<double> seconds;
  const auto work = [&](std::size_t thread) {
    const std::size_t begin = elements * thread / threads;
    const std::size_t end = elements * (thread + 1) / threads;
    for (std::size_t i = begin; i < end; ++i) {
      a[i] = 0;
      b[i] = 1;
      c[i] = 2;
    }
    for (int pass = 0; pass < kPasses; ++pass) {
      double start = 0;
      if (thread == 0) {
        MPI_Barrier(MPI_COMM_WORLD);
        start = MPI_Wtime();
      }
      barrier.arrive_and_wait();
      double* const to = a.get();
      const double* const from = b.get();
      const double* const other = c.get();
      for (int repetition = 0; repetition < repetitions; ++repetition) {
        for (std::size_t i = begin; i < end; ++i) to[i] = from[i] + 3.0 * other[i];
        // No compiler may see that each repetition does the same.
        std::atomic_signal_fence(std::memory_order_seq_cst);
      }
      barrier.arrive_and_wait();
      if (thread == 0) seconds.push_back(MPI_Wtime() - start);
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
    work(0);
  }
  // Read, so that no compiler leaves the loop out.
  if (a[0] != 7 || a[elements - 1] != 7) MPI_Abort(MPI_COMM_WORLD, 1);
  return seconds;
}

/// The seconds of each call on this rank.
std::vector<double> allreduce(std::size_t bytes) {
  const std::size_t count = bytes / sizeof(double);
  std::vector<double> in(count, 1);
  std::vector<double> out(count);
  std::vector<double> seconds;
  for (int call = -kWarmUp; call < kCalls; ++call) {
    const double start = MPI_Wtime();
    MPI_Allreduce(in.data(), out.data(), static_cast<int>(count), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (call >= 0) seconds.push_back(MPI_Wtime() - start);
  }
  return seconds;
}

/// Of each time the longest among the ranks, on rank 0.
std::vector<double> slowest(const std::vector<double>& times) {
  std::vector<double> result(times.size());
  MPI_Reduce(times.data(), result.data(), static_cast<int>(times.size()), MPI_DOUBLE, MPI_MAX, 0,
             MPI_COMM_WORLD);
  return result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The CPUs of all ranks in rank order, on rank 0.
std::string cpus_of_all(int rank, int ranks) {
  const cpu_set_t own = allowed_cpus();
  std::vector<cpu_set_t> sets(rank == 0 ? static_cast<std::size_t>(ranks) : 0);
  MPI_Gather(&own, sizeof own, MPI_BYTE, sets.data(), sizeof own, MPI_BYTE, 0, MPI_COMM_WORLD);
  std::string text;
  for (const cpu_set_t& set : sets) text += (text.empty() ? "" : "/") + list(set);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const auto mebibytes = argc < 2 ? kDefaultMebibytes : positive(argv[1]);
  if (argc > 2 || !mebibytes) {
    std::fprintf(stderr, "usage: placement_probe [MIB]   size of each of three arrays a rank (%zu)\n",
                 kDefaultMebibytes);
    return 2;
  }
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);

  const std::string cpus = cpus_of_all(rank, ranks);
  const std::size_t threads = thread_count();
  const std::size_t elements = *mebibytes * 1024 * 1024 / sizeof(double);
  const auto megabytes_per_s = [&](std::size_t count, int repetitions) {
    const std::vector<double> passes = slowest(triad(count, threads, repetitions));
    return 24e-6 * static_cast<double>(count) * repetitions * ranks /
           *std::min_element(passes.begin(), passes.end());
  };
  const double memory = megabytes_per_s(elements, 1);
  const double cached = megabytes_per_s(kCachedElements * threads, kCachedRepetitions);
  const double small = median(slowest(allreduce(8)));
  const double large = median(slowest(allreduce(65536)));
  if (rank == 0) {
    std::printf(
        "ranks=%d threads=%zu cpus=%s triad_MB_per_s=%.0f cached_MB_per_s=%.0f allreduce_8_us=%.2f "
        "allreduce_65536_us=%.2f\n",
        ranks, threads, cpus.c_str(), memory, cached, small * 1e6, large * 1e6);
  }
  MPI_Finalize();
  return 0;
}
