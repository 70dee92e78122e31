#include "bench/harness/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/terminal.hpp"
#include "bench/harness/sizes.hpp"

namespace shipyard::bench {
namespace {

std::string exit_status(const Offers& offers) {
  return fmt::format(
      "Exit status: 0 measured; 1 failure; 2 wrong option; 3 an --expect option was not met{}{}.",
      offers.validate ? ", or --validate found a wrong byte" : "",
      offers.links ? ", or something is slow" : "");
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    parts.emplace_back(text.substr(at, text.find(',', at) - at));
    at += parts.back().size() + 1;
  }
  return parts;
}

/// A number and what follows it.
std::optional<std::pair<double, std::string_view>> number_and_unit(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number)) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(end - text.data())));
}

std::optional<double> scaled(std::string_view text, std::string_view unit,
                             std::initializer_list<std::pair<std::string_view, double>> units) {
  const auto parsed = number_and_unit(text);
  if (!parsed) return std::nullopt;
  const std::string_view given = parsed->second.empty() ? unit : parsed->second;
  const auto* found =
      std::find_if(units.begin(), units.end(), [&](const auto& one) { return one.first == given; });
  if (found == units.end()) return std::nullopt;
  return parsed->first * found->second;
}

/// Keeps the first error.
class Reader {
 public:
  explicit Reader(const ParsedCommandLine& parsed) : parsed_(parsed) {}

  /// `read` gives an optional of the option's value.
  template <typename Read, typename Target>
  void take(const char* name, const Read& read, Target& target, std::string_view expected) {
    const auto value = parsed_.get(name);
    if (!value) return;
    if (auto result = read(value->text)) {
      target = std::move(*result);
    } else {
      fail(input_error(fmt::format("{} '{}': {} expected", value->origin, value->text, expected)));
    }
  }
  template <typename Target>
  void number(const char* name, int least, int most, Target& target) {
    const auto value = parsed_.get(name);
    if (!value) return;
    auto result = parse_number(*value, least, most);
    result ? void(target = *result) : fail(result.error());
  }
  template <typename Target>
  void word(const char* name, std::initializer_list<std::pair<const char*, Target>> words, Target& target) {
    std::optional<Target> chosen;
    word(name, words, chosen);
    if (chosen) target = *chosen;
  }
  template <typename Target>
  void word(const char* name, std::initializer_list<std::pair<const char*, Target>> words,
            std::optional<Target>& target) {
    const auto value = parsed_.get(name);
    if (!value) return;
    std::string all;
    for (const auto& [text, meaning] : words) {
      if (value->text == text) target = meaning;
      all += (all.empty() ? "" : ", ") + std::string(text);
    }
    if (!target) fail(input_error(fmt::format("{} '{}' is not among: {}", value->origin, value->text, all)));
  }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  [[nodiscard]] const ParsedCommandLine& parsed() const { return parsed_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const ParsedCommandLine& parsed_;
  std::optional<Error> error_;
};

std::optional<int> parse_rank(std::string_view text) {
  int rank = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error != std::errc{} || end != text.data() + text.size() || rank < 0) return std::nullopt;
  return rank;
}

std::optional<RankPair> parse_pair(std::string_view text) {
  const auto comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto first = parse_rank(text.substr(0, comma));
  const auto second = parse_rank(text.substr(comma + 1));
  if (!first || !second || *first == *second) return std::nullopt;
  return RankPair{*first, *second};
}

std::optional<Seconds> parse_seconds(std::string_view text) {
  const auto seconds = parse_time(text, "s");
  if (!seconds || *seconds <= 0 || *seconds > 1e6) return std::nullopt;
  return Seconds{*seconds};
}

/// `1%` or `1`.
std::optional<double> parse_percent(std::string_view text) {
  const auto percent = scaled(text, "%", {{"%", 1.0}});
  return percent && *percent >= 0 && *percent <= 100 ? percent : std::nullopt;
}

