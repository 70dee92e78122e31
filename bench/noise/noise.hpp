#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {

/// The CPUs that a rank measures, ascending, at least one.
struct Share {
  int rank = 0;
  std::vector<int> cpus;
  bool operator==(const Share&) const = default;
};

/// Every CPU that a rank may run on, each once: by the lowest of the ranks that may, on all nodes of its
/// machine (containers on one machine have the same CPUs). Ascending by rank; ranks without a CPU of their
/// own are not in it.
[[nodiscard]] std::vector<Share> share_cpus(const Placement& placement);

/// Where nodes have no CPU of their own. Empty if there are none.
[[nodiscard]] std::vector<std::string> share_notes(const Placement& placement,
                                                   const std::vector<Share>& shares);

/// A gap between two readings of the clock is a detour where it is longer than so many times what the loop
/// takes by itself, as in Netgauge.
inline constexpr double kDetourFactor = 9;

/// Of one CPU. Every detour is counted, none is kept.
struct Detours {
  static constexpr std::size_t kBins = 48;  ///< up to three days

  double elapsed_ns = 0;
  double loop_ns = 0;  ///< what the loop takes by itself
  std::int64_t count = 0;
  double lost_ns = 0;
  double longest_ns = 0;
  std::array<std::int64_t, kBins> bins{};  ///< bin i: from 2^i ns to 2^(i+1)

  void add(double ns);
  [[nodiscard]] double lost_percent() const { return elapsed_ns > 0 ? 100 * lost_ns / elapsed_ns : 0; }
  [[nodiscard]] double threshold_ns() const { return kDetourFactor * loop_ns; }
  bool operator==(const Detours&) const = default;
};

/// How long the fixed work took, of one CPU, in nanoseconds.
struct WorkTimes {
  std::int64_t steps = 0;  ///< of the work
  double min = 0;
  double p50 = 0;
  double p99 = 0;
  double max = 0;
  double mean = 0;

  [[nodiscard]] double noise_percent() const { return min > 0 ? 100 * (mean - min) / min : 0; }
  bool operator==(const WorkTimes&) const = default;
};

/// Takes times one by one in bounded memory: once it is full, it keeps every second one, then every fourth,
/// …, for the percentiles. The others are of all.
class WorkRecord {
 public:
  explicit WorkRecord(std::size_t most = std::size_t{1} << 18) : most_(most) {}
  void add(double ns);
  /// Requires at least one.
  [[nodiscard]] WorkTimes times() const;

 private:
  std::size_t most_;
  std::vector<double> kept_;
  std::int64_t step_ = 1;
  std::int64_t count_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
};

/// What was measured on one CPU.
struct CpuNoise {
  int rank = 0;
  int cpu = 0;
  int core = -1;  ///< the lowest hardware thread of its core; -1: not known
  Detours detours;
  WorkTimes work;
};

/// As numbers, as they come from rank to rank, and back; a rank has several.
void append(std::vector<double>& numbers, const Detours& detours);
void append(std::vector<double>& numbers, const WorkTimes& times);
/// Take what append() has put there, from `at` on, and move it.
[[nodiscard]] Detours take_detours(const double*& at);
[[nodiscard]] WorkTimes take_work_times(const double*& at);

/// CPUs that stand out, by index.
struct NoiseVerdict {
  double typical_lost = 0;         ///< per cent, the median
  double typical_work = 0;         ///< ns, the median of the medians
  std::vector<std::size_t> noisy;  ///< worst first
  std::vector<std::size_t> slow;   ///< worst first
};

/// Noisy: loses twice as much as the median and three standard deviations more (of the kind that judge_links
/// takes), and at least a thousandth of the time more. Slow: its median time for the fixed work is a tenth
/// and three standard deviations above the median of all. Fewer than three CPUs have nothing to be compared
/// with.
[[nodiscard]] NoiseVerdict judge_noise(const std::vector<CpuNoise>& cpus);

/// A sentence for each CPU that stands out, up to ten of either kind.
[[nodiscard]] std::vector<std::string> noise_notes(const std::vector<CpuNoise>& cpus,
                                                   const NoiseVerdict& verdict, const Placement& placement);

/// A line for each CPU that loses more, worst first, up to ten.
[[nodiscard]] std::vector<std::string> noise_unmet(const std::vector<CpuNoise>& cpus, double most_percent,
                                                   const Placement& placement);

/// The report's counters of each CPU, the same of all: the bins from the first to the last that holds a
/// detour of any CPU.
[[nodiscard]] std::vector<Figures> noise_figures(const std::vector<CpuNoise>& cpus,
                                                 const NoiseVerdict& verdict);

/// The table: a row for each CPU; of many, the ten that lose most, and how they all are distributed.
[[nodiscard]] std::string noise_text(const std::vector<CpuNoise>& cpus, const NoiseVerdict& verdict,
                                     const Placement& placement);

}  // namespace shipyard::bench
