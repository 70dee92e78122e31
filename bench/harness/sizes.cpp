#include "bench/harness/sizes.hpp"

#include <cassert>
#include <charconv>
#include <limits>
#include <string>

namespace shipyard::bench {

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;

  std::string unit(end, text.data() + text.size());
  for (char& c : unit) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  int shift = 0;
  if (unit == "k" || unit == "kib") {
    shift = 10;
  } else if (unit == "m" || unit == "mib") {
    shift = 20;
  } else if (unit == "g" || unit == "gib") {
    shift = 30;
  } else if (!unit.empty() && unit != "b") {
    return std::nullopt;
  }
  if (number > std::numeric_limits<std::int64_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

std::vector<std::int64_t> size_series(std::int64_t min, std::int64_t max) {
  assert(min >= 0 && min <= max);
  std::vector<std::int64_t> sizes{min};
  for (std::int64_t power = 1; power < max; power *= 2) {
    if (power > min) sizes.push_back(power);
  }
  if (max > min) sizes.push_back(max);
  return sizes;
}

}  // namespace shipyard::bench
