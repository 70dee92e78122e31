#include "launcher/topology/xml_scanner.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  topology::XmlScanner scanner(text);
  std::size_t tags = 0;
  while (const auto tag = scanner.next()) {
    fuzz::require(!tag->name.empty(), "a tag has a name");
    fuzz::require(++tags <= size / 3, "every tag takes its bytes");
    for (const auto& [name, value] : tag->attributes)
      fuzz::require(tag->attribute(name).data() != nullptr, "it is there");
  }
  fuzz::require(scanner.fault().value_or(0) <= text.size(), "a fault lies within the text");
  fuzz::require(!scanner.next(), "the end stays the end");
  return 0;
}
