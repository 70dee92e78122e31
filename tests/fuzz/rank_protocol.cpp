#include "launcher/supervise/rank_protocol.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto message = supervise::parse_launcher_message(text)) {
    const auto line = supervise::format_message(*message);
    fuzz::require(
        line.ends_with('\n') && supervise::parse_launcher_message(line.substr(0, line.size() - 1)) == message,
        "a message of the launcher is read as it was written");
  }
  const auto message = supervise::parse_message(text);
  if (!message) return 0;
  const auto line = supervise::format_message(*message);
  fuzz::require(line.ends_with('\n') && line.find('\n') == line.size() - 1, "a message is one line");
  const auto again = supervise::parse_message(std::string_view(line).substr(0, line.size() - 1));
  fuzz::require(again && *again == *message, "a message is read as it was written");
  return 0;
}
