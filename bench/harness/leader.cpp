#include "bench/harness/leader.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>

#include "bench/harness/expectations.hpp"
#include "bench/harness/mpi_environment.hpp"
#include "bench/harness/mpi_facts.hpp"
#include "bench/harness/reporters.hpp"
#include "bench/harness/sizes.hpp"
#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// How long the pass with a time stamp for each iteration goes on, and its bounds in iterations: enough for a
/// 99th percentile where messages are fast, few enough where one takes a second.
constexpr Seconds kSampleTime{0.05};
constexpr std::int64_t kFewestSamples = 5;
constexpr std::int64_t kMostSamples = 10'000;

/// Of the pass that times many as one. A single one can be a pause of the operating system.
constexpr std::int64_t kFewestIterations = 5;

/// What finds out by what messages travel: so many of so many bytes, some times over, of which most decide,
/// since others send as well.
constexpr std::int64_t kProbeMessages = 64;
constexpr int kProbes = 3;

const char* buffers_name(Buffers buffers) {
  switch (buffers) {
    case Buffers::kSingle:
      return "single";
    case Buffers::kMultiple:
      return "multiple";
    case Buffers::kOffCache:
      return "off-cache";
  }
  return "";
}

/// What the options say of how it is measured, for the report's context: reports of other windows or times
/// are other measurements.
std::map<std::string, std::string> settings(const Offers& offers, const Options& options) {
  std::map<std::string, std::string> context{{"quick", options.quick ? "true" : "false"}};
  if (offers.window > 0) context["window"] = std::to_string(options.window);
  if (offers.buffers) context["buffers"] = buffers_name(options.buffers);
  if (offers.duration > Seconds{0}) context["duration"] = fmt::format("{:g}s", options.duration.count());
  if (offers.times) {
    context["max_time"] = fmt::format("{:g}s", options.max_time.count());
    context["min_time"] = fmt::format("{:g}s", options.min_time.count());
    context["warmup"] = options.warmup ? std::to_string(*options.warmup) : "default";
  }
  return context;
}

class Leader {
 public:
  explicit Leader(const Leadership& leadership)
      : leadership_(leadership),
        program_(leadership.program),
        options_(leadership.options),
        crew_(leadership.crew) {}

  int run(const char* executable);

 private:
  [[nodiscard]] std::optional<std::size_t> kernel_to_probe() const;
  void find_fabric();
  void initialize_google_benchmark(const char* executable);
  void add_context();
  [[nodiscard]] std::string head() const;
  [[nodiscard]] std::string fabric_text() const;
  [[nodiscard]] std::string transport_text() const;
  [[nodiscard]] std::vector<std::int64_t> sizes_of(const Kernel& kernel) const;
  void measure(benchmark::State& state, std::size_t kernel, std::int64_t bytes);
  [[nodiscard]] std::string describe(const Kernel& kernel, std::int64_t bytes) const;
  /// In the report.
  [[nodiscard]] static std::string name_of(const Kernel& kernel, std::int64_t bytes);
  struct Measured {
    std::int64_t iterations = 0;
    Seconds time{0};
  };
  [[nodiscard]] std::vector<double> sample(std::size_t kernel, std::int64_t bytes);
  [[nodiscard]] Measured repeat(std::size_t kernel, std::int64_t bytes);
  void count(benchmark::State& state, const Kernel& kernel, std::int64_t bytes, double mean_ns);
  void validate(std::size_t kernel, std::int64_t bytes);
  [[nodiscard]] std::int64_t warmup_for(std::int64_t iterations) const;
  void warm_up(std::size_t kernel, std::int64_t bytes);
  [[nodiscard]] bool fits_the_time_limit(Seconds iteration) const;
  void register_kernels();
  void register_survey();

