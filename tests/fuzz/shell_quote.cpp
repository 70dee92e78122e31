#include "base/shell_quote.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

namespace {

/// The words of a command line with nothing but blanks, single quotes and backslashes (POSIX, 2.2); aborts on
/// what a shell would act on.
std::vector<std::string> read_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == ' ') {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '\'') {
      const auto end = line.find('\'', i + 1);
      fuzz::require(end != std::string_view::npos, "quotes are closed");
      words.back() += line.substr(i + 1, end - i - 1);
      i = end;
    } else if (c == '\\') {
      fuzz::require(++i < line.size(), "something is escaped");
      words.back() += line[i];
    } else {
      fuzz::require(std::string_view("|&;<>()$`\"\t\n*?[#~").find(c) == std::string_view::npos,
                    "nothing outside of quotes is special to a shell");
      words.back() += c;
    }
  }
  return words;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  // No argument of a program holds a NUL.
  if (text.find('\0') != std::string_view::npos) return 0;
  const auto words = fuzz::split(text, '\n', 20);
  fuzz::require(read_words(shell_quote(words)) == words, "a shell reads the same words");
  return 0;
}
