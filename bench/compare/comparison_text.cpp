#include "bench/compare/comparison_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/terminal.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {
namespace {

constexpr int kWidestName = 17;

/// Columns on a terminal: every character used here is one wide.
int display_width(const std::string& text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string right(const std::string& text, int width) {
  return std::string(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ') + text;
}

/// So many digits in all, and no exponent where the number is neither huge nor tiny.
std::string digits(double value, int count) {
  if (value >= 1e6 || value < 1e-3) return fmt::format("{:.{}e}", value, count - 1);
  const int whole = value < 1 ? 1 : static_cast<int>(std::floor(std::log10(value))) + 1;
  return fmt::format("{:.{}f}", value, std::max(0, count - whole));
}

/// At most six characters, so that an interval of two fits its column, and four digits near 1.
std::string ratio_text(double ratio) {
  if (ratio >= 1e5 || ratio < 1e-3) return fmt::format("{:.0e}", ratio);
  return ratio < 0.1 ? fmt::format("{:.4f}", ratio) : digits(ratio, 4);
}

std::string probability(double p) { return p < 1e-4 ? "<0.0001" : fmt::format("{:.4f}", p); }

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kSlower:
      return "B slower";
    case Verdict::kFaster:
      return "B faster";
    case Verdict::kUnknown:
      return "?";
  }
  return "";
}

std::string row(const std::string& a, const std::string& b, const std::string& ratio,
                const std::string& interval, const std::string& p, const std::string& verdict) {
  return right(a, 11) + right(b, 11) + right(ratio, 7) + right(interval, 14) + right(p, 8) + "  " + verdict;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string format_row(const SizeComparison& size, const std::string& figure, int name_width) {
  std::string line = "  " + size.name;
  // A long name has a line of its own.
  if (display_width(size.name) > name_width)
    line += "\n" + std::string(2, ' ') + std::string(static_cast<std::size_t>(name_width), ' ');
  else
    line += std::string(static_cast<std::size_t>(name_width - display_width(size.name)), ' ');
  const std::string interval =
      size.interval ? fmt::format("{}…{}", ratio_text(size.interval->low), ratio_text(size.interval->high))
                    : "-";
  return trimmed(line + row(format_figure(size.a, figure), format_figure(size.b, figure),
                            ratio_text(size.ratio), interval, probability(size.corrected_p),
                            word(size.verdict)));
}

/// What a side says, short: one value, or how many.
std::string said(const std::vector<std::string>& values) {
  constexpr std::size_t kMost = 100;
  if (values.size() > 3) return fmt::format("{} different values", values.size());
  std::string text = fmt::format("{}", fmt::join(values, " and "));
  if (text.empty()) return "nothing";
  return text.size() <= kMost ? text : fmt::format("({} characters)", text.size());
}

std::string format_differences(const Comparison& comparison) {
  std::string text;
  for (const auto& one : comparison.differences)
    text += fmt::format("{}{}: A {}, B {}", text.empty() ? "" : "; ", one.fact, said(one.a), said(one.b));
  return text;
}

/// Sizes with the same reason together.
std::string format_left_out(const Comparison& comparison) {
  std::vector<std::pair<std::string, std::string>> reasons;  // and the names
  for (const auto& one : comparison.left_out) {
    auto found = std::find_if(reasons.begin(), reasons.end(),
                              [&](const auto& reason) { return reason.first == one.reason; });
    if (found == reasons.end()) {
      reasons.emplace_back(one.reason, one.name);
    } else {
      found->second += ", " + one.name;
    }
  }
  std::string text;
  for (const auto& [reason, names] : reasons)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", reason, names);
  return text;
}

std::string launches(std::size_t count) {
  return count == 1 ? "1 launch" : fmt::format("{} launches", count);
}

std::string sizes(std::size_t count) { return count == 1 ? "1 size" : fmt::format("{} sizes", count); }

/// The size at which B is worst, or best.
const SizeComparison& extreme(const Comparison& comparison, Verdict verdict) {
  const SizeComparison* found = nullptr;
  for (const auto& size : comparison.sizes) {
    if (size.verdict != verdict) continue;
    if (found == nullptr || std::abs(std::log(size.ratio)) > std::abs(std::log(found->ratio))) found = &size;
  }
  return *found;
}

std::string called(const Comparison& comparison, Verdict verdict) {
  const auto count = comparison.count(verdict);
  const auto& most = extreme(comparison, verdict);
  return fmt::format("{} at {} of {}, {}{} (B/A {})", verdict == Verdict::kSlower ? "slower" : "faster",
                     count, sizes(comparison.sizes.size()), count == 1 ? "" : "most at ", most.name,
                     ratio_text(most.ratio));
}

}  // namespace

std::string format_figure(double value, const std::string& figure) {
  const auto with = [](double number, const char* unit) {
    const bool extreme = number >= 1e6 || number < 1e-3;
    return (extreme ? fmt::format("{:.0e}", number) : digits(number, 4)) + unit;
  };
  if (figure.ends_with("_ns") || figure == "real_time" || figure == "cpu_time") {
    if (value < 1e3) return with(value, " ns");
    if (value < 1e6) return with(value / 1e3, " µs");
    return value < 1e9 ? with(value / 1e6, " ms") : with(value / 1e9, " s");
  }
  if (figure.ends_with("_MB_per_s")) return value < 1e4 ? with(value, " MB/s") : with(value / 1e3, " GB/s");
  if (is_rate(figure)) {
    if (value < 1e4) return with(value, " /s");
    if (value < 1e7) return with(value / 1e3, " k/s");
    return value < 1e10 ? with(value / 1e6, " M/s") : with(value / 1e9, " G/s");
  }
  return digits(value, 4);
}

std::string summary(const Comparison& comparison) {
  const double alpha = comparison.question.alpha;
  const auto count = comparison.sizes.size();
  if (!comparison.decidable()) {
    return fmt::format(
        "Too few launches to call any size different: {} at alpha {:g} {} {} on each side, and there {} {} "
        "and "
        "{}.",
        sizes(count), alpha, count == 1 ? "takes" : "take", comparison.launches_needed,
        comparison.launches_a == 1 && comparison.launches_b == 1 ? "is" : "are", comparison.launches_a,
        comparison.launches_b);
  }
  const bool slower = comparison.count(Verdict::kSlower) > 0;
  const bool faster = comparison.count(Verdict::kFaster) > 0;
  if (!slower && !faster)
    return fmt::format("No difference at {} {} (alpha {:g}).", count == 1 ? "the" : "any of",
                       count == 1 ? "one size" : sizes(count), alpha);
  std::string text = "B is ";
  if (slower) text += called(comparison, Verdict::kSlower);
  if (slower && faster) text += ", and ";
  if (faster) text += called(comparison, Verdict::kFaster);
  text.pop_back();  // the bracket
  return text + fmt::format("; alpha {:g}).", alpha);
}

std::string format_comparison(const Comparison& comparison, const Sides& sides) {
  const auto& question = comparison.question;
  std::string text = fmt::format("bench-compare {}\n\n", SHIPYARD_VERSION);
  text += format_fact("A", launches(comparison.launches_a) + ": " + sides.a);
  text += format_fact("B", launches(comparison.launches_b) + ": " + sides.b);
  text += format_fact("figure", fmt::format("{}, median of the launches; {} is better", question.figure,
                                            question.better == Better::kMore ? "more" : "less"));
  if (!comparison.differences.empty()) text += format_fact("differs", format_differences(comparison));
  if (!comparison.left_out.empty()) text += format_fact("left out", format_left_out(comparison));

  int name_width = 4;
  for (const auto& size : comparison.sizes) name_width = std::max(name_width, display_width(size.name));
  name_width = std::min(name_width, kWidestName);
  text += "\n" + std::string(static_cast<std::size_t>(2 + name_width), ' ') +
          row("A", "B", "B/A", fmt::format("{:g} % CI", 100 * (1 - question.alpha)), "p", "") + "\n";
  text = text.erase(text.find_last_not_of(" \n") + 1) + "\n";
  for (const auto& size : comparison.sizes) text += format_row(size, question.figure, name_width);
  return text + "\n" + wrap(summary(comparison), kLineWidth, 0) + "\n";
}

std::string comparison_json(const Comparison& comparison, const Sides& sides) {
  using Json = nlohmann::ordered_json;
  const auto verdict_word = [](Verdict verdict) {
    return verdict == Verdict::kSame     ? "same"
           : verdict == Verdict::kSlower ? "slower"
           : verdict == Verdict::kFaster ? "faster"
                                         : "unknown";
  };
  Json document;
  document["tool"] = "bench-compare";
  document["version"] = SHIPYARD_VERSION;
  document["figure"] = comparison.question.figure;
  document["better"] = comparison.question.better == Better::kMore ? "more" : "less";
  document["alpha"] = comparison.question.alpha;
  document["a"] = {{"what", sides.a}, {"launches", comparison.launches_a}};
  document["b"] = {{"what", sides.b}, {"launches", comparison.launches_b}};
  document["launches_needed"] = comparison.launches_needed;
  document["differs"] = Json::array();
  for (const auto& one : comparison.differences)
    document["differs"].push_back({{"fact", one.fact}, {"a", one.a}, {"b", one.b}});
  document["left_out"] = Json::array();
  for (const auto& one : comparison.left_out)
    document["left_out"].push_back({{"name", one.name}, {"reason", one.reason}});
  document["sizes"] = Json::array();
  for (const auto& size : comparison.sizes) {
    Json one{{"name", size.name}, {"a", size.a}, {"b", size.b}, {"ratio", size.ratio}};
    one["interval"] = size.interval ? Json::array({size.interval->low, size.interval->high}) : Json();
    one["p"] = size.p;
    one["p_holm"] = size.corrected_p;
    one["verdict"] = verdict_word(size.verdict);
    document["sizes"].push_back(std::move(one));
  }
  document["slower"] = comparison.count(Verdict::kSlower);
  document["faster"] = comparison.count(Verdict::kFaster);
  document["summary"] = summary(comparison);
  // A file name may hold any byte; JSON is UTF-8.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace shipyard::bench
