#include "bench/noise/noise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <set>

#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

constexpr double kNoisier = 2;
constexpr double kLeastLost = 0.1;  // per cent of the time
constexpr double kSlower = 1.1;
constexpr std::size_t kNamed = 10;
constexpr std::size_t kMostRows = 16;
constexpr std::size_t kNodeWidth = 15;

/// Ranks with the same have the same CPUs under the same numbers.
std::string machine_of(const RankPlace& place) {
  return place.machine.empty() ? fmt::format("node {}", place.node) : place.machine;
}

std::vector<double> lost_percents(const std::vector<CpuNoise>& cpus) {
  std::vector<double> lost;
  for (const auto& cpu : cpus) lost.push_back(cpu.detours.lost_percent());
  return lost;
}

/// Those whose value is so many times the median and three deviations above, by `more` at least; worst first.
std::vector<std::size_t> outliers(const std::vector<double>& values, double times, double more) {
  const Middle middle = middle_of(values);
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (stands_out(values[i], middle, times) && values[i] >= middle.median + more) found.push_back(i);
  }
  std::stable_sort(found.begin(), found.end(), [&](auto a, auto b) { return values[a] > values[b]; });
  return found;
}

std::vector<std::size_t> by_time_lost(const std::vector<CpuNoise>& cpus) {
  std::vector<std::size_t> order(cpus.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return cpus[a].detours.lost_percent() > cpus[b].detours.lost_percent();
  });
  return order;
}

const std::string& host_of(const CpuNoise& cpu, const Placement& placement) {
  return placement[static_cast<std::size_t>(cpu.rank)].host;
}

std::string name_of(const CpuNoise& cpu, const Placement& placement) {
  return fmt::format("CPU {} of {}", cpu.cpu, host_of(cpu, placement));
}

void add_rest(std::vector<std::string>& lines, std::size_t all, const char* what) {
  if (all > kNamed) lines.push_back(fmt::format("{}: {} more", what, all - kNamed));
}

Table table_of_figures() {
  return {
      .spans = {{.title = "detours", .first = 0, .last = 2}, {.title = "fixed work", .first = 3, .last = 5}},
      .columns = {{.title = "per s", .figure = "detours_per_s", .width = 11},
                  {.title = "lost %", .figure = "lost_percent", .decimals = 4, .width = 10},
                  {.title = "longest µs", .figure = "longest_ns", .scale = 1e-3, .decimals = 1, .width = 12},
                  {.title = "median µs", .figure = "fwq_p50_ns", .scale = 1e-3, .decimals = 2, .width = 11},
                  {.title = "p99 µs", .figure = "fwq_p99_ns", .scale = 1e-3, .decimals = 1, .width = 9},
                  {.title = "mean +%", .figure = "fwq_noise_percent", .decimals = 2, .width = 9}}};
}

/// Of each column by itself.
Figures quantile(const std::vector<Figures>& all, double percent) {
  Figures figures;
  for (const Column& column : table_of_figures().columns) {
    std::vector<double> values;
    for (const auto& one : all) values.push_back(one.at(column.figure));
    std::sort(values.begin(), values.end());
    figures[column.figure] = percentile(values, percent);
  }
  return figures;
}

/// CPUs to a core, where any core has several that were measured.
std::size_t most_threads_of_a_core(const std::vector<CpuNoise>& cpus, const Placement& placement) {
  std::map<std::pair<std::string, int>, std::size_t> threads;
  std::size_t most = 1;
  for (const auto& cpu : cpus) {
    if (cpu.core < 0) continue;
    const auto machine = machine_of(placement[static_cast<std::size_t>(cpu.rank)]);
    most = std::max(most, ++threads[{machine, cpu.core}]);
  }
  return most;
}

}  // namespace

std::vector<Share> share_cpus(const Placement& placement) {
  std::map<std::string, CpuSet> taken;
  std::vector<Share> shares;
  for (std::size_t rank = 0; rank < placement.size(); ++rank) {
    CpuSet& others = taken[machine_of(placement[rank])];
    const CpuSet own = placement[rank].cpus & ~others;
    if (own.none()) continue;
    others |= own;
    Share share{.rank = static_cast<int>(rank), .cpus = {}};
    for (std::size_t cpu = 0; cpu < own.size(); ++cpu) {
      if (own[cpu]) share.cpus.push_back(static_cast<int>(cpu));
    }
    shares.push_back(std::move(share));
  }
  return shares;
}

