#include "launcher/options.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

/// A word a line; lines in front of an empty one are variables, NAME=VALUE.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Environment environment;
  std::vector<std::string> words = fuzz::split(fuzz::text_of(data, size), '\n', 40);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].empty()) continue;
    environment.variables = parse_variables({words.begin(), words.begin() + static_cast<long>(i)});
    words.erase(words.begin(), words.begin() + static_cast<long>(i) + 1);
    break;
  }
  const auto options = launcher::parse_options(words, environment);
  if (!fuzz::is_good(options)) return 0;
  fuzz::require(options->ssh_port > 0 && options->ssh_port < 65536, "the port is one");
  fuzz::require(options->wait.count() >= 0 && options->kill_after.count() >= 0, "times are not negative");
  return 0;
}
