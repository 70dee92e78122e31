#include "bench/harness/table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <sstream>

#include "bench/harness/options.hpp"
#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

constexpr int kLabelWidth = 11;

/// Columns on a terminal, which is not bytes: "µs" is two and not three. Every character used here is one
/// column wide.
int display_width(const std::string& text) {
  int width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}

std::string times(const char* text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string right_aligned(const std::string& text, int width) {
  return times(" ", width - display_width(text)) + text;
}

std::string percentile_title(double percent) {
  if (percent == 50) return "median";
  return percent == 100 ? "max" : fmt::format("p{:g}", percent);
}

}  // namespace

Table latency_table(const Options& options, const std::string& title, bool bandwidth,
                    const std::string& iterations) {
  constexpr int kTime = 11;
  Table table;
  table.columns.push_back({.title = "bytes", .figure = "bytes", .width = 10});
  const auto time = [&](const std::string& name, const std::string& figure) {
    table.columns.push_back({.title = name, .figure = figure, .scale = 1e-3, .decimals = 3, .width = kTime});
  };
  time("min", "min_ns");
  const auto percentiles = options.percentiles.empty() ? std::vector<double>{50, 99} : options.percentiles;
  for (const double percent : percentiles) time(percentile_title(percent), percentile_figure(percent));
  // 80 columns, where there are few percentiles.
  if (percentiles.size() <= 4) time("mean", "mean_ns");
  table.spans = {{.title = title, .first = 1, .last = table.columns.size() - 1}};
  if (bandwidth && percentiles.size() <= 3)
    table.columns.push_back({.title = "MB/s", .figure = "bandwidth_MB_per_s", .decimals = 2, .width = 12});
  if (percentiles.size() <= 2)
    table.columns.push_back({.title = iterations, .figure = "iterations", .width = 14});
  return table;
}

Table rate_table(const std::string& iterations) {
  return {.spans = {{.title = "MB/s", .first = 1, .last = 2}},
          .columns = {{.title = "bytes", .figure = "bytes", .width = 10},
                      {.title = "mean", .figure = "mean_MB_per_s", .decimals = 2, .width = 14},
                      {.title = "median", .figure = "bandwidth_MB_per_s", .decimals = 2, .width = 14},
                      {.title = "messages/s", .figure = "messages_per_s", .width = 16},
                      {.title = iterations, .figure = "iterations", .width = 14}}};
}

std::string format_head(const Table& table) {
  std::string head;
  if (!table.spans.empty()) {
    std::string line;
    for (const Span& span : table.spans) {
      int begin = 0;
      for (std::size_t i = 0; i < span.first; ++i) begin += table.columns[i].width;
      int width = 0;
      for (std::size_t i = span.first; i <= span.last; ++i) width += table.columns[i].width;
      constexpr int kGap = 3;  // what keeps the rule from reaching into the column before
      const int rule = width - kGap - display_width(span.title) - 2;
      line += times(" ", begin + kGap - display_width(line));
      line += times("─", rule / 2) + " " + span.title + " " + times("─", rule - rule / 2);
    }
    head += line + "\n";
  }
  for (const Column& column : table.columns) head += right_aligned(column.title, column.width);
  return head + "\n";
}

std::string format_row(const Table& table, const Figures& figures) {
  std::string row;
  for (const Column& column : table.columns) {
    const auto found = figures.find(column.figure);
    std::string cell = "-";
    if (found != figures.end() && std::isfinite(found->second)) {
      cell = fmt::format("{:.{}f}", found->second * column.scale, column.decimals);
    }
    row += right_aligned(cell, column.width);
  }
  return row + "\n";
}

std::string shortened(const std::string& name, std::size_t width) {
  if (name.size() <= width) return name;
  const std::size_t tail = width / 2 - 1;
  return name.substr(0, width - 1 - tail) + "…" + name.substr(name.size() - tail);
}

std::string format_fact(const std::string& label, const std::string& text) {
  std::string out = fmt::format("  {:<{}}", label, kLabelWidth);
  const std::size_t indent = out.size();
  std::size_t column = indent;
  bool at_start = true;
  std::istringstream words(text);
  for (std::string word; words >> word; at_start = false) {
    const auto width = static_cast<std::size_t>(display_width(word));
    if (!at_start && column + 1 + width > static_cast<std::size_t>(kLineWidth)) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      at_start = true;
    }
    out += (at_start ? "" : " ") + word;
    column += width + (at_start ? 0 : 1);
  }
  return out + "\n";
}

}  // namespace shipyard::bench
