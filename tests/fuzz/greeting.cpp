#include "launcher/network/greeting.hpp"

#include "launcher/node_topologies.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (text.empty()) return 0;
  const auto version = network::find_ssh_version(text);
  if (version) {
    fuzz::require(version->empty() || version->starts_with("SSH-"), "a version begins as one");
    fuzz::require(version->find_first_of("\r\n") == std::string_view::npos, "a version is one line");
    const auto word = launcher::signature_in(*version);
    fuzz::require(word.find_first_of(" \r\n") == std::string_view::npos, "a signature is one word");
  }
  for (const bool closed : {false, true}) {
    const auto [fault, words] = network::describe_stranger(text, closed);
    fuzz::require(words.size() < 120, "words are short");
    for (const char c : words) fuzz::require(c >= 0x20 && c < 0x7F, "words are printable");
  }
  return 0;
}
