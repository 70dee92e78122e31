#include "bench/launch/launch_tool.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>
#include <ostream>
#include <thread>
#include <utility>

#include "base/documents.hpp"
#include "base/file.hpp"
#include "base/shell_quote.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "base/terminal.hpp"
#include "bench/harness/launch.hpp"
#include "bench/harness/mpi_environment.hpp"
#include "bench/harness/progress_line.hpp"
#include "bench/launch/launch_options.hpp"
#include "bench/launch/launch_report.hpp"
#include "bench/launch/machine.hpp"
#include "bench/launch/probe.hpp"
#include "bench/launch/schedule.hpp"

namespace shipyard::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

enum ExitStatus { kMeasured = 0, kFailed = 1, kWrongOption = 2 };

constexpr const char* kLauncher = "shipyard-mpirun";

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

/// Of all processes that came from this one and have ended.
std::int64_t cpu_time_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto nanoseconds = [](const timeval& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_usec * 1000;
  };
  return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

std::string date_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm time{};
  localtime_r(&seconds, &time);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%FT%T%z", &time);
  std::string date = text.data();
  return date.size() > 2 ? date.insert(date.size() - 2, ":") : date;
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// From PATH; else beside this program, or where the build and an installation have it.
Result<std::string> find_launcher(const Environment& environment) {
  if (auto found = find_program(kLauncher, environment)) return std::string(kLauncher);
  for (const char* directory : {"", "/../bin", "/../../../bin"}) {
    const auto path = (fs::path(environment.executable_directory + directory) / kLauncher).lexically_normal();
    if (auto found = find_program(path.string(), environment)) return path.string();
  }
  return Error{Error::Code::kNotFound,
               fmt::format("{} is neither in PATH nor beside this program", kLauncher),
               "name another launcher: launch -- mpirun -np {ranks}",
               {}};
}

/// Empty if the report can be written; creates the file.
std::string report_problem(const std::string& path) {
  if (path.empty()) return {};
  std::FILE* file = std::fopen(path.c_str(), "a");
  if (file == nullptr) return fmt::format("--out {}: {}", path, error_words(errno));
  std::fclose(file);
  return {};
}

/// What ended a run early.
struct Failure {
  Error error;
  std::string words = {};  ///< the command, and the last that was heard of it
};

class Run {
 public:
  Run(const LaunchOptions& options, const std::vector<Count>& counts, const std::string& program,
      const Environment& environment, std::ostream& errors)
      : options_(options),
        program_(program),
        environment_(environment),
        progress_line_(errors, environment),
        signals_{SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT},
        turns_(plan_turns(options, counts.size())),
        counts_(counts) {
    become_subreaper();
    for (const Count& count : counts) measured_.push_back({count, {}});
  }

  /// Launches all, or until one fails or the time is over. What was measured until then is in measured().
  std::optional<Failure> run() {
    for (const Turn& turn : turns_) {
      if (elapsed() >= options_.time_limit) break;
      progress_line_.show(progress(turn));
      auto failure = launch_once(turn);
      progress_line_.clear();
      if (failure) {
        kill_all_descendants();  // a launcher that has failed may leave its ranks
        return failure;
      }
      reap_orphans(0);
    }
    return std::nullopt;
  }

  [[nodiscard]] const std::vector<Measured>& measured() const { return measured_; }
  /// How many launches were left out.
  [[nodiscard]] std::size_t left() const { return turns_.size() - taken_.size(); }
  [[nodiscard]] std::size_t all() const { return turns_.size(); }
  /// The signal that asked this process to end; 0: none.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  [[nodiscard]] Seconds elapsed() const { return Clock::now() - begin_; }

  [[nodiscard]] std::string progress(const Turn& turn) const {
    std::string text = "launch: " + describe(turn, counts_, options_);
    if (const auto left = time_left(turns_, taken_))
      text += fmt::format(", about {:.0f} s left",
                          std::min(*left, std::max(Seconds{0}, options_.time_limit - elapsed())).count());
    return text;
  }

  std::optional<Failure> launch_once(const Turn& turn) {
    auto command = counts_[turn.count].command;
    command.push_back(program_);
    command.emplace_back(kProbeWord);
    const auto fail = [&](Error error, const Launch& launched) {
      error.message = describe(turn, counts_, options_) + ": " + error.message;
      const auto words = last_words(launched.errors);
      return Failure{std::move(error), fmt::format("  $ {}\n", shell_quote(command)) +
                                           (words.empty() ? last_words(launched.output) : words)};
    };

    const std::int64_t cpu = cpu_time_of_children();
    LaunchTimes times{.begin = now()};
    const auto launched = launch(command, environment_, options_.timeout, signals_);
    times.end = now();
    times.cpu = cpu_time_of_children() - cpu;
    if (!launched) return fail(launched.error(), {});
    if (launched->end == Launch::End::kInterrupted) signal_ = launched->signal;
    if (auto why = what_went_wrong(*launched, options_.timeout); !why.empty())
      return fail({Error::Code::kSystem, std::move(why), {}, {}}, *launched);
    const auto facts = find_probe_line(launched->output);
    if (!facts) return fail(facts.error(), *launched);
    taken_.push_back(std::chrono::nanoseconds(times.end - times.begin));
    if (turn.counts) measured_[turn.count].samples.push_back(make_sample(times, *facts, machine_));
    return std::nullopt;
  }

