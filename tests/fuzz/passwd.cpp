#include "hostfile/passwd.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  for (const unsigned user : {0U, 1000U}) {
    const auto home = hostfile::home_of_user(text, user);
    if (home) fuzz::require(home->find_first_of(":\n") == std::string::npos, "a home is one field");
  }
  return 0;
}
