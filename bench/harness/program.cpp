#include "bench/harness/program.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>

#include "bench/harness/mpi_facts.hpp"
#include "bench/harness/sizes.hpp"
#include "bench/harness/statistics.hpp"
#include "bench/harness/watchdog.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSuccess = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;

constexpr const char* kBytes = "bytes";
constexpr const char* kMedian = "median_ns";
constexpr const char* kMin = "min_ns";
constexpr const char* kP99 = "p99_ns";
constexpr const char* kMax = "max_ns";
constexpr const char* kSamples = "samples";
constexpr const char* kBandwidth = "bandwidth_MB_per_s";

/// How long the pass with a time stamp for each iteration goes on, and its bounds in iterations: enough for a
/// 99th percentile where messages are fast, few enough where one takes a second.
constexpr Seconds kSampleTime{0.05};
constexpr std::int64_t kFewestSamples = 5;
constexpr std::int64_t kMostSamples = 10'000;

/// Beyond the time limit, for what was under way when it came.
Seconds grace(const Options& options) { return std::max(Seconds{2}, options.time_limit / 2); }

void say(const Program& program, const char* kind, const std::string& text) {
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}: {}\n", program.name, kind, text);
}

/// True where this process is one of several, so that MPI_Init is needed to know which. Without a launcher,
/// `--help` and a wrong option are answered without MPI.
bool started_by_launcher() {
  constexpr std::array kMarks = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PMI_FD", "PMI_PORT"};
  for (const char* mark : kMarks) {
    if (std::getenv(mark) != nullptr) return true;
  }
  return false;
}

/// How far a run has come, for whoever wants to know where it hangs: the bytes of the message under way, or
/// one of these.
using Progress = std::atomic<std::int64_t>;
constexpr std::int64_t kStarting = -1;
constexpr std::int64_t kEnding = -2;

/// A way to end before anything is measured: what to print, where, and the exit status. The same on all
/// ranks.
struct Ending {
  int status = kSuccess;
  std::string text;
};

int end_with(const Program& program, const Ending& ending) {
  if (ending.status == kSuccess) {
    fmt::print("{}", ending.text);
    std::fflush(stdout);
  } else {
    say(program, "error", ending.text);
  }
  return ending.status;
}

std::optional<Ending> early_ending(const Program& program, const std::variant<Options, UsageError>& parsed) {
  if (const auto* error = std::get_if<UsageError>(&parsed)) return Ending{kUsage, error->message};
  const auto& options = std::get<Options>(parsed);
  if (options.help) return Ending{kSuccess, help_text(program.name, program.summary, program.figures)};
  if (options.version) {
    return Ending{kSuccess, fmt::format("{} ({} {})\n", program.name, "shipyard-mpirun", SHIPYARD_VERSION)};
  }
  return std::nullopt;
}

/// Collective: the message of the lowest rank that has one, on all ranks; empty if none has.
std::string agree_on_error(std::string mine) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  constexpr int kNobody = std::numeric_limits<int>::max();
  const int claim = mine.empty() ? kNobody : rank;
  int lowest = kNobody;
  MPI_Allreduce(&claim, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (lowest == kNobody) return {};
  if (rank == lowest && rank != 0) mine = fmt::format("rank {}: {}", rank, mine);
  int length = static_cast<int>(mine.size());
  MPI_Bcast(&length, 1, MPI_INT, lowest, MPI_COMM_WORLD);
  mine.resize(static_cast<std::size_t>(length));
  MPI_Bcast(mine.data(), length, MPI_CHAR, lowest, MPI_COMM_WORLD);
  return mine;
}

/// Collective: whether all ranks were given the same arguments (`mpirun -np 1 a : -np 1 b` can differ).
bool arguments_are_equal(const std::vector<std::string>& arguments) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const std::string& argument : arguments) {
    for (std::size_t i = 0; i <= argument.size();
         ++i) {  // with the final NUL, which keeps "a b" and "ab" apart
      hash = (hash ^ static_cast<unsigned char>(argument.c_str()[i])) * 1099511628211u;
    }
  }
  std::array<std::uint64_t, 2> mine = {hash, ~hash};
  std::array<std::uint64_t, 2> largest{};
  MPI_Allreduce(mine.data(), largest.data(), 2, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
  return largest[0] == ~largest[1];
}

