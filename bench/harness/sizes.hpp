#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::bench {

/// An MPI count is an int, so a message of one call ends below 2 GiB; half of that leaves room for two
/// buffers.
inline constexpr std::int64_t kLargestMessage = std::int64_t{1} << 30;

/// Reads `4096`, `4K`, `4KiB`, `4M`, `1G` (powers of 1024, either case). Nothing if it is not a size, is
/// negative, or does not fit.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// `64K` where it is whole, as parse_bytes reads it.
std::string format_bytes(std::int64_t bytes);

/// `--sizes`: `8`, `0,1K,4M`, `1K..1M` (the bounds and every power of two between), and such joined by
/// commas. Ascending, without duplicates, each at most kLargestMessage.
Result<std::vector<std::int64_t>> parse_sizes(std::string_view text);

/// Message sizes to measure: `min`, every power of two between, `max`; without duplicates, ascending.
/// Requires 0 <= min <= max.
std::vector<std::int64_t> size_series(std::int64_t min, std::int64_t max);

}  // namespace shipyard::bench
