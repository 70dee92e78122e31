#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>

#include "bench/harness/leader.hpp"
#include "bench/harness/statistics.hpp"
#include "bench/limits/floors.hpp"
#include "bench/limits/raw_ways.hpp"
#include "bench/pair.hpp"

// What the machine can do between two ranks without MPI, and how far from it MPI is: all of it by turns, so
// that what changes on the machine meanwhile changes all of it.

namespace {

using namespace shipyard::bench;
using Clock = std::chrono::steady_clock;

/// Each kernel of a size is measured so often, and the median counts; where a message takes long, less often.
constexpr int kPasses = 11;
constexpr int kQuickPasses = 5;
constexpr int kFewestPasses = 3;
constexpr double kMostIterations = 1e7;
constexpr std::int64_t kLine = 64;
constexpr std::int64_t kPiece = 4 << 20;

/// In the order of the program's kernels.
enum KernelIndex : std::size_t {
  kMpi,
  kWindow,
  kHop,
  kMemcpy,
  kCma,
  kTcp,
  kTcpStream,
  kDram,
  kPrepare,
  kKernels
};

void mpi(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  round_trips(station, 1 - station.rank, station.rank == 0, bytes, iterations);
}
void mpi_window(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  send_windows(station, 1 - station.rank, station.rank == 0, bytes, iterations);
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

class Limits : public Survey {
 public:
  explicit Limits(const Leadership& leadership)
      : leadership_(leadership), sizes_(sizes_for(leadership.program, leadership.options)) {}

  void prepare(std::optional<Fabric> fabric) override {
    fabric_ = fabric;
    const int round = leadership_.selection.between_nodes ? 0 : kRoundSameNode;
    const auto found = leadership_.crew.collect(
        {.kernel = kPrepare, .bytes = kProbeBytes, .warmup = 0, .iterations = 1, .round = round});
    const RawWays other = read_raw_ways(found.at(1));
    ways_ = read_raw_ways(found.at(0));
    // MPI's receiver reads, whichever of the two that is; here it is the first.
    cma_ = ways_.no_cma.empty() && other.no_cma.empty() ? "permitted"
           : ways_.no_cma == other.no_cma               ? "not permitted: " + ways_.no_cma
           : ways_.no_cma.empty()                       ? "not permitted to the second rank: " + other.no_cma
                                                        : "not permitted to the first rank: " + ways_.no_cma;
    if (!leadership_.selection.between_nodes) {
      if (!ways_.no_hop.empty()) note("no shared memory to hand a cache line over: " + ways_.no_hop);
      if (cma_ != "permitted") note("CMA is " + cma_);
    }
    if (!ways_.no_tcp.empty()) note("no raw TCP: " + ways_.no_tcp);

    kernels_ = {kMpi, kWindow};
    if (ways_.no_hop.empty()) kernels_.push_back(kHop);
    kernels_.push_back(kMemcpy);
    if (ways_.no_cma.empty()) kernels_.push_back(kCma);
    if (ways_.no_tcp.empty()) kernels_.insert(kernels_.end(), {kTcp, kTcpStream});
    for (std::size_t size = 0; size < sizes_.size(); ++size) {
      for (const KernelIndex kernel : kernels_) {
        if (kernel != kHop) entries_.push_back({kernel, sizes_[size], size});
      }
    }
    if (ways_.no_hop.empty()) entries_.push_back({kHop, kLine, 0});
    entries_.push_back({kDram, kPiece, 0});
    samples_.resize(sizes_.size());
  }

  [[nodiscard]] std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const Entry& entry : entries_)
      names.push_back(
          fmt::format("limits/{}/{}", leadership_.program.kernels[entry.kernel].name, entry.bytes));
    return names;
  }

  [[nodiscard]] std::map<std::string, std::string> context() const override {
    return {{"limit", describe_limit(fabric_, ways_.tcp_path)},
            {"hop", ways_.no_hop.empty() ? "possible" : ways_.no_hop},
            {"cma", cma_},
            {"tcp", ways_.no_tcp.empty() ? ways_.tcp_path : ways_.no_tcp}};
  }

  std::optional<Figures> measure(std::size_t index) override {
    const Entry& entry = entries_[index];
    if (entry.kernel == kMpi) measure_size(entry.size);
    if (entry.kernel == kDram) measure_kernels({kDram}, kPiece, dram_);
    const std::vector<double> samples = entry.kernel == kDram  ? dram_[kDram]
                                        : entry.kernel == kHop ? all_hops()
                                                               : samples_[entry.size][entry.kernel];
    if (samples.empty()) return std::nullopt;
    return figures(entry, samples);
  }