/// What Google Benchmark makes of a run, as rows of our table.
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  TableReporter(const Table& table, const std::string& head) : table_(table), head_(head) {}

  bool ReportContext(const Context&) override {
    print(head_ + "\n" + format_head(table_));
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (!run.counters.contains(kSamples)) continue;  // left out: the note at the end says why
      Figures figures;
      for (const auto& [name, counter] : run.counters) figures[name] = counter.value;
      figures["iterations"] = static_cast<double>(run.iterations);
      figures["mean_ns"] = run.GetAdjustedRealTime();
      if (figures[kBytes] == 0) figures.erase(kBandwidth);
      print(format_row(table_, figures));
    }
  }

 private:
  static void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  const Table& table_;
  std::string head_;
};

/// Rank 0: Google Benchmark on top of the crew.
class Leader {
 public:
  Leader(const Program& program, const Options& options, const Selection& selection,
         const Placement& placement, Crew& crew, Clock::time_point start, Progress& progress)
      : program_(program),
        options_(options),
        selection_(selection),
        placement_(placement),
        crew_(crew),
        progress_(progress),
        deadline_(start + std::chrono::duration_cast<Clock::duration>(options.time_limit)) {}

  /// Returns the exit status.
  int run(const char* executable);

 private:
  void initialize_google_benchmark(const char* executable);
  void add_context();
  std::string head() const;
  void measure(benchmark::State& state, std::size_t kernel, std::int64_t bytes);
  Summary sample(std::size_t kernel, std::int64_t bytes);
  bool fits_the_time_limit() const;

  const Program& program_;
  const Options& options_;
  const Selection& selection_;
  const Placement& placement_;
  Crew& crew_;
  Progress& progress_;
  Clock::time_point deadline_;
  std::string transport_ = describe_transport(transport_facts(), selection_.between_nodes);
  std::vector<std::string> flags_;  ///< Google Benchmark keeps a pointer to the first.
  Seconds last_iteration_{0};
  Summary samples_;  ///< Of the size under way.
  std::vector<std::int64_t> left_out_;
};

void Leader::initialize_google_benchmark(const char* executable) {
  // Every flag that Google Benchmark also reads from the environment (BENCHMARK_REPETITIONS, …) and that
  // would change what is measured is given here, so that a run means the same everywhere. Flags that a
  // version lacks are ignored.
  flags_ = {
      executable,
      fmt::format("--benchmark_min_time={}" SHIPYARD_MIN_TIME_UNIT,
                  options_.min_time.count() * program_.time_scale),
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
      "--benchmark_format=" +
          std::string(options_.format == Format::kTable ? "console" : format_name(options_.format)),
      "--benchmark_out=" + options_.out_file,
      std::string("--benchmark_out_format=") + format_name(options_.out_format)};
  std::vector<char*> argv;
  for (std::string& flag : flags_) argv.push_back(flag.data());
  int argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
}

std::string Leader::head() const {
  return fmt::format("{} {}\n\n", program_.name, SHIPYARD_VERSION) +
         format_fact("MPI", fmt::format("{} (MPI {})", library_name(), standard_version())) +
         format_fact("ranks", describe_ranks(placement_, static_cast<int>(selection_.ranks.size()))) +
         format_fact(selection_.title, selection_.description) + format_fact("transport", transport_);
}

void Leader::add_context() {
  benchmark::AddCustomContext("shipyard_version", SHIPYARD_VERSION);
  benchmark::AddCustomContext("mpi_library", library_name());
  benchmark::AddCustomContext("mpi_standard", standard_version());
  benchmark::AddCustomContext("mpi_transport", transport_);
  benchmark::AddCustomContext("ranks", std::to_string(placement_.size()));
  benchmark::AddCustomContext("nodes", std::to_string(count_nodes(placement_)));
  benchmark::AddCustomContext(selection_.title, selection_.description);
  benchmark::AddCustomContext("measuring_ranks", fmt::format("{}", fmt::join(selection_.ranks, ",")));
  std::vector<std::string> hosts;
  std::vector<std::string> cpus;
  for (const int rank : selection_.ranks) {
    hosts.push_back(placement_[static_cast<std::size_t>(rank)].host);
    cpus.push_back(format_cpus(placement_[static_cast<std::size_t>(rank)].cpus));
  }
  benchmark::AddCustomContext("measuring_hosts", fmt::format("{}", fmt::join(hosts, ",")));
  benchmark::AddCustomContext("measuring_cpus", fmt::format("{}", fmt::join(cpus, ";")));
  benchmark::AddCustomContext("notes", fmt::format("{}", fmt::join(selection_.notes, "; ")));
  benchmark::AddCustomContext("clock_cost_ns", fmt::format("{:.1f}", clock_cost_ns()));
}

