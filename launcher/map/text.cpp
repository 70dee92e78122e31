#include "launcher/map/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace shipyard::launcher::map {
namespace {

// Characters that are one column wide in every terminal but those set up for East Asian text of old (Unicode
// Standard Annex 11).
constexpr Glyphs kUnicode = {"│", "┊", "├", "┤", "─", "◄", "►", "«", "»", "○", "~", "─", " · ", "×", "…"};
constexpr Glyphs kAscii = {"|", ":", "[", "]", "-", "<", ">", "{", "}", ".", "~", "-", ", ", "x", "..."};

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The last blank at which a text that is too long can be broken; npos: it fits, or has none.
std::size_t blank_within(const std::string& text, int columns) {
  if (width_of(text) <= columns) return std::string::npos;
  std::size_t blank = text.rfind(' ');
  while (blank != std::string::npos && width_of(text.substr(0, blank)) > columns) {
    blank = blank == 0 ? std::string::npos : text.rfind(' ', blank - 1);
  }
  return blank == 0 ? std::string::npos : blank;
}

std::string shortened(std::string text, int columns, const Glyphs& glyphs) {
  if (width_of(text) <= columns) return text;
  const int room = columns - width_of(glyphs.dots);
  // Whole characters: only the first byte of one has a width.
  while (width_of(text) > room) text.pop_back();
  return text + glyphs.dots;
}

}  // namespace

const Glyphs& glyphs(bool unicode) { return unicode ? kUnicode : kAscii; }

int width_of(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (continues_character(c)) continue;
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte >= 0x7F ? '?' : c;
  }
  return result;
}

std::string repeated(const char* glyph, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += glyph;
  return result;
}

std::vector<std::string> flow(const std::vector<std::string>& items, const std::string& separator,
                              int columns, const Glyphs& glyphs) {
  std::vector<std::string> lines;
  for (std::string item : items) {
    for (auto fit = blank_within(item, columns); fit != std::string::npos;
         fit = blank_within(item, columns)) {
      lines.push_back(item.substr(0, fit));
      item.erase(0, fit + 1);
    }
    item = shortened(std::move(item), columns, glyphs);
    if (lines.empty() || width_of(lines.back()) + width_of(separator) + width_of(item) > columns) {
      lines.push_back(item);
    } else {
      lines.back() += separator + item;
    }
  }
  return lines;
}

std::string list_text(const std::vector<int>& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t last = i;
    const int step = i + 1 < values.size() ? values[i + 1] - values[i] : 0;
    while (last + 1 < values.size() && values[last + 1] - values[last] == step) ++last;
    // Two numbers are a range only where they are neighbours.
    if (step != 1 && last == i + 1) last = i;
    if (!text.empty()) text += ',';
    if (last == i) {
      text += fmt::format("{}", values[i]);
    } else {
      text += fmt::format("{}-{}", values[i], values[last]);
      if (step != 1) text += fmt::format(":{}", step);
    }
    i = last + 1;
  }
  return text;
}

std::string count_text(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", list_text(ranks));
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && value >= 1023.5) {
    value /= 1024;
    ++unit;
  }
  std::string number = value < 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, kUnits[unit]);
}

std::string short_model(const std::string& model) {
  std::string text = printable(model);
  for (std::string_view mark : {"(R)", "(r)", "(TM)", "(tm)"}) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark))
      text.erase(at, mark.size());
  }
  // "POWER9, altivec supported"
  std::istringstream words(text.substr(0, text.find(',')));
  std::string result;
  for (std::string word; words >> word && word != "@";) {
    if (word == "CPU" || word == "Processor" || word.ends_with("-Core")) continue;
    if (!result.empty()) result += ' ';
    result += word;
  }
  return result;
}

const char* cache_name(int level) { return level == 3 ? "L3" : level == 2 ? "L2" : "NUMA domain"; }

void Line::put(std::string_view text, const char* colour) {
  width_ += width_of(text);
  if (colour_ && colour != nullptr && !text.empty()) {
    text_ += fmt::format("\033[{}m{}\033[0m", colour, text);
  } else {
    text_ += text;
  }
}

void Line::pad_to(int column) {
  put(std::string(static_cast<std::size_t>(std::max(0, column - width_)), ' '));
}

std::string Line::text() const { return text_.substr(0, text_.find_last_not_of(' ') + 1) + "\n"; }

}  // namespace shipyard::launcher::map