  const Leadership& leadership_;
  const Program& program_;
  const Options& options_;
  Crew& crew_;
  std::unique_ptr<Survey> survey_ = program_.survey ? program_.survey(leadership_) : nullptr;
  std::string load_note_ = load_note(leadership_.placement, leadership_.selection.ranks);
  std::vector<std::string> flags_;                  ///< Google Benchmark keeps a pointer to the first.
  std::map<std::string, std::int64_t> iterations_;  ///< that were measured, by name in the report
  std::map<std::size_t, Seconds> last_iteration_;   ///< of the size before, by kernel; 0: none yet
  std::vector<double> samples_;  ///< of the size under way, ascending, in ns of an iteration
  std::size_t done_ = 0;         ///< sizes, of all that there are
  std::size_t all_ = 0;
  std::vector<std::string> left_out_;
  Findings findings_;
};

std::int64_t Leader::warmup_for(std::int64_t iterations) const {
  if (options_.warmup) return std::min(*options_.warmup, 2);  // all of it was in warm_up()
  return std::clamp<std::int64_t>(iterations / 10, 2, 100);
}

/// As many as --warmup asks for, in growing pieces: a look at the clock between them.
void Leader::warm_up(std::size_t kernel, std::int64_t bytes) {
  std::int64_t left = options_.warmup.value_or(0);
  for (std::int64_t piece = 1; left > 0 && Clock::now() < leadership_.deadline; piece *= 2) {
    piece = std::min(piece, left);
    crew_.time({kernel, bytes, 0, piece});
    left -= piece;
  }
}

/// One whose messages show how they travel; nothing where there are none, of a rank alone or of a barrier.
/// Kernels that move data from rank 0 come first, so the first one that is sized will do.
std::optional<std::size_t> Leader::kernel_to_probe() const {
  if (leadership_.selection.ranks.size() < 2 || !program_.text.offers.fabric) return std::nullopt;
  const auto sized =
      std::find_if(program_.kernels.begin(), program_.kernels.end(),
                   [&](const Kernel& kernel) { return kernel.sized && options_.wants(kernel.name); });
  if (sized == program_.kernels.end()) return std::nullopt;
  return static_cast<std::size_t>(sized - program_.kernels.begin());
}

void Leader::find_fabric() {
  const auto kernel = kernel_to_probe();
  if (!kernel) return;
  const bool same_node = !leadership_.selection.between_nodes;
  std::array<std::optional<Fabric>, kProbes> found;
  for (auto& one : found) {
    const Kernel& probe = program_.kernels[*kernel];
    const std::int64_t window = probe.messages == nullptr ? 1 : options_.window;  // of an iteration
    const std::int64_t iterations = std::max<std::int64_t>(1, kProbeMessages / window);
    const Traffic before = crew_.traffic();
    const auto begin = Clock::now();
    crew_.time_each({.kernel = *kernel,
                     .bytes = kProbeBytes,
                     .iterations = iterations,
                     .pair = survey_ ? std::optional(RankPair{0, 1}) : std::nullopt});
    const Traffic after = crew_.traffic();
    std::this_thread::sleep_for(Clock::now() - begin);
    one = fabric_of(before, after, crew_.traffic(), kProbeBytes * iterations * window, same_node);
  }
  std::sort(found.begin(), found.end());
  findings_.fabric = found[kProbes / 2];
}

void Leader::initialize_google_benchmark(const char* executable) {
  // Every flag that Google Benchmark also reads from the environment (BENCHMARK_REPETITIONS, …) and that
  // would change what is measured is given here, so that a run means the same everywhere. Flags that a
  // version lacks are ignored.
  const char* format = options_.format == Format::kJson  ? "json"
                       : options_.format == Format::kCsv ? "csv"
                                                         : "console";
  // What is measured is measured once: below the least time it would be again, for 10, 100, … 10^9
  // iterations.
  constexpr double kLeastSeconds = 1e-9;
  flags_ = {
      executable,
      fmt::format("--benchmark_min_time={}" SHIPYARD_MIN_TIME_UNIT, kLeastSeconds),
      "--benchmark_min_warmup_time=0",
      "--benchmark_repetitions=1",
      "--benchmark_enable_random_interleaving=false",
      "--benchmark_report_aggregates_only=false",
      "--benchmark_display_aggregates_only=false",
      "--benchmark_list_tests=false",
      "--benchmark_dry_run=false",
      "--benchmark_perf_counters=",
      "--benchmark_counters_tabular=true",
      "--benchmark_color=false",  // mpirun gives rank 0 a terminal of its own, whatever stands behind it
      std::string("--benchmark_format=") + format,
      "--benchmark_out=",
      "--benchmark_out_format=json"};
  std::vector<char*> argv;
  for (std::string& flag : flags_) argv.push_back(flag.data());
  int argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
}

