#include <fmt/format.h>

#include <system_error>

#include "base/result.hpp"

namespace shipyard {

Error system_error(std::string action, int error_number, std::string hint) {
  return {Error::Code::kSystem,
          fmt::format("{}: {}", std::move(action), std::generic_category().message(error_number)),
          std::move(hint),
          {}};
}

}  // namespace shipyard
