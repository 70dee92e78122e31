#include "bench/harness/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cxxopts.hpp>
#include <numeric>
#include <string_view>

#include "bench/harness/sizes.hpp"

namespace shipyard::bench {
namespace {

constexpr std::array<std::string_view, 10> kNames = {
    "help",     "version",    "min-bytes",        "max-bytes",     "pair",
    "min-time", "time-limit", "benchmark_format", "benchmark_out", "benchmark_out_format"};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

UsageError unknown_option(const std::string& argument) {
  if (!argument.starts_with("--")) {
    return UsageError{fmt::format("unexpected argument '{}'", argument)};
  }
  const std::string name = argument.substr(2, argument.find('=') - 2);
  const auto nearest = std::min_element(kNames.begin(), kNames.end(), [&](auto a, auto b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  const bool close = edit_distance(name, *nearest) <= std::max<std::size_t>(1, name.size() / 3);
  return UsageError{close ? fmt::format("unknown option '--{}': did you mean '--{}'?", name, *nearest)
                          : fmt::format("unknown option '--{}': --help lists the options", name)};
}

/// cxxopts writes `Option ‘pair’ is missing an argument`; here an error line is lower case with plain quotes.
std::string in_our_style(std::string text) {
  for (const std::string_view quote : {"\u2018", "\u2019"}) {
    for (auto at = text.find(quote); at != std::string::npos; at = text.find(quote)) {
      text.replace(at, quote.size(), "'");
    }
  }
  if (text.starts_with("Option ")) text[0] = 'o';
  return text;
}

std::optional<Seconds> parse_seconds(std::string_view text) {
  if (text.ends_with('s')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return Seconds{value};
}

std::optional<int> parse_rank(std::string_view text) {
  int rank = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error != std::errc{} || end != text.data() + text.size() || rank < 0) return std::nullopt;
  return rank;
}

std::variant<RankPair, UsageError> parse_pair(const std::string& text) {
  const auto comma = text.find(',');
  const auto first = parse_rank(std::string_view(text).substr(0, comma));
  const auto second =
      comma == std::string::npos ? std::nullopt : parse_rank(std::string_view(text).substr(comma + 1));
  if (!first || !second) {
    return UsageError{fmt::format("--pair '{}': expected two ranks, such as --pair 0,1", text)};
  }
  if (*first == *second) {
    return UsageError{fmt::format("--pair {}: the two ranks are the same", text)};
  }
  return RankPair{*first, *second};
}

std::optional<Format> parse_format(std::string_view text, bool table_allowed) {
  if (table_allowed && text == "table") return Format::kTable;
  if (text == "json") return Format::kJson;
  if (text == "csv") return Format::kCsv;
  if (text == "console") return Format::kConsole;
  return std::nullopt;
}

/// The meaning of what was given; `text_of` gives the last value of an option, or nothing.
template <typename TextOf>
std::variant<Options, UsageError> interpret(const TextOf& text_of) {
  Options options;
  for (const auto& [name, target] :
       {std::pair{"min-bytes", &options.min_bytes}, std::pair{"max-bytes", &options.max_bytes}}) {
    const std::optional<std::string> text = text_of(name);
    if (!text) continue;
    const auto bytes = parse_bytes(*text);
    if (!bytes)
      return UsageError{fmt::format("--{} '{}': expected a size, such as 4096, 64K or 4M", name, *text)};
    if (*bytes > kLargestMessage) return UsageError{fmt::format("--{} {}: at most 1G", name, *text)};
    *target = *bytes;
  }
  if (options.min_bytes > options.max_bytes) {
    return UsageError{
        fmt::format("--min-bytes {} is above --max-bytes {}", options.min_bytes, options.max_bytes)};
  }

  for (const auto& [name, target] :
       {std::pair{"min-time", &options.min_time}, std::pair{"time-limit", &options.time_limit}}) {
    const std::optional<std::string> text = text_of(name);
    if (!text) continue;
    const auto seconds = parse_seconds(*text);
    if (!seconds || seconds->count() <= 0 || seconds->count() > 1e6) {
      return UsageError{fmt::format("--{} '{}': expected seconds above 0, such as 0.5", name, *text)};
    }
    *target = *seconds;
  }

  if (const auto text = text_of("pair")) {
    const auto pair = parse_pair(*text);
    if (const auto* error = std::get_if<UsageError>(&pair)) return *error;
    options.pair = std::get<RankPair>(pair);
  }

  if (const auto text = text_of("benchmark_format")) {
    const auto format = parse_format(*text, true);
    if (!format) {
      return UsageError{fmt::format("--benchmark_format '{}': expected table, json, csv or console", *text)};
    }
    options.format = *format;
  }
  if (const auto text = text_of("benchmark_out_format")) {
    const auto format = parse_format(*text, false);
    if (!format)
      return UsageError{fmt::format("--benchmark_out_format '{}': expected json, csv or console", *text)};
    options.out_format = *format;
  }
  if (const auto text = text_of("benchmark_out")) {
    if (text->empty()) return UsageError{"--benchmark_out: expected the name of a file"};
    options.out_file = *text;
  }
  return options;
}

}  // namespace

std::variant<Options, UsageError> parse_options(const std::vector<std::string>& arguments) {
  cxxopts::Options declared("bench");
  declared.allow_unrecognised_options();
  auto add = declared.add_options();
  add("h,help", "");
  add("version", "");
  for (const std::string_view name : kNames) {
    if (name != "help" && name != "version") add(std::string(name), "", cxxopts::value<std::string>());
  }

  std::vector<const char*> argv{"bench"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  try {
    const cxxopts::ParseResult given = declared.parse(static_cast<int>(argv.size()), argv.data());
    if (!given.unmatched().empty()) return unknown_option(given.unmatched().front());
    auto options = interpret([&](const std::string& name) {
      return given.count(name) > 0 ? std::optional(given[name].as<std::string>()) : std::nullopt;
    });
    if (auto* read = std::get_if<Options>(&options)) {
      read->help = given.count("help") > 0;
      read->version = given.count("version") > 0;
    }
    return options;
  } catch (const std::exception& error) {  // the exceptions' names differ between cxxopts 2 and 3
    return UsageError{in_our_style(error.what())};
  }
}

std::string help_text(const std::string& program, const std::string& summary, const std::string& figures) {
  return fmt::format(R"(Usage: mpirun [mpirun's options] {0} [options]

{1}

What is measured
  --min-bytes SIZE     smallest message (default 0)
  --max-bytes SIZE     largest message (default 4M, at most 1G); between the two
                       every power of two. K, M and G are powers of 1024
  --pair A,B           the two ranks that measure (default: rank 0 and the first
                       rank on another node, or ranks 0 and 1 on a single node)

Time
  --min-time SECONDS   measure each size for at least so long (default 0.1)
  --time-limit SECONDS
                       start no new size after so long (default 20); a note
                       names what was left out. Where MPI itself hangs, give up
                       after half as long again

Output
  --benchmark_format=FORMAT      on stdout: table (default), or json, csv or
                                 console, as Google Benchmark writes them
  --benchmark_out=FILE           Google Benchmark's report, written by rank 0
  --benchmark_out_format=FORMAT  of that file: json (default), csv or console

  -h, --help           print this and exit
  --version            print the version and exit

{2}

Examples
  mpirun -np 2 {0}
  shipyard-mpirun --ppn 1 {0} --benchmark_out=result.json
  mpirun -np 4 {0} --pair 1,3 --min-bytes 1K --max-bytes 1M

Exit status: 0 measured, 1 failure, 2 wrong option.
)",
                     program, summary, figures);
}

const char* format_name(Format format) {
  switch (format) {
    case Format::kTable:
      return "table";
    case Format::kJson:
      return "json";
    case Format::kCsv:
      return "csv";
    case Format::kConsole:
      return "console";
  }
  return "";
}

}  // namespace shipyard::bench
