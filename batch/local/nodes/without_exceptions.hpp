#pragma once

#include <exception>

namespace shipyard::local {

/// The value of `work`, or of `otherwise` with the words of an exception: of a thread none may get out.
template <typename Value, typename Work, typename Otherwise>
Value without_exceptions(const Work& work, const Otherwise& otherwise) {
  try {
    return work();
  } catch (const std::exception& exception) {
    return otherwise(exception.what());
  }
}

}  // namespace shipyard::local
