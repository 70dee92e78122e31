#include "batch/client/one_line.hpp"

#include <algorithm>

#include "batch/client/redact.hpp"

namespace shipyard::batch {

std::string one_line(std::string_view words, std::size_t most) {
  const std::string text = without_signatures(words);
  std::size_t length = std::min(text.size(), most);
  // Not behind a part of a character: 10xxxxxx goes on with one.
  while (length > 0 && length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;
  std::string line = text.substr(0, length);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r'))
    text.remove_suffix(1);
  return one_line(text.substr(text.rfind('\n') + 1));
}

}  // namespace shipyard::batch
