#include "base/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace shipyard {
namespace {

/// The excerpt around the fault as one line, and the caret's column in it. Columns are UTF-8 characters, not
/// bytes.
struct Window {
  std::string text;
  std::size_t caret = 0;
};

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// Looks at the bytes near the fault only, however long the text is.
Window cut(const Excerpt& excerpt, int columns) {
  constexpr std::size_t kIndent = 2;
  constexpr std::string_view kDots = "...";
  constexpr std::size_t kMaxCharacter = 4;  // bytes
  const std::string& text = excerpt.text;
  const auto room = static_cast<std::size_t>(std::max(columns, 20)) - kIndent - 1;
  const std::size_t offset = std::min(excerpt.offset, text.size());

  std::size_t begin = offset > kMaxCharacter * room ? offset - kMaxCharacter * room : 0;
  while (begin > 0 && begin < offset && continues_character(text[begin])) ++begin;
  std::string visible;
  std::size_t caret = 0;
  std::size_t end = begin;
  while (end < text.size() && (end <= offset || visible.size() <= caret + room)) {
    const std::size_t first = end++;
    const auto byte = static_cast<unsigned char>(text[first]);
    if (byte >= 0xC0) {
      while (end < text.size() && end - first < kMaxCharacter && continues_character(text[end])) ++end;
    }
    if (first <= offset) caret = visible.size();
    // What a terminal would act on, and what may be wider or narrower than a column.
    visible += (byte < 0x20 || byte >= 0x7F) ? '?' : text[first];
  }
  if (offset == text.size()) caret = visible.size();

  std::size_t left = 0;
  if (begin > 0 || end < text.size() || visible.size() > room) {
    const std::size_t behind = visible.size() > room ? visible.size() - room : 0;
    left = std::min(caret > room / 2 ? caret - room / 2 : 0, behind);
  }
  Window window{visible.substr(left, room), caret - left};
  if (begin > 0 || left > 0) window.text.replace(0, kDots.size(), kDots);
  if (end < text.size() || left + room < visible.size()) {
    window.text.replace(window.text.size() - kDots.size(), kDots.size(), kDots);
  }
  return window;
}

}  // namespace

std::string wrap(std::string_view text, int columns, int indent) {
  const auto width = static_cast<std::size_t>(std::max(columns, 20));
  std::string result;
  std::size_t column = 0;
  while (!text.empty()) {
    auto end = text.find_first_of(" \n");
    std::string_view word = text.substr(0, end);
    if (column > static_cast<std::size_t>(indent) && column + 1 + word.size() > width) {
      result += '\n';
      result.append(static_cast<std::size_t>(indent), ' ');
      column = static_cast<std::size_t>(indent);
    } else if (column > 0 && !word.empty() && result.back() != ' ' && result.back() != '\n') {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    if (end == std::string_view::npos) break;
    if (text[end] == '\n') {
      result += '\n';
      result.append(static_cast<std::size_t>(indent), ' ');
      column = static_cast<std::size_t>(indent);
    }
    text.remove_prefix(end + 1);
  }
  return result;
}

std::string format_error(std::string_view tool, const Error& error, int columns) {
  std::string result = fmt::format("{}: error: {}\n", tool, error.message);
  if (!error.excerpt.text.empty()) {
    Window window = cut(error.excerpt, columns);
    result += fmt::format("  {}\n  {:>{}}\n", window.text, "^", window.caret + 1);
  }
  if (!error.hint.empty()) result += fmt::format("hint: {}\n", error.hint);
  return result;
}

Messages::Messages(std::ostream& stream, std::string tool, const Environment& environment,
                   Verbosity verbosity)
    : stream_(stream),
      tool_(std::move(tool)),
      colour_(environment.stderr_is_terminal && !environment.has("NO_COLOR") &&
              environment.get("TERM") != std::string_view("dumb")),
      columns_(environment.terminal_columns),
      verbosity_(verbosity) {}

void Messages::error(const Error& error) const {
  std::string text = format_error(tool_, error, columns_);
  if (colour_) {
    const std::string label = tool_ + ": error:";
    text.replace(0, label.size(), fmt::format("{}: \033[1;31merror:\033[0m", tool_));
  }
  stream_ << text << std::flush;
}

void Messages::line(std::string_view label, std::string_view colour, std::string_view text) const {
  if (colour_) {
    stream_ << fmt::format("{}: \033[{}m{}:\033[0m {}\n", tool_, colour, label, text) << std::flush;
  } else {
    stream_ << fmt::format("{}: {}: {}\n", tool_, label, text) << std::flush;
  }
}

void Messages::warning(std::string_view text) const {
  if (verbosity_ > Verbosity::kQuiet) line("warning", "1;33", text);
}
void Messages::note(std::string_view text) const {
  if (verbosity_ > Verbosity::kQuiet) line("note", "36", text);
}
void Messages::command(std::string_view text) const {
  if (verbosity_ >= Verbosity::kCommands) stream_ << fmt::format("{}: + {}\n", tool_, text) << std::flush;
}
void Messages::decision(std::string_view text) const {
  if (verbosity_ >= Verbosity::kDecisions) stream_ << fmt::format("{}:   {}\n", tool_, text) << std::flush;
}

}  // namespace shipyard
