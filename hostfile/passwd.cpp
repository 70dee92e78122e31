#include "hostfile/passwd.hpp"

#include <algorithm>
#include <array>

namespace shipyard::hostfile {

std::optional<std::string> home_of_user(std::string_view passwd, unsigned user_id) {
  constexpr std::size_t kUserId = 2;
  constexpr std::size_t kHome = 5;
  const std::string wanted = std::to_string(user_id);
  while (!passwd.empty()) {
    const std::size_t end = std::min(passwd.find('\n'), passwd.size());
    auto line = passwd.substr(0, end);
    passwd.remove_prefix(std::min(end + 1, passwd.size()));
    std::array<std::string_view, 7> fields;
    for (auto& field : fields) {
      const std::size_t colon = std::min(line.find(':'), line.size());
      field = line.substr(0, colon);
      line.remove_prefix(std::min(colon + 1, line.size()));
    }
    if (fields[kUserId] == wanted && !fields[kHome].empty()) return std::string(fields[kHome]);
  }
  return std::nullopt;
}

}  // namespace shipyard::hostfile
