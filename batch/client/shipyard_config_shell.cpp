#include "batch/client/shipyard_config_shell.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace shipyard::batch {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_name(char c) { return c == '_' || is_alphanumeric(c); }

}  // namespace

std::vector<std::string> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && depth == 0 && is_blank(c)) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    word += c;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else if (c == '(' && (depth > 0 || (i > 0 && text[i - 1] == '$'))) {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<std::string> unquoted(std::string_view word) {
  std::string text;
  char quote = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if (quote != '\'' && (c == '`' || (c == '$' && i + 1 < word.size() && word[i + 1] == '(')))
      return std::nullopt;
    // A variable's name in single quotes is text to the shell, and would be none without them.
    if (quote == '\'' && c == '$') return std::nullopt;
    if (c == '\\' && quote == 0 && i + 1 < word.size()) {
      text += word[++i];
    } else if (c == '\\' && quote == '"' && i + 1 < word.size() &&
               (word[i + 1] == '"' || word[i + 1] == '\\')) {
      text += word[++i];
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      text += c;
    }
  }
  if (quote != 0) return std::nullopt;
  return text;
}

bool calls_program(std::string_view text, std::string_view program) {
  for (auto at = text.find(program); at != std::string_view::npos; at = text.find(program, at + 1)) {
    const auto goes_on = [](char c) { return is_name(c) || c == '-' || c == '.'; };
    const auto end = at + program.size();
    if ((at == 0 || !goes_on(text[at - 1])) &&
        (end == text.size() || !(goes_on(text[end]) || text[end] == '/')))
      return true;
  }
  return false;
}

std::vector<std::string> names_with_prefix(std::string_view text, std::string_view prefix) {
  std::vector<std::string> names;
  for (auto at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
    if (at > 0 && is_name(text[at - 1])) continue;
    auto end = at;
    while (end < text.size() && is_name(text[end])) ++end;
    std::string name(text.substr(at, end - at));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace shipyard::batch
