#include "launcher/check/node_facts.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;
namespace check = launcher::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto facts = check::parse_facts(text); fuzz::is_good(facts)) {
    const auto written = check::format_facts(*facts);
    const auto again = check::parse_facts(written);
    // Escapes may make it longer than is read.
    fuzz::require(written.size() > check::kLongestText || (again && *again == *facts),
                  "facts are read as they were written");
  }
  if (const auto request = check::parse_request(text); fuzz::is_good(request)) {
    const auto written = check::format_request(*request);
    const auto again = check::parse_request(written);
    fuzz::require(written.size() > check::kLongestText || (again && *again == *request),
                  "a request is read as it was written");
  }
  return 0;
}
