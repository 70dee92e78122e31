#include "bench/compare/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/ascii.hpp"

namespace shipyard::bench {
namespace {

using nlohmann::json;

/// Google Benchmark writes numbers that are none unquoted, which JSON does not have.
bool is_no_number(std::string_view text, std::size_t at) {
  std::string word;
  while (at > 0 && is_letter(text[at - 1])) --at;
  for (; at < text.size() && is_letter(text[at]) && word.size() < 9; ++at) word += to_lower(text[at]);
  return word == "nan" || word == "inf" || word == "infinity";
}

/// `byte`: how many had been read when the parser gave up, as nlohmann::json counts.
Error syntax_error(std::string_view text, std::size_t byte, const std::string& source) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return input_error(fmt::format("{}: empty, a report in JSON expected", source));
  const std::size_t at = std::min(byte == 0 ? 0 : byte - 1, text.size() - 1);
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  if (is_no_number(text, at))
    return input_error(fmt::format("{}: line {}: a figure is not a number (NaN or infinity)", source, line));
  return input_error(fmt::format("{}: line {}: not JSON", source, line));
}

double nanoseconds(const json& benchmark) {
  const auto unit = benchmark.find("time_unit");
  if (unit == benchmark.end() || !unit->is_string()) return 1;
  if (*unit == "us") return 1e3;
  if (*unit == "ms") return 1e6;
  return *unit == "s" ? 1e9 : 1;
}

bool is_true(const json& benchmark, const char* key) {
  const auto found = benchmark.find(key);
  return found != benchmark.end() && found->is_boolean() && found->get<bool>();
}

std::string without(std::string name, std::string_view ending) {
  if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  return name;
}

/// A report comes from outside, and its words go to a terminal.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      '?');
  return text;
}

void read_figures(const json& benchmark, Measurement& measurement) {
  const double unit = nanoseconds(benchmark);
  for (const auto& [key, value] : benchmark.items()) {
    if (value.is_null()) {
      measurement.figures[key].push_back(std::numeric_limits<double>::quiet_NaN());
    } else if (value.is_number()) {
      const bool is_time = key == "real_time" || key == "cpu_time";
      measurement.figures[key].push_back(value.get<double>() * (is_time ? unit : 1));
    }
  }
}

}  // namespace

Result<Report> parse_report(std::string_view text, const std::string& source) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& failure) {
    return syntax_error(text, failure.byte, source);
  } catch (const json::exception&) {  // a number beyond those of a double
    return input_error(fmt::format("{}: a number in it is too large", source));
  }
  const auto benchmarks = document.is_object() ? document.find("benchmarks") : document.end();
  const auto context = document.is_object() ? document.find("context") : document.end();
  if (benchmarks == document.end() || context == document.end() || !benchmarks->is_array() ||
      !context->is_object())
    return input_error(fmt::format(
        "{}: not a report of a benchmark: there is no \"context\" and \"benchmarks\" in it", source));

  Report report{.source = source};
  for (const auto& [key, value] : context->items()) {
    if (value.is_string()) report.facts[key] = printable(value.get<std::string>());
  }
  for (const auto& benchmark : *benchmarks) {
    const auto name = benchmark.is_object() ? benchmark.find("name") : benchmark.end();
    if (name == benchmark.end() || !name->is_string())
      return input_error(
          fmt::format("{}: not a report of a benchmark: one of its \"benchmarks\" has no name", source));
    const auto type = benchmark.find("run_type");
    if (type != benchmark.end() && *type == "aggregate") continue;
    // What ended with an error: `error_occurred` up to Google Benchmark 1.8, `skipped` from then on.
    if (is_true(benchmark, "error_occurred") || is_true(benchmark, "skipped")) continue;
    const std::string plain =
        printable(without(without(name->get<std::string>(), "/manual_time"), "/real_time"));
    auto found = std::find_if(report.measurements.begin(), report.measurements.end(),
                              [&](const Measurement& one) { return one.name == plain; });
    if (found == report.measurements.end())
      found = report.measurements.insert(found, Measurement{.name = plain});
    read_figures(benchmark, *found);
  }
  return report;
}

}  // namespace shipyard::bench
