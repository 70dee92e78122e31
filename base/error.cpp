#include <fmt/format.h>

#include <system_error>

#include "base/ascii.hpp"
#include "base/result.hpp"

namespace shipyard {

std::string error_words(int error_number) {
  std::string text = std::generic_category().message(error_number);
  text[0] = to_lower(text[0]);
  return text;
}

Error system_error(std::string action, int error_number, std::string hint) {
  return {Error::Code::kSystem,
          fmt::format("{}: {}", std::move(action), std::generic_category().message(error_number)),
          std::move(hint),
          {}};
}

}  // namespace shipyard