  [[nodiscard]] std::string text() const override {
    std::vector<Medians> measured;
    for (std::size_t size = 0; size < sizes_.size(); ++size) {
      if (!samples_[size][kMpi].empty()) measured.push_back(medians(size));
    }
    std::string text = format_fact("limit", describe_limit(fabric_, ways_.tcp_path));
    if (measured.empty()) return text;
    const auto& dram = dram_[kDram];
    return text + limits_text(fabric_, measured, leadership_.options.window,
                              dram.empty() ? std::nullopt : std::optional(rate_MB(kPiece, median(dram))));
  }

 private:
  struct Entry {
    KernelIndex kernel;
    std::int64_t bytes;
    std::size_t size;  ///< its place among the sizes
  };
  /// Of each kernel, ns of one way or one iteration, one for each pass.
  using Samples = std::array<std::vector<double>, kKernels>;

  void note(const std::string& text) const { say(leadership_.program, "note", text); }

  [[nodiscard]] bool in_time(Seconds more) const {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(more) < leadership_.deadline;
  }

  [[nodiscard]] std::int64_t warmup_for(std::int64_t iterations) const {
    return leadership_.options.warmup.value_or(
        static_cast<int>(std::clamp<std::int64_t>(iterations / 10, 1, 100)));
  }

  Seconds run(KernelIndex kernel, std::int64_t bytes, std::int64_t iterations) {
    return Seconds(leadership_.crew.time(
        {.kernel = kernel, .bytes = bytes, .warmup = warmup_for(iterations), .iterations = iterations}));
  }

  void measure_size(std::size_t size) {
    leadership_.progress = sizes_[size];
    leadership_.tell(fmt::format("size {}", sizes_[size]), size, sizes_.size());
    measure_kernels(kernels_, sizes_[size], samples_[size]);
  }

  /// What one turn of a kernel is, by the fastest iteration so far: on a busy machine the first ones can take
  /// a thousand times as long as the next, and a turn of few would be the scheduler's.
  struct Turn {
    KernelIndex kernel;
    Seconds fastest{1e6};