  const LaunchOptions& options_;
  const std::string& program_;
  const Environment& environment_;
  ProgressLine progress_line_;
  SignalDescriptor signals_;
  std::vector<Turn> turns_;
  const std::vector<Count>& counts_;
  std::vector<Measured> measured_;
  std::vector<Seconds> taken_;  ///< by the turns so far
  Clock::time_point begin_ = Clock::now();
  std::string machine_ = boot_id();
  int signal_ = 0;
};

class Tool {
 public:
  Tool(const LaunchOptions& options, const Environment& environment, std::ostream& output,
       std::ostream& errors)
      : options_(options),
        environment_(environment),
        output_(output),
        errors_(errors),
        messages_(errors, "launch", environment) {}

  int run() {
    if (started_by_launcher(environment_))
      return fail(kWrongOption,
                  input_error("mpirun has started this, and it starts mpirun itself",
                              "leave mpirun away, or put it behind: launch -- mpirun -np {ranks}"));
    std::string launcher;
    if (options_.command.empty()) {
      const auto found = find_launcher(environment_);
      if (!found) return fail(kFailed, found.error());
      launcher = *found;
    }
    const auto counts = plan_counts(options_, launcher, environment_);
    if (!counts) return fail(kWrongOption, counts.error());
    std::error_code failure;
    const std::string program = fs::read_symlink("/proc/self/exe", failure).string();
    if (failure) return fail(kFailed, system_error("cannot read /proc/self/exe", failure.value()));
    if (const auto problem = report_problem(options_.out_file); !problem.empty())
      return fail(kWrongOption, input_error(problem));

    LaunchReport report = describe_run(program, command_pattern(options_, launcher));
    int signal = 0;
    const int status = measure(*counts, program, report, signal);
    if (signal != 0) die_by_signal(signal);
    return status;
  }

 private:
  [[nodiscard]] LaunchReport describe_run(const std::string& program,
                                          std::vector<std::string> pattern) const {
    LaunchReport report{.date = date_now(),
                        .host = host_name(),
                        .executable = program,
                        .cpus = static_cast<int>(std::thread::hardware_concurrency()),
                        .mpi_settings = mpi_settings(environment_),
                        .vm_size = vm_size(environment_),
                        .pattern = std::move(pattern),
                        .launches = options_.launches,
                        .warmup = options_.warmup};
    report.load.resize(3);
    report.load.resize(static_cast<std::size_t>(std::max(0, getloadavg(report.load.data(), 3))));
    return report;
  }

  int measure(const std::vector<Count>& counts, const std::string& program, LaunchReport& report,
              int& signal) {
    Run run(options_, counts, program, environment_, errors_);
    const auto failure = run.run();
    signal = run.signal();
    report.counts = run.measured();
    if (run.left() > 0)
      report.left_out =
          fmt::format("{} of {} launches left out {}", run.left(), run.all(),
                      failure ? std::string("after a failure")
                              : fmt::format("at the time limit of {:g} s", options_.time_limit.count()));
    int status = failure ? kFailed : kMeasured;
    if (!report.is_empty()) {
      for (const auto& note : notes_on(report.counts)) messages_.note(note);
      if (const auto written = write(report); !written) status = fail(kFailed, written.error());
    }
    if (failure) {
      messages_.error(failure->error);
      errors_ << failure->words << std::flush;
    } else if (report.is_empty()) {
      return fail(kFailed,
                  Error{Error::Code::kSystem,
                        fmt::format("no launch that counts within the time limit of {:g} s (--time-limit)",
                                    options_.time_limit.count()),
                        {},
                        {}});
    } else if (run.left() > 0) {
      messages_.note(report.left_out + " (--time-limit)");
    }
    return status;
  }

  Status write(const LaunchReport& report) {
    if (options_.format == Format::kJson) {
      output_ << launch_json(report);
    } else {
      output_ << (options_.format == Format::kCsv ? launch_csv(report) : launch_table(report));
    }
    output_ << std::flush;
    if (!output_) return Error{Error::Code::kSystem, "cannot write to standard output", {}, {}};
    if (options_.out_file.empty()) return Ok{};
    return write_file_atomically(options_.out_file, launch_json(report), 0644);
  }

  int fail(int status, const Error& error) {
    messages_.error(error);
    return status;
  }

  const LaunchOptions& options_;
  const Environment& environment_;
  std::ostream& output_;
  std::ostream& errors_;
  Messages messages_;
};

}  // namespace

int run_launches(const std::vector<std::string>& arguments, const Environment& environment,
                 std::ostream& output, std::ostream& errors) {
  if (asks_for_documents(arguments))
    return print_documents("launch", {launch_command_line()}, arguments, output, errors);
  const auto options = parse_launch_options(arguments);
  if (!options) {
    Messages(errors, "launch", environment).error(options.error());
    return kWrongOption;
  }
  if (options->help || options->version) {
    output << (options->help ? help_text(launch_command_line())
                             : fmt::format("launch (shipyard-mpirun {})\n", SHIPYARD_VERSION))
           << std::flush;
    return output ? kMeasured : kFailed;
  }
  return Tool(*options, environment, output, errors).run();
}

}  // namespace shipyard::bench
