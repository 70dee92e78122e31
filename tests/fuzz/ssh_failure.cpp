#include "launcher/check/ssh_failure.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  for (const Exit& exit : {Exit{false, 255}, Exit{false, 127}, Exit{true, 9}}) {
    const auto failure = launcher::check::ssh_failure(exit, text);
    fuzz::require(!failure.words.empty(), "a failure has words");
    for (const char c : failure.words)
      fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "no control character is shown");
    fuzz::require(launcher::check::name_of(failure.kind)[0] != '\0', "a failure has a name");
  }
  return 0;
}
