#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/terminal.hpp"

/// What a fuzzer gives libFuzzer (llvm.org/docs/LibFuzzer.html): tries one input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace shipyard::fuzz {

/// What is so for every input; otherwise the input is a find.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The parts between separators, at most `most`; the last one takes the rest.
inline std::vector<std::string> split(std::string_view text, char separator, std::size_t most) {
  std::vector<std::string> parts;
  while (parts.size() + 1 < most && text.find(separator) != std::string_view::npos) {
    parts.emplace_back(text.substr(0, text.find(separator)));
    text.remove_prefix(parts.back().size() + 1);
  }
  parts.emplace_back(text);
  return parts;
}

/// An error can be shown: it says something, its place lies in its text, and no byte of its excerpt reaches
/// the terminal as a command.
inline void require_presentable(const Error& error) {
  require(!error.message.empty(), "an error has a message");
  require(error.excerpt.offset <= error.excerpt.text.size(), "the place lies within the text");
  Error shown = error;
  shown.message = "m";
  shown.hint = "h";
  for (const int columns : {1, 40, 80}) {
    for (const char c : format_error("t", shown, columns)) {
      require(c == '\n' || static_cast<unsigned char>(c) >= 0x20, "no control character is shown");
    }
  }
}

template <typename T>
bool is_good(const Result<T>& result) {
  if (!result) require_presentable(result.error());
  return result.has_value();
}

}  // namespace shipyard::fuzz
