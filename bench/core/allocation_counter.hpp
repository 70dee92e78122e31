#pragma once

#include <cstddef>

namespace shipyard::bench {

/// Bytes that operator new holds now.
[[nodiscard]] std::size_t allocated_bytes();
/// The most that it held since the last reset_peak().
[[nodiscard]] std::size_t peak_bytes();
void reset_peak();

}  // namespace shipyard::bench
