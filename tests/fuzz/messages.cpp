#include "base/terminal.hpp"

#include "base/command_line.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

/// The first two bytes: the fault's place; the rest: a text with the fault in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string text(fuzz::text_of(data + 2, size - 2));
  Error error = input_error("message");
  error.excerpt = {text, static_cast<std::size_t>(data[0]) * 256 + data[1]};
  for (const int columns : {0, 20, 79}) {
    const auto shown = format_error("tool", error, columns);
    for (const auto& line : fuzz::split(shown, '\n', 10)) {
      std::size_t characters = 0;
      for (const char c : line) characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
      fuzz::require(characters <= 79 || text.empty(), "no line is wider than the terminal");
      for (const char c : line)
        fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "it is printable");
    }
  }
  (void)wrap(text, 40, 4);
  (void)nearest_match(text.substr(0, 40), {"--hosts", "--hostfile", "--help"});
  return 0;
}
