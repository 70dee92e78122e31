#include "batch/local/node_docker/message.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;
using namespace shipyard::local::node_docker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(fuzz::text_of(data, size));
  for (;;) {
    const std::string before = bytes;
    const auto message = take_message(bytes);
    if (!fuzz::is_good(message) || !*message) {
      fuzz::require(bytes == before, "only a message is taken off");
      return 0;
    }
    fuzz::require(before == encode(**message) + bytes, "a message is written as it was read");
  }
}
