#include "launcher/options.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ParsedCommandLine::Value value{std::string(fuzz::text_of(data, size)), "--value"};
  if (const auto time = launcher::parse_duration(value); fuzz::is_good(time)) {
    fuzz::require(time->count() >= 0, "a time is not negative");
    const auto again = launcher::parse_duration({std::to_string(time->count()) + "ms", "--value"});
    fuzz::require(again && *again == *time, "a time in milliseconds is the same time");
  }
  if (const auto bytes = launcher::parse_size(value); fuzz::is_good(bytes) && *bytes % 1024 == 0) {
    const auto again = launcher::parse_size({std::to_string(*bytes / 1024) + "K", "--value"});
    fuzz::require(again && *again == *bytes, "a size in KiB is the same size");
  }
  if (const auto number = parse_number(value, -5, 100); fuzz::is_good(number)) {
    fuzz::require(*number >= -5 && *number <= 100, "a number is within its limits");
  }
  return 0;
}
