#include "bench/compare/compare_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bench/compare/rank_test.hpp"
#include "bench/harness/options.hpp"

namespace shipyard::bench {
namespace {

constexpr const char* kEpilogue =
    R"(A launch counts once, however often it measures: what one launch repeats is much
more alike than what two launches do. For each size:

  A, B   median of the launches' figures
  B/A    how many times A's figure B's is (Hodges and Lehmann: median of the
         ratios of each launch of B to each of A), and the interval that covers
         it at 1 - alpha, for this size alone
  p      exact Mann-Whitney U test, two-sided, with Holm's correction for the
         number of sizes; B is slower or faster where it is below alpha

A command prints the suite's report on its standard output, so it says
--format json itself; nothing is added to it. They run by turns, A B, B A, A B,
so that a machine that grows slower favours neither. A command that has a '--'
of its own goes into a script.

Examples:
  bench-compare --launches 10 --keep runs -- \
      mpirun -np 2 pingpong --format json -- \
      mpirun -np 2 --mca btl tcp,self pingpong --format json
  bench-compare runs/A-*.json -- runs/B-*.json
  bench-compare --figure bandwidth_MB_per_s old/*.json -- new/*.json

Exit status: 0 B is worse at no size; 1 B is worse at a size; 2 wrong option or
unusable report; 3 a launch failed; 4 too few launches to tell.
)";

Error with_help(std::string message) { return input_error(std::move(message), "Try 'bench-compare --help'"); }

/// The words between separators: nothing of it is read.
std::vector<std::vector<std::string>> split(const std::vector<std::string>& words) {
  std::vector<std::vector<std::string>> parts(1);
  for (const auto& word : words) {
    if (word == "--") {
      parts.emplace_back();
    } else {
      parts.back().push_back(word);
    }
  }
  return parts;
}

Result<double> parse_alpha(const ParsedCommandLine::Value& value) {
  double alpha = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, failure] = std::from_chars(value.text.data(), end, alpha);
  if (failure != std::errc{} || stop != end || !(alpha >= 1e-6 && alpha <= 0.5))
    return input_error(
        fmt::format("{} '{}': a number from 0.000001 to 0.5 expected", value.origin, value.text));
  return alpha;
}

Status read_question(const ParsedCommandLine& parsed, CompareOptions& options) {
  if (const auto value = parsed.get("figure")) options.question.figure = value->text;
  if (const auto value = parsed.get("alpha")) {
    const auto alpha = parse_alpha(*value);
    if (!alpha) return alpha.error();
    options.question.alpha = *alpha;
  }
  if (const auto value = parsed.get("better")) {
    if (value->text != "less" && value->text != "more")
      return input_error(fmt::format("--better '{}' is not among: less, more", value->text));
    options.question.better = value->text == "less" ? Better::kLess : Better::kMore;
  }
  if (const auto value = parsed.get("format")) {
    if (value->text != "table" && value->text != "json")
      return input_error(fmt::format("--format '{}' is not among: table, json", value->text));
    options.json = value->text == "json";
  }
  return Ok{};
}

Status read_launching(const ParsedCommandLine& parsed, CompareOptions& options) {
  if (const auto value = parsed.get("launches")) {
    const auto launches = parse_number(*value, 1, 1000);
    if (!launches) return launches.error();
    options.launches = *launches;
  }
  if (const auto value = parsed.get("timeout")) {
    const auto seconds = parse_time(value->text, "s");
    if (!seconds || *seconds < 0.001 || *seconds > 1e6)
      return input_error(
          fmt::format("--timeout '{}': a time above 0, such as 90s or 5m, expected", value->text));
    options.timeout = std::chrono::milliseconds(static_cast<long>(*seconds * 1e3));
  }
  if (const auto value = parsed.get("keep")) {
    if (value->text.empty()) return input_error("--keep: the name of a directory expected");
    options.keep = value->text;
  }
  return Ok{};
}

Status read_sides(const ParsedCommandLine& parsed, const std::vector<std::vector<std::string>>& parts,
                  CompareOptions& options) {
  const auto& operands = parsed.operands;
  if (operands.empty() && parts.size() > 1) {  // -- COMMAND_A -- COMMAND_B
    if (parts.size() > 3)
      return input_error(
          fmt::format("there are {} '--', and two belong before the two commands", parts.size() - 1),
          "a command that has a '--' of its own goes into a script");
    if (parts.size() < 3 || parts[1].empty() || parts[2].empty())
      return with_help("two commands expected: -- COMMAND_A -- COMMAND_B");
    options.command_a = parts[1];
    options.command_b = parts[2];
    return Ok{};
  }
  for (const char* name : {"launches", "timeout", "keep"}) {
    if (parsed.has(name))
      return with_help(fmt::format("--{} goes with two commands: -- COMMAND_A -- COMMAND_B", name));
  }
  if (parts.size() > 2 || (parts.size() == 2 && parts[1].empty()))
    return with_help("A's reports, '--' and B's reports expected");
  if (parts.size() == 2) {
    options.files_a = operands;
    options.files_b = parts[1];
  } else if (operands.size() == 2) {
    options.files_a = {operands[0]};
    options.files_b = {operands[1]};
  } else if (operands.size() < 2) {
    return with_help("two reports or two commands expected");
  } else {
    return with_help(fmt::format("{} reports, and no '--' between A's and B's", operands.size()));
  }
  return Ok{};
}

}  // namespace

CommandLineSpec compare_command_line() {
  CommandLineSpec spec{
      .tool = "bench-compare",
      .usage =
          "[OPTION…] A.json… [--] B.json…\n"
          "       bench-compare [OPTION…] -- COMMAND_A -- COMMAND_B",
      .sentence = "Says at which sizes B is slower or faster than A, from many launches of each.",
      .groups = {},
      .operands = CommandLineSpec::Operands::kAny,
      .epilogue = kEpilogue};
  spec.groups.push_back({"What is compared",
                         {{.name = "figure",
                           .value = "NAME",
                           .help = "One of the report: real_time, p99_ns, bandwidth_MB_per_s.",
                           .default_text = "p50_ns"},
                          {.name = "better",
                           .value = "less|more",
                           .help = "Which is better.",
                           .default_text = "more of what ends in _per_s or _per_second, else less"},
                          {.name = "alpha",
                           .value = "P",
                           .help = "The chance that a size is called different though none is.",
                           .default_text = "0.05"}}});
  spec.groups.push_back({"Launches of commands",
                         {{.name = "launches",
                           .letter = 'n',
                           .value = "N",
                           .help = "So many of each command.",
                           .default_text = "10"},
                          {.name = "timeout",
                           .value = "TIME",
                           .help = "A launch that takes longer is ended, and has failed.",
                           .default_text = "5m"},
                          {.name = "keep",
                           .value = "DIR",
                           .help = "Write each launch's report into this directory, which is new or empty: "
                                   "A-01.json, B-01.json, …"}}});
  spec.groups.push_back(
      {"Output",
       {{.name = "format", .value = "table|json", .help = "On standard output.", .default_text = "table"}}});
  spec.groups.push_back({"Other",
                         {{.name = "help", .letter = 'h', .help = "Print this."},
                          {.name = "version", .letter = 'V', .help = "Print the version."}}});
  return spec;
}

Result<CompareOptions> parse_compare_options(const std::vector<std::string>& arguments) {
  // Which words are A's and which are B's is said by the place of '--', so it is looked for first.
  const auto parts = split(arguments);
  const auto parsed = parse_command_line(compare_command_line(), parts[0], Environment{});
  if (!parsed) return parsed.error();
  CompareOptions options;
  options.help = parsed->has("help");
  options.version = parsed->has("version");
  if (options.help || options.version) return options;
  if (auto status = read_question(*parsed, options); !status) return status.error();
  if (auto status = read_launching(*parsed, options); !status) return status.error();
  if (auto status = read_sides(*parsed, parts, options); !status) return status.error();
  if (options.runs_commands()) {
    if (const int needed = launches_needed(1, options.question.alpha); options.launches < needed)
      return input_error(
          fmt::format("--launches {}: nothing can be told from so few at alpha {:g}; {} are needed",
                      options.launches, options.question.alpha, needed));
  }
  return options;
}

}  // namespace shipyard::bench
