#include "bench/harness/table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <sstream>

namespace shipyard::bench {
namespace {

constexpr std::size_t kLineWidth = 80;
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

}  // namespace

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

std::string format_fact(const std::string& label, const std::string& text) {
  std::string out = fmt::format("  {:<{}}", label, kLabelWidth);
  const std::size_t indent = out.size();
  std::size_t column = indent;
  bool at_start = true;
  std::istringstream words(text);
  for (std::string word; words >> word; at_start = false) {
    const auto width = static_cast<std::size_t>(display_width(word));
    if (!at_start && column + 1 + width > kLineWidth) {
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