std::optional<std::vector<double>> parse_percentiles(std::string_view text) {
  std::vector<double> percentiles;
  for (const auto& part : split(text)) {
    const auto number = number_and_unit(part);
    if (!number || !number->second.empty() || number->first <= 0 || number->first > 100) return std::nullopt;
    percentiles.push_back(number->first);
  }
  std::sort(percentiles.begin(), percentiles.end());
  percentiles.erase(std::unique(percentiles.begin(), percentiles.end()), percentiles.end());
  // More do not fit into a line of 80 columns.
  if (percentiles.size() > 5) return std::nullopt;
  return percentiles;
}

void read_kernels(const Offers& offers, Options& options, Reader& reader) {
  const auto value = reader.parsed().get("kernels");
  if (!value) return;
  const auto wanted = split(value->text);
  for (const auto& name : wanted) {
    if (std::find(offers.kernels.begin(), offers.kernels.end(), name) != offers.kernels.end()) continue;
    const auto nearest = nearest_match(name, offers.kernels);
    return reader.fail(input_error(
        fmt::format("--kernels: there is no '{}'{}", name,
                    nearest.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest)),
        "--help lists them"));
  }
  std::copy_if(
      offers.kernels.begin(), offers.kernels.end(), std::back_inserter(options.kernels),
      [&](const auto& name) { return std::find(wanted.begin(), wanted.end(), name) != wanted.end(); });
}

std::vector<OptionSpec> what_is_measured(const Offers& offers) {
  std::vector<OptionSpec> options;
  if (offers.sizes) {
    options.push_back(
        {.name = "sizes",
         .value = "LIST",
         .help = "Bytes of a message: 0,8,64K or 1K..4M, which is every power of two from 1K to 4M; at "
                 "most 1G."});
  }
  if (!offers.kernels.empty()) {
    std::string all;
    for (const auto& name : offers.kernels) all += (all.empty() ? "" : ", ") + name;
    options.push_back({.name = "kernels", .value = "LIST", .help = "Only these of: " + all + "."});
  }
  if (offers.pair) {
    options.push_back({.name = "pair",
                       .value = "A,B",
                       .help = "The two ranks that measure.",
                       .default_text = "rank 0 and the first one on another node"});
  }
  if (offers.pairs) {
    options.push_back({.name = "pairs",
                       .value = "N",
                       .help = "So many pairs at once: the i-th rank of the first node with the i-th of the "
                               "second, ranks on other nodes sleep; on one node rank i with rank i + half of "
                               "the ranks.",
                       .default_text = "as many as there are ranks for"});
  }
  if (offers.window > 0)
    options.push_back({.name = "window",
                       .value = "N",
                       .help = "Messages in the air at a time.",
                       .default_text = std::to_string(offers.window)});
  if (offers.buffers) {
    options.push_back(
        {.name = "buffers",
         .value = "single|multiple|off-cache",
         .help = "The same memory for every message; another one for each message in the air; or so "
                 "much that no message is in a cache.",
         .default_text = "single"});
  }
  if (offers.validate)
    options.push_back({.name = "validate", .help = "Compare every byte that arrives, in a pass of its own."});
  return options;
}

}  // namespace

std::optional<double> parse_time(std::string_view text, std::string_view unit) {
  return scaled(
      text, unit,
      {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1.0}, {"m", 60.0}, {"h", 3600.0}});
}

std::optional<double> parse_rate(std::string_view text) {
  return scaled(text, "MB/s",
                {{"MB/s", 1.0},
                 {"GB/s", 1e3},
                 {"Mbit/s", 0.125},
                 {"Gbit/s", 125.0},
                 {"MiB/s", 1.048576},
                 {"GiB/s", 1073.741824}});
}