/// Whether there is time for one more size: judged by the size before, which was about half as large.
bool Leader::fits_the_time_limit() const {
  constexpr double kFewestIterations = 2 + kFewestSamples + 2 + 1;  // with their warm-up
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(2 * kFewestIterations * last_iteration_) <
         deadline_;
}

/// The pass in which each iteration is timed. In growing pieces, since on a busy machine a thousand
/// iterations can take a thousand times what the first few promised.
Summary Leader::sample(std::size_t kernel, std::int64_t bytes) {
  std::vector<double> samples;
  std::int64_t piece = kFewestSamples;
  const auto enough = Clock::now() + std::chrono::duration_cast<Clock::duration>(kSampleTime);
  while (piece > 0) {
    const std::vector<double> more =
        crew_.sample(kernel, bytes, std::clamp<std::int64_t>(piece / 10, 2, 100), piece);
    samples.insert(samples.end(), more.begin(), more.end());
    if (Clock::now() >= enough) break;
    piece = std::min(piece * 2, kMostSamples - static_cast<std::int64_t>(samples.size()));
  }
  return summarize(std::move(samples));
}

void Leader::measure(benchmark::State& state, std::size_t kernel, std::int64_t bytes) {
  const auto iterations = static_cast<std::int64_t>(state.max_iterations);
  if (iterations == 1) {  // Google Benchmark asks for 1, 10, 100, … until the time is long enough
    if (!fits_the_time_limit()) {
      left_out_.push_back(bytes);
      state.SkipWithError("not measured: the time limit was reached");
      return;
    }
    progress_ = bytes;
    samples_ = sample(kernel, bytes);
  }

  double seconds = 0;
  while (state.KeepRunningBatch(state.max_iterations)) {
    seconds = crew_.time(kernel, bytes, std::clamp<std::int64_t>(iterations / 10, 2, 100), iterations);
    state.SetIterationTime(seconds * program_.time_scale);
  }
  last_iteration_ = Seconds(seconds / static_cast<double>(iterations));

  const double median_ns = samples_.median * program_.time_scale;
  state.counters[kBytes] = static_cast<double>(bytes);
  state.counters[kBandwidth] = median_ns > 0 ? static_cast<double>(bytes) * 1e3 / median_ns : 0;
  state.counters[kMedian] = median_ns;
  state.counters[kMin] = samples_.min * program_.time_scale;
  state.counters[kP99] = samples_.p99 * program_.time_scale;
  state.counters[kMax] = samples_.max * program_.time_scale;
  state.counters[kSamples] = static_cast<double>(samples_.count);
}

int Leader::run(const char* executable) {
  initialize_google_benchmark(executable);
  add_context();
  const std::vector<std::int64_t> sizes = size_series(options_.min_bytes, options_.max_bytes);
  for (std::size_t kernel = 0; kernel < program_.kernels.size(); ++kernel) {
    for (const std::int64_t bytes : sizes) {
      const std::string name = fmt::format("{}/{}", program_.kernels[kernel].name, bytes);
      benchmark::RegisterBenchmark(
          name.c_str(), [this, kernel, bytes](benchmark::State& state) { measure(state, kernel, bytes); })
          ->UseManualTime()
          ->Unit(benchmark::kNanosecond);
    }
  }

  TableReporter table(program_.table, head());
  benchmark::BenchmarkReporter* display = &table;
  if (options_.format != Format::kTable) display = benchmark::CreateDefaultDisplayReporter();
  benchmark::RunSpecifiedBenchmarks(display, nullptr, ".");
  benchmark::Shutdown();

  if (left_out_.empty()) return kSuccess;
  say(program_, "note",
      fmt::format("the time limit of {:g} s was reached before size {}: {} not measured (see --time-limit)",
                  options_.time_limit.count(), left_out_.front(),
                  left_out_.size() == 1 ? "one size" : fmt::format("{} sizes", left_out_.size())));
  return kSuccess;
}

