#include "bench/compare/compare_tool.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <utility>

#include "base/documents.hpp"
#include "base/file.hpp"
#include "base/shell_quote.hpp"
#include "base/signals.hpp"
#include "base/terminal.hpp"
#include "bench/compare/compare_options.hpp"
#include "bench/compare/comparison_text.hpp"
#include "bench/harness/launch.hpp"
#include "bench/harness/progress_line.hpp"

namespace shipyard::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

enum ExitStatus { kNotWorse = 0, kWorse = 1, kUsage = 2, kLaunchFailed = 3, kTooFew = 4 };

enum class Side { kA, kB };

/// Reports of both sides, as far as there are any.
struct Reports {
  std::vector<Report> a;
  std::vector<Report> b;

  [[nodiscard]] std::vector<Report>& of(Side side) { return side == Side::kA ? a : b; }
};

Result<std::vector<Report>> read_reports(const std::vector<std::string>& files) {
  std::vector<Report> reports;
  for (const auto& file : files) {
    const auto text = read_file(file);
    if (!text) return text.error();
    auto report = parse_report(*text, file);
    if (!report) return report.error();
    reports.push_back(*std::move(report));
  }
  return reports;
}

/// A file that is given twice, by this name or another, would count as two launches.
Status each_once(const CompareOptions& options) {
  std::map<std::pair<dev_t, ino_t>, std::string> seen;
  for (const auto* files : {&options.files_a, &options.files_b}) {
    for (const auto& file : *files) {
      struct stat status = {};
      if (stat(file.c_str(), &status) != 0) continue;  // reading says why
      const auto [first, is_new] = seen.try_emplace({status.st_dev, status.st_ino}, file);
      if (is_new) continue;
      return input_error(
          first->second == file
              ? fmt::format("{} is given twice, and a launch counts once", file)
              : fmt::format("{} and {} are one file, and a launch counts once", first->second, file));
    }
  }
  return Ok{};
}

std::string name_files(const std::vector<std::string>& files) {
  if (files.size() == 1) return files[0];
  return files.front() + " … " + files.back();
}

/// A failure of the tool as a whole; what is not of a launch ends it with kUsage.
struct Failure {
  Error error;
  bool of_launch = false;
  std::string words = {};  ///< of the launch
};

/// Launches two commands by turns.
class Rounds {
 public:
  Rounds(const CompareOptions& options, const Environment& environment, std::ostream& errors)
      : options_(options),
        environment_(environment),
        progress_line_(errors, environment),
        signals_{SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT} {
    become_subreaper();
  }

  /// Runs all, or until one fails. What was measured until then is in reports().
  std::optional<Failure> run() {
    if (auto status = prepare_directory(); !status) return Failure{status.error()};
    for (int round = 1; round <= options_.launches; ++round) {
      // The order changes: what drifts would always favour the first otherwise.
      const bool a_first = round % 2 == 1;
      for (const Side side : {a_first ? Side::kA : Side::kB, a_first ? Side::kB : Side::kA}) {
        progress_line_.show(progress(round, side));
        auto failure = run_one(round, side);
        progress_line_.clear();
        if (failure) return failure;
      }
      if (round == 1) {
        if (auto failure = look_at_first_round()) return failure;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] const Reports& reports() const { return reports_; }
  /// The signal that asked this process to end; 0: none.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  Status prepare_directory() const {
    if (options_.keep.empty()) return Ok{};
    std::error_code failure;
    fs::create_directories(options_.keep, failure);
    if (failure) return system_error("cannot make the directory " + options_.keep, failure.value());
    const bool empty = fs::is_empty(options_.keep, failure);
    if (failure) return system_error("cannot read the directory " + options_.keep, failure.value());
    // Reports of two comparisons in one directory would be compared as one.
    if (!empty) return input_error(fmt::format("--keep {}: not empty", options_.keep));
    return Ok{};
  }

  std::optional<Failure> run_one(int round, Side side) {
    const std::string letter = side == Side::kA ? "A" : "B";
    const std::string name = fmt::format("launch {} of {}", round, letter);
    const auto start = Clock::now();
    auto launched = launch(side == Side::kA ? options_.command_a : options_.command_b, environment_,
                           options_.timeout, signals_);
    if (!launched) {
      launched.error().message = name + ": " + launched.error().message;
      return Failure{launched.error(), true};
    }
    time_ += Clock::now() - start;
    ++launches_;
    const std::string stem = fmt::format("{}/{}-{:0{}}", options_.keep, letter, round,
                                         std::max<std::size_t>(2, std::to_string(options_.launches).size()));
    if (auto kept = keep(stem + ".stderr", launched->errors); !kept) return Failure{kept.error()};
    if (launched->end == Launch::End::kInterrupted) signal_ = launched->signal;
    if (auto why = what_went_wrong(*launched, options_.timeout); !why.empty()) {
      // Not as a report: it may be half of one.
      if (auto kept = keep(stem + ".failed", launched->output); !kept) return Failure{kept.error()};
      return Failure{{Error::Code::kSystem, name + ": " + why, {}, {}}, true, last_words(launched->errors)};
    }
    auto report = parse_report(launched->output, name);
    if (auto kept = keep(stem + (report ? ".json" : ".failed"), launched->output); !kept)
      return Failure{kept.error()};
    if (!report) {
      report.error().hint =
          "the command prints a report and nothing else on its standard output, by --format json";
      return Failure{report.error(), true, last_words(launched->errors)};
    }
    reports_.of(side).push_back(*std::move(report));
    return std::nullopt;
  }

  Status keep(const std::string& path, const std::string& content) const {
    if (options_.keep.empty() || content.empty()) return Ok{};
    return write_file_atomically(path, content, 0644);
  }

  /// What cannot be compared, or told from so many launches, is known now: hours earlier than at the end.
  [[nodiscard]] std::optional<Failure> look_at_first_round() const {
    const auto first = compare(reports_.a, reports_.b, options_.question);
    if (!first) return Failure{first.error()};
    if (options_.launches >= first->launches_needed) return std::nullopt;
    return Failure{input_error(fmt::format(
        "--launches {}: nothing can be told from so few about {} sizes at alpha {:g}; {} are needed",
        options_.launches, first->sizes.size(), options_.question.alpha, first->launches_needed))};
  }

  [[nodiscard]] std::string progress(int round, Side side) const {
    const char* letter = side == Side::kA ? "A" : "B";
    std::string text = fmt::format("launch {} of {} of {}", round, options_.launches, letter);
    if (launches_ > 0) {
      const double each = std::chrono::duration<double>(time_).count() / launches_;
      text += fmt::format(", about {:.0f} s left", each * (2 * options_.launches - launches_));
    }
    return text;
  }

  const CompareOptions& options_;
  const Environment& environment_;
  ProgressLine progress_line_;
  SignalDescriptor signals_;
  Reports reports_;
  Clock::duration time_{0};  ///< of all launches so far
  int launches_ = 0;
  int signal_ = 0;
};

class Tool {
 public:
  Tool(const CompareOptions& options, const Environment& environment, std::ostream& output,
       std::ostream& errors)
      : options_(options),
        environment_(environment),
        output_(output),
        errors_(errors),
        messages_(errors, "bench-compare", environment) {}

