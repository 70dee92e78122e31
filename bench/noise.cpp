#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "bench/harness/leader.hpp"
#include "bench/noise/measure.hpp"
#include "bench/noise/noise.hpp"

// How much of each core's time goes to others: the operating system, the hypervisor, neighbours. Selfish
// detour and fixed work quantum, after Netgauge ("Characterizing the Influence of System Noise", SC10).

namespace {

using namespace shipyard::bench;
using Clock = std::chrono::steady_clock;

/// The fixed work, on the fastest CPU of the job.
constexpr double kWorkNs = 100'000;
constexpr Seconds kCalibration{0.02};

enum KernelIndex : std::size_t { kDetours, kCalibrate, kFixedWork };

/// The same on all ranks, since options and placement are; kernels have no other way to it.
struct Job {
  std::vector<Share> shares;  ///< by the station's rank
  Seconds each{0};
  std::vector<double> found;  ///< by the last kernel on this rank
} job;

/// `numbers(i)`: what was found on the rank's i-th CPU.
template <typename Measure>
void on_this_share(const Station& station, std::int64_t times, const Measure& measure) {
  if (times == 0) return;  // the warm-up
  const auto& cpus = job.shares[static_cast<std::size_t>(station.rank)].cpus;
  std::vector<std::vector<double>> numbers(cpus.size());
  on_each_cpu(
      cpus, [&] { MPI_Barrier(station.comm); },
      [&](std::size_t index) { measure(cpus[index], numbers[index]); });
  job.found.clear();
  for (const auto& one : numbers) job.found.insert(job.found.end(), one.begin(), one.end());
}

void detours(const Station& station, std::int64_t, std::int64_t times) {
  on_this_share(station, times, [](int cpu, std::vector<double>& numbers) {
    append(numbers, find_detours(job.each));
    numbers.push_back(core_of(cpu));
  });
}
void calibrate(const Station& station, std::int64_t, std::int64_t times) {
  on_this_share(station, times,
                [](int, std::vector<double>& numbers) { numbers.push_back(time_of_step(kCalibration)); });
}
void fixed_work(const Station& station, std::int64_t, std::int64_t steps) {
  on_this_share(station, steps, [steps](int, std::vector<double>& numbers) {
    append(numbers, time_fixed_work(job.each, steps));
  });
}
std::vector<double> found(const Station&) { return job.found; }

class Noise : public Survey {
 public:
  explicit Noise(const Leadership& leadership) : leadership_(leadership) {
    for (const Share& share : job.shares) {
      for (const int cpu : share.cpus)
        cpus_.push_back({.rank = share.rank, .cpu = cpu, .detours = {}, .work = {}});
    }
  }

