#include "batch/local/nodes/command_line.hpp"

namespace shipyard::local {

Result<std::vector<std::string>> split_command_line(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const char next = i + 1 < line.size() ? line[i + 1] : '\0';
    if (quote == '\'') {
      if (c == '\'')
        quote = 0;
      else
        word += c;
    } else if (c == '\\' && next != '\0' &&
               (quote == 0 || std::string_view("\"\\$`").find(next) != std::string_view::npos)) {
      word += next;
      in_word = true;
      ++i;
    } else if (quote == '"') {
      if (c == '"')
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return input_error("the command line has a quote that is left open");
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) return input_error("the command line has no words");
  return words;
}

}  // namespace shipyard::local