CommandLineSpec command_line(const ProgramText& program) {
  const Offers& offers = program.offers;
  CommandLineSpec spec{.tool = program.name,
                       .usage = "[OPTION…]   under mpirun or shipyard-mpirun",
                       .sentence = program.sentence,
                       .groups = {},
                       .operands = CommandLineSpec::Operands::kNone,
                       .epilogue = program.epilogue + "\n" + wrap(exit_status(offers), 80, 0) + "\n"};
  if (auto options = what_is_measured(offers); !options.empty())
    spec.groups.push_back({"What is measured", std::move(options)});
  OptionGroup time{"Time", {}};
  if (offers.times) {
    time.options = {
        {.name = "min-time",
         .value = "TIME",
         .help = "Measure each size at least so long.",
         .default_text = "0.1s"},
        {.name = "max-time", .value = "TIME", .help = "And about so long at most.", .default_text = "5s"},
        {.name = "warmup",
         .value = "N",
         .help = "Iterations before those that count.",
         .default_text = "a tenth of them, 2 to 100"}};
  }
  if (offers.duration > Seconds{0})
    time.options.push_back({.name = "duration",
                            .value = "TIME",
                            .help = "Measure so long, one half detours and the other fixed work.",
                            .default_text = fmt::format("{:g}s", offers.duration.count())});
  time.options.push_back({.name = "time-limit",
                          .value = "TIME",
                          .help =
                              "Start nothing new after so long, and say what was left out; where MPI itself "
                              "hangs, give up after half as long again.",
                          .default_text = "60s"});
  time.options.push_back({.name = "quick", .help = "As little as shows that it works."});
  spec.groups.push_back(std::move(time));
  spec.groups.push_back({"Output",
                         {{.name = "format",
                           .value = offers.osu ? "table|json|csv|osu" : "table|json|csv",
                           .help = "On standard output.",
                           .default_text = "table"},
                          {.name = "out",
                           .letter = 'o',
                           .value = "FILE",
                           .help = "The report as JSON too, written by rank 0."}}});
  auto& output = spec.groups.back().options;
  if (offers.percentiles)
    output.push_back({.name = "percentiles",
                      .value = "LIST",
                      .help = "Columns of the table, up to five: 50,90,99.9. 100 is the longest.",
                      .default_text = "50,99"});
  OptionGroup expectations{"Expectations, for the exit status", {}};
  if (offers.fabric)
    expectations.options.push_back({.name = "expect-fabric",
                                    .value = "ib|tcp|shm",
                                    .help = "By what the messages must have travelled."});
  if (offers.latency)
    expectations.options.push_back(
        {.name = "expect-latency",
         .value = "TIME",
         .help = offers.links ? "Of every link at most: 50us. A number alone is in us."
                 : offers.kernels.empty()
                     ? "The median of the smallest message at most: 2us. A number alone is in us."
                     : "The median of the smallest message at most, of each kernel: 2us. A number alone "
                       "is in us."});
  if (offers.bandwidth)
    expectations.options.push_back(
        {.name = "expect-bandwidth",
         .value = "RATE",
         .help = offers.links
                     ? "Of every link, in each direction, at least: 1GB/s. A number alone is in MB/s."
                     : "The best size at least: 10GB/s, 90Gbit/s. A number alone is in MB/s."});
  if (offers.noise)
    expectations.options.push_back(
        {.name = "expect-noise", .value = "PERCENT", .help = "No CPU loses more of its time: 1%, 0.1%."});
  if (!expectations.options.empty()) spec.groups.push_back(std::move(expectations));
  spec.groups.push_back({"Other",
                         {{.name = "help", .letter = 'h', .help = "Print this."},
                          {.name = "version", .letter = 'V', .help = "Print the version."}}});
  return spec;
}