    [[nodiscard]] std::int64_t iterations(Seconds slice) const {
      const double count = slice / std::max(fastest, Seconds(1e-9));
      return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::min(count, kMostIterations)));
    }
  };

  /// ns of an iteration
  double take(Turn& turn, std::int64_t bytes, std::int64_t iterations) {
    const auto each = run(turn.kernel, bytes, iterations) / static_cast<double>(iterations);
    turn.fastest = std::min(turn.fastest, each);
    return 1e9 * each.count();
  }

  /// Nothing where there is no time for all of them.
  void measure_kernels(const std::vector<KernelIndex>& kernels, std::int64_t bytes, Samples& samples) {
    const int most = leadership_.options.quick ? kQuickPasses : kPasses;
    const Seconds slice = leadership_.options.min_time / most;
    std::vector<Turn> turns;
    for (const KernelIndex kernel : kernels) {
      if (!in_time(slice)) return;
      turns.push_back({.kernel = kernel});
      std::int64_t iterations = 1;
      while (1e-9 * take(turns.back(), bytes, iterations) * static_cast<double>(iterations) <
                 slice.count() / 4 &&
             iterations < turns.back().iterations(slice))
        iterations = std::min(10 * iterations, turns.back().iterations(slice));
    }
    Seconds pass{0};
    for (const Turn& turn : turns) pass += slice + 2 * turn.fastest;
    const int passes = std::clamp(static_cast<int>(leadership_.options.max_time / pass), kFewestPasses, most);
    Samples taken;
    for (int i = 0; i < passes; ++i) {
      if (!in_time(std::max(kFewestPasses - i, 1) * pass)) {
        if (i < kFewestPasses) return;
        break;
      }
      const auto begin = Clock::now();
      for (Turn& turn : turns)
        taken[turn.kernel].push_back(take(turn, bytes, turn.iterations(slice)) *
                                     leadership_.program.kernels[turn.kernel].time_scale);
      std::reverse(turns.begin(), turns.end());
      pass = Clock::now() - begin;
    }
    samples = std::move(taken);
  }

  [[nodiscard]] std::vector<double> all_hops() const {
    std::vector<double> all;
    for (const Samples& samples : samples_) all.insert(all.end(), samples[kHop].begin(), samples[kHop].end());
    return all;
  }

  [[nodiscard]] Medians medians(std::size_t size) const {
    const Samples& samples = samples_[size];
    const auto of = [&](KernelIndex kernel) {
      return samples[kernel].empty() ? std::nullopt : std::optional(median(samples[kernel]));
    };
    // It does not depend on the size.
    const auto hops = all_hops();
    return {.bytes = sizes_[size],
            .mpi_ns = of(kMpi).value_or(0),
            .mpi_window_ns = of(kWindow).value_or(0),
            .hop_ns = hops.empty() ? std::nullopt : std::optional(median(hops)),
            .memcpy_ns = of(kMemcpy),
            .cma_ns = of(kCma),
            .tcp_ns = of(kTcp),
            .tcp_stream_ns = of(kTcpStream)};
  }

  [[nodiscard]] Figures figures(const Entry& entry, std::vector<double> samples) const {
    std::sort(samples.begin(), samples.end());
    const double typical = median(samples);
    const int window = leadership_.options.window;
    const bool is_window = entry.kernel == kWindow || entry.kernel == kTcpStream;
    const std::int64_t moved = entry.kernel == kHop ? 0 : (is_window ? window : 1) * entry.bytes;
    std::optional<Limit> limit;
    if (has_limit(fabric_) && entry.kernel == kMpi) limit = one_way_limit(fabric_, medians(entry.size));
    if (has_limit(fabric_) && entry.kernel == kWindow)
      limit = window_limit(fabric_, medians(entry.size), window);
    return {{"bytes", static_cast<double>(entry.bytes)},
            {"samples", static_cast<double>(samples.size())},
            {"min_ns", samples.front()},
            {"p50_ns", typical},
            {"p99_ns", percentile(samples, 99)},
            {"max_ns", samples.back()},
            {"bandwidth_MB_per_s", rate_MB(moved, typical)},
            {"mean_MB_per_s", rate_MB(moved, mean(samples))},
            {"limit_ns", limit ? limit->ns : 0},
            {"of_limit", limit ? typical / limit->ns : 0},
            {"real_ns", mean(samples)}};
  }

  const Leadership& leadership_;
  std::vector<std::int64_t> sizes_;
  std::optional<Fabric> fabric_;
  RawWays ways_;
  std::string cma_;
  std::vector<KernelIndex> kernels_;  ///< that are possible, in the order of a pass
  std::vector<Entry> entries_;
  std::vector<Samples> samples_;  ///< by size
  Samples dram_;
};

constexpr const char* kEpilogue = R"(Figures:
  MPI: a message one way, as pingpong has it, and a window of messages with a
  reply, as bandwidth has it. The limit, where shared memory carries them: a
  cache line handed from one rank to the other (hop), and one copy of the bytes,
  by memcpy or by CMA (process_vm_readv), whichever is faster. Where TCP carries
  them: the same bytes over a socket, by the interface that MPI uses. InfiniBand
  has none here; raw TCP stands beside it.
  All are measured by turns, eleven times for each size, and medians count.
  --min-time is what each kernel gets in all; a turn has a warm-up of one
  iteration at least. MPI's are those of osu_latency (IMB's PingPong) and osu_bw
  (Uniband); the limits have no counterpart there.
  docs/benchmarks.md has the definitions in full.

Examples:
  mpirun -np 2 limits
  shipyard-mpirun --ppn 1 limits --sizes 8,64K,4M --out limits.json
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {
      .name = "limits",
      .sentence =
          "Measures what the machine can do between two ranks without MPI, and how far from it MPI is.",
      .epilogue = kEpilogue,
      .offers = {.pair = true, .window = 16, .buffers = true, .osu = false}};
  program.kernels = {{.name = "mpi", .run = mpi, .time_scale = 0.5},
                     {.name = "mpi_window", .run = mpi_window},
                     {.name = "hop", .run = hop, .time_scale = 0.5},
                     {.name = "memcpy", .run = copy},
                     {.name = "cma", .run = read_peer},
                     {.name = "tcp", .run = tcp_round_trips, .time_scale = 0.5},
                     {.name = "tcp_stream", .run = tcp_stream},
                     {.name = "memcpy_dram", .run = copy_memory},
                     {.name = "prepare", .run = prepare_raw_ways, .collect = raw_ways_as_numbers}};
  program.sizes = {1, 8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 2 << 20, 16 << 20};
  program.quick_sizes = {8, 4 << 10, 1 << 20};
  program.survey = [](const Leadership& leadership) { return std::make_unique<Limits>(leadership); };
  program.select = select_pair;
  return run_program(argc, argv, program);
}