/// Google Benchmark calls exit() where it cannot go on (a report that cannot be written): the others are not
/// to wait.
Crew* crew_at_exit = nullptr;

void dismiss_at_exit() {
  if (crew_at_exit == nullptr) return;
  crew_at_exit->dismiss();
  MPI_Finalize();
}

/// Empty if the report can be written; creates the file.
std::string report_problem(const Options& options) {
  if (options.out_file.empty()) return {};
  errno = 0;
  std::FILE* file = std::fopen(options.out_file.c_str(), "a");
  if (file == nullptr) return fmt::format("--benchmark_out={}: {}", options.out_file, std::strerror(errno));
  std::fclose(file);
  return {};
}

/// What the watchdog says when MPI never came back.
std::string hang_report(const Options& options, std::int64_t progress) {
  std::string where = fmt::format("at {} bytes", progress);
  if (progress == kStarting) where = "before the first measurement";
  if (progress == kEnding) where = "after the last measurement";
  return fmt::format(
      "no end in sight {:g} s after the time limit of {:g} s: MPI did not return {}\n"
      "hint: a rank may have stopped, or MPI may have chosen a network on which the ranks do not\n"
      "      reach each other, such as a container bridge; with Open MPI, name the right one in\n"
      "      btl_tcp_if_include",
      grace(options).count(), options.time_limit.count(), where);
}

/// Everything between MPI_Init and MPI_Finalize.
int run_in_mpi(const Program& program, const char* executable, const std::vector<std::string>& arguments,
               const std::variant<Options, UsageError>& parsed, Progress& progress) {
  const auto start = Clock::now();
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const bool is_leader = rank == 0;
  const auto end = [&](const Ending& ending) {
    return is_leader ? end_with(program, ending) : ending.status;
  };

  const auto* wrong = std::get_if<UsageError>(&parsed);
  if (const std::string error = agree_on_error(wrong == nullptr ? "" : wrong->message); !error.empty()) {
    return end({kUsage, error});
  }
  if (!arguments_are_equal(arguments)) return end({kUsage, "the ranks were given different options"});
  if (const auto ending = early_ending(program, parsed)) return end(*ending);

  const auto& options = std::get<Options>(parsed);
  const Placement placement = gather_placement();
  const auto selected = program.select(placement, options);
  if (const auto* error = std::get_if<UsageError>(&selected)) return end({kUsage, error->message});
  const auto& selection = std::get<Selection>(selected);
  if (const std::string error = agree_on_error(is_leader ? report_problem(options) : ""); !error.empty()) {
    return end({kUsage, error});
  }

  Crew crew(program.kernels, selection.ranks, options.max_bytes);
  if (!is_leader) {
    crew.work();
    return kSuccess;
  }
  for (const std::string& note : selection.notes) say(program, "note", note);
  crew_at_exit = &crew;
  std::atexit(dismiss_at_exit);
  Leader leader(program, options, selection, placement, crew, start, progress);
  const int status = leader.run(executable);
  progress = kEnding;
  crew.dismiss();
  crew_at_exit = nullptr;
  return status;
}

}  // namespace

int run_program(int argc, char** argv, const Program& program) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::variant<Options, UsageError> parsed = parse_options(arguments);
  if (!started_by_launcher()) {
    if (const auto ending = early_ending(program, parsed)) return end_with(program, *ending);
  }

  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);  // the watchdog's thread calls no MPI
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  Progress progress = kStarting;
  std::optional<Watchdog> watchdog;
  if (rank == 0) {
    const auto* given = std::get_if<Options>(&parsed);
    const Options options = given != nullptr ? *given : Options{};
    watchdog.emplace(options.time_limit + grace(options), [&program, &progress, options] {
      say(program, "error", hang_report(options, progress));
      _exit(kFailure);  // not MPI_Abort: MPI is what hangs, on another thread; mpirun ends the others
    });
  }

  int status = kFailure;
  try {
    status = run_in_mpi(program, argv[0], arguments, parsed, progress);
  } catch (const std::exception& error) {
    say(program, "error", fmt::format("rank {}: {}", rank, error.what()));
    MPI_Abort(MPI_COMM_WORLD, kFailure);
  }
  MPI_Finalize();
  return status;
}

}  // namespace shipyard::bench