Result<Options> parse_options(const ProgramText& program, const std::vector<std::string>& arguments) {
  const auto parsed = parse_command_line(command_line(program), arguments, Environment{});
  if (!parsed) return parsed.error();
  Options options;
  options.help = parsed->has("help");
  options.version = parsed->has("version");
  options.validate = parsed->has("validate");
  options.quick = parsed->has("quick");
  options.duration = program.offers.duration;
  if (options.quick) {
    options.min_time = Seconds{0.002};
    options.max_time = Seconds{0.1};
    options.time_limit = Seconds{20};
    options.duration = std::min(options.duration, Seconds{0.3});
  }
  options.window = std::max(program.offers.window, 1);
  Reader reader(*parsed);
  if (const auto value = parsed->get("sizes")) {
    auto sizes = parse_sizes(value->text);
    sizes ? void(options.sizes = std::move(*sizes)) : reader.fail(sizes.error());
  }
  read_kernels(program.offers, options, reader);
  reader.take("pair", parse_pair, options.pair, "two different ranks, such as 0,1,");
  reader.number("pairs", 1, 1'000'000, options.pairs);
  reader.number("window", 1, 4096, options.window);
  reader.number("warmup", 0, 1'000'000, options.warmup);
  reader.word<Buffers>(
      "buffers",
      {{"single", Buffers::kSingle}, {"multiple", Buffers::kMultiple}, {"off-cache", Buffers::kOffCache}},
      options.buffers);
  for (const auto& [name, target] : {std::pair{"min-time", &options.min_time},
                                     {"max-time", &options.max_time},
                                     {"duration", &options.duration},
                                     {"time-limit", &options.time_limit}})
    reader.take(name, parse_seconds, *target, "a time above 0, such as 0.5s or 20ms,");
  reader.take("percentiles", parse_percentiles, options.percentiles,
              "up to five numbers above 0, 100 at most, such as 50,99,");
  if (program.offers.osu) {
    reader.word<Format>(
        "format",
        {{"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}, {"osu", Format::kOsu}},
        options.format);
  } else {
    reader.word<Format>("format", {{"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}},
                        options.format);
  }
  if (const auto value = parsed->get("out")) {
    if (value->text.empty()) reader.fail(input_error("--out: the name of a file expected"));
    options.out_file = value->text;
  }
  reader.word<Fabric>("expect-fabric",
                      {{"ib", Fabric::kInfiniBand}, {"tcp", Fabric::kTcp}, {"shm", Fabric::kSharedMemory}},
                      options.expect_fabric);
  reader.take(
      "expect-latency",
      [](std::string_view text) {
        const auto seconds = parse_time(text, "us");
        return seconds && *seconds > 0 ? std::optional(*seconds * 1e9) : std::nullopt;
      },
      options.expect_latency_ns, "a time above 0, such as 2us,");
  reader.take(
      "expect-bandwidth",
      [](std::string_view text) {
        const auto rate = parse_rate(text);
        return rate && *rate > 0 ? rate : std::nullopt;
      },
      options.expect_bandwidth_mb, "a rate above 0, such as 10GB/s,");
  reader.take("expect-noise", parse_percent, options.expect_noise_percent,
              "a part of the time from 0% to 100%, such as 1%,");
  if (reader.error()) return *reader.error();
  if (!parsed->get("duration")) options.duration = std::min(options.duration, options.time_limit / 2);
  if (options.duration > options.time_limit)
    return input_error(fmt::format("--duration {:g}s is longer than the time limit of {:g}s",
                                   options.duration.count(), options.time_limit.count()),
                       fmt::format("--time-limit {:g}s", 2 * options.duration.count()));
  if (options.min_time > options.max_time / 2) {
    if (parsed->get("min-time") && parsed->get("max-time"))
      return input_error(
          fmt::format("--min-time {:g}s leaves no time for the single messages within --max-time {:g}s",
                      options.min_time.count(), options.max_time.count()),
          fmt::format("--max-time {:g}s", 2 * options.min_time.count()));
    parsed->get("max-time") ? options.min_time = options.max_time / 2
                            : options.max_time = 2 * options.min_time;
  }
  return options;
}

}  // namespace shipyard::bench