std::string Leader::fabric_text() const {
  return findings_.fabric ? fabric_name(*findings_.fabric) : "unknown";
}

std::string Leader::transport_text() const {
  return describe_transport(transport_facts(leadership_.environment), leadership_.selection.between_nodes,
                            findings_.fabric);
}

std::string Leader::head() const {
  const auto& selection = leadership_.selection;
  return fmt::format("{} {}\n\n", program_.text.name, SHIPYARD_VERSION) +
         format_fact("MPI", fmt::format("{} (MPI {})", library_name(), standard_version())) +
         format_fact("ranks",
                     describe_ranks(leadership_.placement, static_cast<int>(selection.ranks.size()))) +
         (selection.description.empty() ? "" : format_fact(selection.title, selection.description)) +
         (kernel_to_probe()
              ? format_fact("transport", transport_text()) + format_fact("fabric", fabric_text())
              : std::string());
}

void Leader::add_context() {
  const auto& placement = leadership_.placement;
  const auto& selection = leadership_.selection;
  const auto add = [](const char* name, const std::string& value) {
    benchmark::AddCustomContext(name, value);
  };
  add("shipyard_version", SHIPYARD_VERSION);
  add("benchmark", program_.text.name);
  add("mpi_library", library_name());
  add("mpi_standard", standard_version());
  if (kernel_to_probe()) {
    add("mpi_transport", transport_text());
    add("fabric", fabric_text());
  }
  add("mpi_settings", mpi_settings(leadership_.environment));
  add("vm_size", vm_size(leadership_.environment));
  add("ranks", std::to_string(placement.size()));
  add("nodes", std::to_string(count_nodes(placement)));
  if (!selection.description.empty()) add(selection.title.c_str(), selection.description);
  add("measuring_ranks", fmt::format("{}", fmt::join(selection.ranks, ",")));
  std::vector<std::string> hosts;
  std::vector<std::string> cpus;
  for (const int rank : selection.ranks) {
    hosts.push_back(placement[static_cast<std::size_t>(rank)].host);
    cpus.push_back(format_cpus(placement[static_cast<std::size_t>(rank)].cpus));
  }
  add("measuring_hosts", fmt::format("{}", fmt::join(hosts, ",")));
  add("measuring_cpus", fmt::format("{}", fmt::join(cpus, ";")));
  add("load", describe_loads(placement, selection.ranks));
  std::vector<std::string> all_hosts;
  std::vector<std::string> all_cpus;
  for (const auto& rank : placement) {
    all_hosts.push_back(rank.host);
    all_cpus.push_back(format_cpus(rank.cpus));
  }
  add("rank_hosts", fmt::format("{}", fmt::join(all_hosts, ",")));
  add("rank_cpus", fmt::format("{}", fmt::join(all_cpus, ";")));
  auto notes = selection.notes;
  // Also where those that are too many sleep, and no figure is the worse for it.
  const std::string ranks = describe_ranks(placement, static_cast<int>(selection.ranks.size()));
  const auto tells = [](const std::string& note) { return note.find("oversubscribed") != std::string::npos; };
  if (tells(ranks) && std::none_of(notes.begin(), notes.end(), tells)) notes.push_back("ranks: " + ranks);
  if (!load_note_.empty()) notes.push_back(load_note_);
  add("notes", fmt::format("{}", fmt::join(notes, "; ")));
  add("measurements", std::to_string(all_));
  add("clock_cost_ns", fmt::format("{:.1f}", clock_cost_ns()));
  for (const auto& [name, value] : settings(program_.text.offers, options_)) add(name.c_str(), value);
  if (survey_) {
    for (const auto& [name, value] : survey_->context()) add(name.c_str(), value);
  }
}

