#pragma once

#include <string>

#include "base/result.hpp"
#include "base/terminal.hpp"

namespace shipyard::batch::testing {

/// A failure as the user sees it: message, place with its caret, hint. "(none)" where there is none.
template <typename T>
std::string shown(const Result<T>& result) {
  return result ? "(none)" : format_error("t", result.error(), 120);
}

}  // namespace shipyard::batch::testing