  int run() { return options_.runs_commands() ? run_commands() : read_files(); }

 private:
  int read_files() {
    if (auto status = each_once(options_); !status) return fail(status.error());
    auto a = read_reports(options_.files_a);
    if (!a) return fail(a.error());
    auto b = read_reports(options_.files_b);
    if (!b) return fail(b.error());
    return report({*std::move(a), *std::move(b)},
                  {name_files(options_.files_a), name_files(options_.files_b)});
  }

  int run_commands() {
    int signal = 0;
    const int status = [&] {
      Rounds rounds(options_, environment_, errors_);
      const auto failure = rounds.run();
      signal = rounds.signal();
      if (failure) {
        messages_.error(failure->error);
        errors_ << failure->words << std::flush;
        if (!failure->of_launch) return static_cast<int>(kUsage);
      }
      if (rounds.reports().a.empty() || rounds.reports().b.empty()) return static_cast<int>(kLaunchFailed);
      const int told =
          report(rounds.reports(), {shell_quote(options_.command_a), shell_quote(options_.command_b)});
      if (!options_.keep.empty())
        messages_.note(
            fmt::format("again: bench-compare {0}/A-*.json -- {0}/B-*.json", shell_quote(options_.keep)));
      return failure ? static_cast<int>(kLaunchFailed) : told;
    }();
    if (signal != 0) die_by_signal(signal);
    return status;
  }

  int report(const Reports& reports, const Sides& sides) {
    const auto comparison = compare(reports.a, reports.b, options_.question);
    if (!comparison) return fail(comparison.error());
    output_ << (options_.json ? comparison_json(*comparison, sides) : format_comparison(*comparison, sides))
            << std::flush;
    if (!output_) return fail(Error{Error::Code::kSystem, "cannot write to standard output", {}, {}});
    if (!comparison->decidable()) return kTooFew;
    return comparison->count(Verdict::kSlower) > 0 ? kWorse : kNotWorse;
  }

  int fail(const Error& error) {
    messages_.error(error);
    return kUsage;
  }

  const CompareOptions& options_;
  const Environment& environment_;
  std::ostream& output_;
  std::ostream& errors_;
  Messages messages_;
};

}  // namespace

int run_compare(const std::vector<std::string>& arguments, const Environment& environment,
                std::ostream& output, std::ostream& errors) {
  if (asks_for_documents(arguments))
    return print_documents("bench-compare", {compare_command_line()}, arguments, output, errors);
  const auto options = parse_compare_options(arguments);
  if (!options) {
    Messages(errors, "bench-compare", environment).error(options.error());
    return kUsage;
  }
  if (options->help || options->version) {
    output << (options->help ? help_text(compare_command_line())
                             : fmt::format("bench-compare {}\n", SHIPYARD_VERSION))
           << std::flush;
    return output ? 0 : kUsage;
  }
  return Tool(*options, environment, output, errors).run();
}

}  // namespace shipyard::bench