/// Whether there is time for all that a size needs at least, where an iteration takes so long.
bool Leader::fits_the_time_limit(Seconds iteration) const {
  const double fewest =
      options_.warmup.value_or(0) + 2 + kFewestSamples + 2 + kFewestIterations;  // with their warm-up
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(fewest * iteration) <
         leadership_.deadline;
}

/// The pass in which each iteration is timed. In growing pieces, since on a busy machine a thousand
/// iterations can take a thousand times what the first few promised.
std::vector<double> Leader::sample(std::size_t kernel, std::int64_t bytes) {
  std::vector<double> samples;
  std::int64_t piece = kFewestSamples;
  const auto enough = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                         std::min(kSampleTime, options_.max_time / 2));
  while (piece > 0) {
    const auto more = crew_.sample({kernel, bytes, warmup_for(piece), piece});
    samples.insert(samples.end(), more.begin(), more.end());
    if (Clock::now() >= enough) break;
    piece = std::min(piece * 2, kMostSamples - static_cast<std::int64_t>(samples.size()));
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

/// Many iterations timed as one, until they come to the least time or this size has had the longest, of which
/// the samples have half. In pieces, since only between them is there a look at the clock.
Leader::Measured Leader::repeat(std::size_t kernel, std::int64_t bytes) {
  const auto end =
      std::min(leadership_.deadline,
               Clock::now() + std::chrono::duration_cast<Clock::duration>(options_.max_time / 2));
  constexpr Seconds kLeast{1e-9};
  // The samples' mean, not their median: on a busy machine it is the one that comes true.
  const double sampled = std::accumulate(samples_.begin(), samples_.end(), 0.0);
  Seconds each = std::max(kLeast, Seconds(1e-9 * sampled / static_cast<double>(samples_.size())));
  Measured all;
  do {
    const double missing = std::max((options_.min_time - all.time) / each,
                                    static_cast<double>(kFewestIterations - all.iterations));
    const double most = std::max(options_.min_time / 4 / each, static_cast<double>(kFewestIterations));
    const double in_time = (end - Clock::now()) / each;
    const auto piece =
        static_cast<std::int64_t>(std::max(1.0, std::ceil(std::min({missing, most, in_time}))));
    const Seconds time{crew_.time({kernel, bytes, warmup_for(piece), piece})};
    all.iterations += piece;
    all.time += time;
    each = std::max(kLeast, time / static_cast<double>(piece));
  } while ((all.time < options_.min_time || all.iterations < kFewestIterations) && Clock::now() < end);
  return all;
}

std::string Leader::name_of(const Kernel& kernel, std::int64_t bytes) {
  return fmt::format("{}/{}", kernel.name, bytes);
}

std::string Leader::describe(const Kernel& kernel, std::int64_t bytes) const {
  return program_.kernels.size() > 1 ? fmt::format("{} of {} bytes", kernel.name, bytes)
                                     : fmt::format("size {}", bytes);
}

void Leader::measure(benchmark::State& state, std::size_t index, std::int64_t bytes) {
  const Kernel& kernel = program_.kernels[index];
  const bool first = state.max_iterations == 1;  // else a time of 0, and Google Benchmark asks again
  if (first) {
    leadership_.progress = bytes;
    leadership_.tell(describe(kernel, bytes), done_++, all_);
    // Judged by the size before of the same kernel, which was smaller, then by one iteration of this one.
    if (!fits_the_time_limit(last_iteration_[index]) ||
        !fits_the_time_limit(Seconds(crew_.time({index, bytes, 0, 1})))) {
      left_out_.push_back(describe(kernel, bytes));
      state.SkipWithError("not measured: the time limit was reached");
      return;
    }
    if (options_.validate) validate(index, bytes);
    if (kernel.alone == nullptr) {
      warm_up(index, bytes);
      samples_ = sample(index, bytes);
    }
  }

  Seconds& each = last_iteration_[index];
  while (state.KeepRunningBatch(state.max_iterations)) {
    if (first) {
      const Measured measured =
          kernel.alone == nullptr
              ? repeat(index, bytes)
              : Measured{1, Seconds(1e-9 * crew_.alone({index, bytes}, options_.min_time))};
      iterations_[name_of(kernel, bytes)] = measured.iterations;
      each = measured.time / static_cast<double>(measured.iterations);
      if (kernel.alone != nullptr) samples_ = {1e9 * each.count()};
    }
    state.SetIterationTime(each.count() * kernel.time_scale * static_cast<double>(state.max_iterations));
  }
  count(state, kernel, bytes, 1e9 * each.count() * kernel.time_scale);
}

void Leader::count(benchmark::State& state, const Kernel& kernel, std::int64_t bytes, double mean_ns) {
  const auto at = [&](double percent) { return percentile(samples_, percent) * kernel.time_scale; };
  state.counters[kBytes] = static_cast<double>(bytes);
  state.counters[kSamples] = static_cast<double>(samples_.size());
  state.counters["min_ns"] = samples_.front() * kernel.time_scale;
  state.counters["max_ns"] = samples_.back() * kernel.time_scale;
  for (const double percent : {50.0, 90.0, 99.0, 99.9})
    state.counters[percentile_figure(percent)] = at(percent);
  for (const double percent : options_.percentiles) state.counters[percentile_figure(percent)] = at(percent);

  const auto messages = static_cast<double>(
      kernel.messages == nullptr
          ? 1
          : kernel.messages(static_cast<int>(leadership_.selection.ranks.size()), options_.window));
  const double median_ns = at(50);
  // Google Benchmark's CSV wants the same counters of every size.
  const auto per = [](double amount, double time_ns) { return time_ns > 0 ? amount / time_ns : 0; };
  const double moved = messages * static_cast<double>(bytes) * 1e3;
  state.counters["messages_per_s"] = per(messages * 1e9, mean_ns);
  state.counters[kBandwidth] = per(moved, median_ns);
  state.counters[kMeanBandwidth] = per(moved, mean_ns);
  KernelFindings& found = *std::find_if(findings_.kernels.begin(), findings_.kernels.end(),
                                        [&](const auto& one) { return one.kernel == kernel.name; });
  if (bytes > 0 && (!found.bandwidth_mb || per(moved, median_ns) > *found.bandwidth_mb)) {
    found.bandwidth_mb = per(moved, median_ns);
    found.bandwidth_bytes = bytes;
  }
  if (!found.latency_ns || bytes <= found.latency_bytes) {
    found.latency_ns = median_ns;
    found.latency_bytes = bytes;
  }
}

void Leader::validate(std::size_t index, std::int64_t bytes) {
  if (const auto wrong = crew_.count_wrong({index, bytes}); wrong > 0) {
    findings_.corrupted.push_back(
        fmt::format("{}, {} bytes: {} wrong", program_.kernels[index].name, bytes, wrong));
  }
}

std::vector<std::int64_t> Leader::sizes_of(const Kernel& kernel) const {
  if (!kernel.sized) return {0};
  std::vector<std::int64_t> sizes = sizes_for(program_, options_);
  std::erase_if(sizes, [&](std::int64_t bytes) {
    return bytes % kernel.granule != 0 || (bytes == 0 && kernel.granule > 1);
  });
  return sizes;
}

void Leader::register_kernels() {
  struct Piece {
    std::size_t kernel;
    std::int64_t bytes;
  };
  std::vector<Piece> pieces;
  for (std::size_t index = 0; index < program_.kernels.size(); ++index) {
    if (!options_.wants(program_.kernels[index].name)) continue;
    for (const std::int64_t bytes : sizes_of(program_.kernels[index])) pieces.push_back({index, bytes});
  }
  if (program_.by_size) {
    std::stable_sort(pieces.begin(), pieces.end(),
                     [](const Piece& a, const Piece& b) { return a.bytes < b.bytes; });
  }
  all_ = pieces.size();
  for (const auto& [index, bytes] : pieces) {
    const std::string name = name_of(program_.kernels[index], bytes);
    benchmark::RegisterBenchmark(name.c_str(), [this, index = index, bytes = bytes](
                                                   benchmark::State& state) { measure(state, index, bytes); })
        ->UseManualTime()
        ->Unit(benchmark::kNanosecond);
  }
}

void Leader::register_survey() {
  const auto names = survey_->names();
  all_ = names.size();
  for (std::size_t entry = 0; entry < names.size(); ++entry) {
    benchmark::RegisterBenchmark(
        names[entry].c_str(),
        [this, entry, name = names[entry],
         figures = std::optional<Figures>()](benchmark::State& state) mutable {
          // Google Benchmark asks again, with more iterations, until they come to its least time.
          if (state.max_iterations == 1) figures = survey_->measure(entry);
          if (!figures) {
            left_out_.push_back(name);
            state.SkipWithError("not measured: the time limit was reached");
            return;
          }
          while (state.KeepRunningBatch(state.max_iterations))
            state.SetIterationTime(figures->at("real_ns") * 1e-9 * static_cast<double>(state.max_iterations));
          for (const auto& [figure, value] : *figures) {
            if (figure != "real_ns") state.counters[figure] = value;
          }
        })
        ->UseManualTime()
        ->Unit(benchmark::kNanosecond);
  }
}

int Leader::run(const char* executable) {
  if (!load_note_.empty()) say(program_, "note", load_note_);
  initialize_google_benchmark(executable);
  find_fabric();
  if (survey_) survey_->prepare(findings_.fabric);
  for (const Kernel& kernel : program_.kernels) {
    if (survey_ || !options_.wants(kernel.name)) continue;
    if (sizes_of(kernel).empty()) {
      say(program_, "note",
          fmt::format("{}: not measured, since its sizes are multiples of {} above 0", kernel.name,
                      kernel.granule));
      continue;
    }
    findings_.kernels.push_back({.kernel = kernel.name, .both_ways = kernel.name == program_.both_ways});
  }
  if (!survey_ && findings_.kernels.empty()) {
    say(program_, "error", "--sizes: none of these can be measured");
    return kUsage;
  }
  survey_ ? register_survey() : register_kernels();
  add_context();

  TableReporter table(leadership_, head());
  HeadReporter only_head(head());
  benchmark::BenchmarkReporter* display = &table;
  if (survey_) display = &only_head;
  std::optional<WithoutContext> csv;
  if (options_.format == Format::kJson || options_.format == Format::kCsv)
    display = benchmark::CreateDefaultDisplayReporter();
  if (options_.format == Format::kCsv) display = &csv.emplace(*display);
  Reports reports(*display, options_.out_file, iterations_);
  benchmark::RunSpecifiedBenchmarks(&reports, nullptr, ".");
  benchmark::Shutdown();
  leadership_.progress_line.clear();
  if (!left_out_.empty() && left_out_.size() == all_) {
    say(program_, "error",
        fmt::format("the time limit of {:g} s was reached before anything was measured (see --time-limit)",
                    options_.time_limit.count()));
    return kFailure;
  }
  if (survey_ && options_.format == Format::kTable) print(survey_->text());

  if (!left_out_.empty()) {
    say(program_, "note",
        fmt::format("the time limit of {:g} s was reached before {}: {} not measured (see --time-limit)",
                    options_.time_limit.count(), left_out_.front(),
                    left_out_.size() == 1 ? "it was" : fmt::format("{} were", left_out_.size())));
  }
  auto lines = unmet(options_, findings_);
  if (survey_) {
    for (const auto& note : survey_->notes()) say(program_, "note", note);
    const auto more = survey_->complaints();
    lines.insert(lines.end(), more.begin(), more.end());
  }
  for (const auto& line : lines) say(program_, "error", line);
  if (reports.error()) {
    say(program_, "error", "--out " + reports.error()->message);
    return kFailure;
  }
  return lines.empty() ? kSuccess : kUnmet;
}

}  // namespace

void say(const Program& program, const char* kind, const std::string& text) {
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}: {}\n", program.text.name, kind, text);
}

void Leadership::tell(const std::string& doing, std::size_t done, std::size_t all) const {
  const auto now = Clock::now();
  progress_line.show(
      progress_text(fmt::format("{}: {}", program.text.name, doing), done, all, now - start, deadline - now));
}

int lead(const Leadership& leadership, const char* executable) { return Leader(leadership).run(executable); }

}  // namespace shipyard::bench