  [[nodiscard]] std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& cpu : cpus_) names.push_back(fmt::format("noise/{}/{}", cpu.rank, cpu.cpu));
    return names;
  }

  std::optional<Figures> measure(std::size_t entry) override {
    if (figures_.empty()) {
      if (Clock::now() >= leadership_.deadline) return std::nullopt;
      measure_all();
    }
    Figures figures = figures_[entry];
    figures["real_ns"] = cpus_[entry].detours.elapsed_ns;
    return figures;
  }

  [[nodiscard]] std::string text() const override {
    return figures_.empty() ? std::string() : noise_text(cpus_, verdict_, leadership_.placement);
  }
  [[nodiscard]] std::vector<std::string> notes() const override {
    return noise_notes(cpus_, verdict_, leadership_.placement);
  }
  [[nodiscard]] std::vector<std::string> complaints() const override {
    const auto most = leadership_.options.expect_noise_percent;
    if (!most) return {};
    if (figures_.empty()) return {"--expect-noise: nothing was measured"};
    return noise_unmet(cpus_, *most, leadership_.placement);
  }

 private:
  /// Calls `take` with each CPU and where its numbers are.
  template <typename Take>
  void collect(KernelIndex kernel, std::int64_t times, const Take& take) {
    auto cpu = cpus_.begin();
    const auto all = leadership_.crew.collect({.kernel = kernel, .iterations = times});
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      const double* at = all[rank].data();
      for (std::size_t i = 0; i < job.shares[rank].cpus.size(); ++i) take(*cpu++, at);
    }
  }

  void measure_all() {
    leadership_.tell(fmt::format("detours, {:g} s", job.each.count()), 0, 2);
    collect(kDetours, 1, [](CpuNoise& cpu, const double*& at) {
      cpu.detours = take_detours(at);
      cpu.core = static_cast<int>(*at++);
    });
    // After the detours, which have warmed the CPUs.
    double fastest = std::numeric_limits<double>::infinity();
    collect(kCalibrate, 1, [&](CpuNoise&, const double*& at) { fastest = std::min(fastest, *at++); });
    const auto steps = std::max<std::int64_t>(1, std::llround(kWorkNs / fastest));
    leadership_.tell(fmt::format("fixed work, {:g} s", job.each.count()), 1, 2);
    collect(kFixedWork, steps, [](CpuNoise& cpu, const double*& at) { cpu.work = take_work_times(at); });
    verdict_ = judge_noise(cpus_);
    figures_ = noise_figures(cpus_, verdict_);
  }

  const Leadership& leadership_;
  std::vector<CpuNoise> cpus_;
  NoiseVerdict verdict_;
  std::vector<Figures> figures_;
};

shipyard::Result<Selection> select_cpus(const Placement& placement, const Options& options) {
  job.shares = share_cpus(placement);
  job.each = options.duration / 2;
  if (job.shares.empty())
    return shipyard::input_error("no rank knows on which CPUs it may run", "taskset -p $$ shows it");
  Selection selection{.ranks = {}, .title = "measuring"};
  std::size_t cpus = 0;
  for (const Share& share : job.shares) {
    selection.ranks.push_back(share.rank);
    cpus += share.cpus.size();
  }
  selection.notes = share_notes(placement, job.shares);
  selection.description = fmt::format("{} CPU{}, {}each for {:g} s", cpus, cpus == 1 ? "" : "s",
                                      cpus == 1 ? "" : "all at once, ", options.duration.count());
  return selection;
}

constexpr const char* kEpilogue =
    R"(Every CPU that a rank may run on is measured once, all at the same time, by a
thread that runs there only; ranks without a CPU of their own sleep.

Figures:
  detours: what Netgauge calls selfish detour. A loop reads the clock; a gap of
  more than 9 times what the loop takes is a detour: the CPU did something else.
  lost: the sum of all detours, of the time that was measured.
  fixed work: what Netgauge calls fixed work quantum. The same computation over
  and over, about 100 us on the fastest CPU, the same on all. mean +%: by how
  much its mean is above its minimum.
  Netgauge calls them selfish and fwq; OSU and IMB have no counterpart.
  docs/benchmarks.md has the definitions in full.

Examples:
  shipyard-mpirun --ppn 1 noise --out noise.json
  mpirun -np 1 --bind-to none noise --duration 1m --time-limit 2m
  shipyard-mpirun --ppn 1 noise --expect-noise 1%
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {.name = "noise",
                  .sentence =
                      "Measures how much of each CPU's time the operating system, the hypervisor and "
                      "others take.",
                  .epilogue = kEpilogue,
                  .offers = {.sizes = false,
                             .osu = false,
                             .fabric = false,
                             .times = false,
                             .duration = Seconds{5},
                             .noise = true}};
  program.kernels = {{.name = "detours", .run = detours, .sized = false, .collect = found},
                     {.name = "calibrate", .run = calibrate, .sized = false, .collect = found},
                     {.name = "fixed work", .run = fixed_work, .sized = false, .collect = found}};
  program.survey = [](const Leadership& leadership) { return std::make_unique<Noise>(leadership); };
  program.select = select_cpus;
  return run_program(argc, argv, program);
}