std::vector<std::string> share_notes(const Placement& placement, const std::vector<Share>& shares) {
  std::set<int> own;
  for (const Share& share : shares) own.insert(placement[static_cast<std::size_t>(share.rank)].node);
  const int nodes = count_nodes(placement);
  const int without = nodes - static_cast<int>(own.size());
  if (without == 0) return {};
  return {
      fmt::format("{} of {} nodes {} no CPU of {} own (containers on one machine): each CPU is measured once",
                  without, nodes, without == 1 ? "has" : "have", without == 1 ? "its" : "their")};
}

void Detours::add(double ns) {
  ++count;
  lost_ns += ns;
  longest_ns = std::max(longest_ns, ns);
  const auto whole = static_cast<std::uint64_t>(std::max(ns, 1.0));
  ++bins[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(whole)) - 1, kBins - 1)];
}

void WorkRecord::add(double ns) {
  min_ = count_ == 0 ? ns : std::min(min_, ns);
  max_ = std::max(max_, ns);
  sum_ += ns;
  if (count_++ % step_ != 0) return;
  kept_.push_back(ns);
  if (kept_.size() < most_) return;
  std::size_t half = 0;
  for (std::size_t i = 0; i < kept_.size(); i += 2) kept_[half++] = kept_[i];
  kept_.resize(half);
  step_ *= 2;
}

WorkTimes WorkRecord::times() const {
  std::vector<double> sorted = kept_;
  std::sort(sorted.begin(), sorted.end());
  return {.steps = 0,
          .min = min_,
          .p50 = percentile(sorted, 50),
          .p99 = percentile(sorted, 99),
          .max = max_,
          .mean = sum_ / static_cast<double>(count_)};
}

void append(std::vector<double>& numbers, const Detours& detours) {
  numbers.insert(numbers.end(), {detours.elapsed_ns, detours.loop_ns, static_cast<double>(detours.count),
                                 detours.lost_ns, detours.longest_ns});
  numbers.insert(numbers.end(), detours.bins.begin(), detours.bins.end());
}

Detours take_detours(const double*& at) {
  Detours detours;
  detours.elapsed_ns = *at++;
  detours.loop_ns = *at++;
  detours.count = static_cast<std::int64_t>(*at++);
  detours.lost_ns = *at++;
  detours.longest_ns = *at++;
  for (auto& bin : detours.bins) bin = static_cast<std::int64_t>(*at++);
  return detours;
}

void append(std::vector<double>& numbers, const WorkTimes& times) {
  numbers.insert(numbers.end(),
                 {static_cast<double>(times.steps), times.min, times.p50, times.p99, times.max, times.mean});
}

WorkTimes take_work_times(const double*& at) {
  WorkTimes times{.steps = static_cast<std::int64_t>(*at++)};
  for (double* one : {&times.min, &times.p50, &times.p99, &times.max, &times.mean}) *one = *at++;
  return times;
}

NoiseVerdict judge_noise(const std::vector<CpuNoise>& cpus) {
  NoiseVerdict verdict;
  if (cpus.empty()) return verdict;
  const auto lost = lost_percents(cpus);
  std::vector<double> work;
  for (const auto& cpu : cpus) work.push_back(cpu.work.p50);
  verdict.typical_lost = median(lost);
  verdict.typical_work = median(work);
  constexpr std::size_t kFewest = 3;
  if (cpus.size() < kFewest) return verdict;
  verdict.noisy = outliers(lost, kNoisier, kLeastLost);
  verdict.slow = outliers(work, kSlower, 0);
  return verdict;
}

std::vector<std::string> noise_notes(const std::vector<CpuNoise>& cpus, const NoiseVerdict& verdict,
                                     const Placement& placement) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min(kNamed, verdict.noisy.size()); ++i) {
    const CpuNoise& cpu = cpus[verdict.noisy[i]];
    lines.push_back(fmt::format("{} loses much: {:.3g} % of its time, typical are {:.2g} %",
                                name_of(cpu, placement), cpu.detours.lost_percent(), verdict.typical_lost));
  }
  add_rest(lines, verdict.noisy.size(), "CPUs that lose much");
  for (std::size_t i = 0; i < std::min(kNamed, verdict.slow.size()); ++i) {
    const CpuNoise& cpu = cpus[verdict.slow[i]];
    lines.push_back(fmt::format("{} is slow: {:.1f} µs for the fixed work, typical are {:.1f} µs",
                                name_of(cpu, placement), cpu.work.p50 / 1e3, verdict.typical_work / 1e3));
  }
  add_rest(lines, verdict.slow.size(), "CPUs that are slow");
  return lines;
}

std::vector<std::string> noise_unmet(const std::vector<CpuNoise>& cpus, double most_percent,
                                     const Placement& placement) {
  std::vector<std::string> lines;
  std::size_t all = 0;
  for (const std::size_t index : by_time_lost(cpus)) {
    const double lost = cpus[index].detours.lost_percent();
    if (lost <= most_percent) break;
    if (all++ < kNamed)
      lines.push_back(fmt::format("--expect-noise {:g} %: {} loses {:.3g} % of its time", most_percent,
                                  name_of(cpus[index], placement), lost));
  }
  add_rest(lines, all, "--expect-noise");
  return lines;
}

