#include "launcher/topology/topology_text.hpp"

#include "launcher/topology/discover.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  std::size_t before = 0;
  for (const auto& [begin, end] : topology::description_words(text)) {
    fuzz::require(begin >= before && begin < end && end <= text.size(), "words lie one behind the other");
    before = end;
  }
  // Anything else may be the name of a file.
  if (!topology::is_description(text) || text.find('/') != std::string::npos ||
      text.find('\0') != std::string::npos)
    return 0;
  const auto node = topology::load_topology(text, "--topology", topology::Devices::kNone);
  if (fuzz::is_good(node)) fuzz::require(!node->cores.empty(), "a node has cores");
  return 0;
}
