#include "batch/local/options.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

/// A word a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)fuzz::is_good(local::parse_request(fuzz::split(fuzz::text_of(data, size), '\n', 40), {}));
  return 0;
}