std::vector<Figures> noise_figures(const std::vector<CpuNoise>& cpus, const NoiseVerdict& verdict) {
  std::size_t first = Detours::kBins;
  std::size_t end = 0;
  for (const auto& cpu : cpus) {
    for (std::size_t bin = 0; bin < Detours::kBins; ++bin) {
      if (cpu.detours.bins[bin] == 0) continue;
      first = std::min(first, bin);
      end = std::max(end, bin + 1);
    }
  }
  std::vector<Figures> all;
  for (const auto& cpu : cpus) {
    Figures figures{{"rank", cpu.rank},
                    {"cpu", cpu.cpu},
                    {"detours", static_cast<double>(cpu.detours.count)},
                    {"detours_per_s", static_cast<double>(cpu.detours.count) * 1e9 / cpu.detours.elapsed_ns},
                    {"lost_percent", cpu.detours.lost_percent()},
                    {"longest_ns", cpu.detours.longest_ns},
                    {"threshold_ns", cpu.detours.threshold_ns()},
                    {"fwq_min_ns", cpu.work.min},
                    {"fwq_p50_ns", cpu.work.p50},
                    {"fwq_p99_ns", cpu.work.p99},
                    {"fwq_max_ns", cpu.work.max},
                    {"fwq_noise_percent", cpu.work.noise_percent()},
                    {"fwq_steps", static_cast<double>(cpu.work.steps)},
                    {"noisy", 0},
                    {"slow", 0}};
    for (std::size_t bin = first; bin < end; ++bin) {
      figures[fmt::format("detours_from_{}ns", std::uint64_t{1} << bin)] =
          static_cast<double>(cpu.detours.bins[bin]);
    }
    all.push_back(std::move(figures));
  }
  for (const auto index : verdict.noisy) all[index]["noisy"] = 1;
  for (const auto index : verdict.slow) all[index]["slow"] = 1;
  return all;
}

std::string noise_text(const std::vector<CpuNoise>& cpus, const NoiseVerdict& verdict,
                       const Placement& placement) {
  const auto figures = noise_figures(cpus, verdict);
  const Table table = table_of_figures();
  constexpr int kNode = kNodeWidth;
  const std::string head = format_head(table);
  const auto second = head.find('\n') + 1;
  std::string text = fmt::format("\n{:{}}{}{:<{}}{:>3}{}", "", kNode + 3, head.substr(0, second), "node",
                                 kNode, "CPU", head.substr(second));
  const auto row = [&](std::size_t index) {
    text += fmt::format("{:<{}}{:>3}", shortened(host_of(cpus[index], placement), kNodeWidth), kNode,
                        cpus[index].cpu) +
            format_row(table, figures[index]);
  };
  if (cpus.size() <= kMostRows) {
    for (std::size_t i = 0; i < cpus.size(); ++i) row(i);
  } else {
    const auto order = by_time_lost(cpus);
    for (std::size_t i = 0; i < kNamed; ++i) row(order[i]);
    text += fmt::format("\nThose were the ten CPUs that lose most. Of all {}, each column by itself:\n\n",
                        cpus.size());
    for (const auto& [name, percent] :
         {std::pair("median", 50.0), {"90 %", 90.0}, {"99 %", 99.0}, {"worst", 100.0}})
      text += fmt::format("{:<{}}", name, kNode + 3) + format_row(table, quantile(figures, percent));
  }

  std::vector<double> thresholds;
  for (const auto& cpu : cpus) thresholds.push_back(cpu.detours.threshold_ns());
  const auto [least, most] = std::minmax_element(thresholds.begin(), thresholds.end());
  const std::string range = fmt::format("{:.0f}", *least) == fmt::format("{:.0f}", *most)
                                ? fmt::format("{:.0f}", *least)
                                : fmt::format("{:.0f} to {:.0f}", *least, *most);
  text += fmt::format("\n  A detour takes more than {} ns, {:g} times what the loop takes.\n", range,
                      kDetourFactor);
  if (const auto threads = most_threads_of_a_core(cpus, placement); threads > 1)
    text +=
        fmt::format("  The CPUs are hardware threads, {} to a core, and were measured together.\n", threads);
  if (cpus.size() < 3) {
    text += "  So few CPUs have nothing to be compared with: no verdict.\n";
  } else if (verdict.noisy.empty() && verdict.slow.empty()) {
    text += "  No CPU stands out.\n";
  }
  return text;
}

}  // namespace shipyard::bench
