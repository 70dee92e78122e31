#include "bench/harness/sizes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "base/ascii.hpp"

namespace shipyard::bench {

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;

  const std::string unit = to_lower(std::string_view(end, text.data() + text.size()));
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

std::string format_bytes(std::int64_t bytes) {
  for (const auto& [unit, shift] : {std::pair{'G', 30}, {'M', 20}, {'K', 10}}) {
    if (bytes != 0 && bytes % (std::int64_t{1} << shift) == 0)
      return fmt::format("{}{}", bytes >> shift, unit);
  }
  return std::to_string(bytes);
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

Result<std::vector<std::int64_t>> parse_sizes(std::string_view text) {
  std::vector<std::int64_t> sizes;
  const auto wrong = [&](std::string_view part) {
    return input_error(fmt::format("--sizes '{}': '{}' is no size", text, part),
                       "such as --sizes 0,8,64K or --sizes 1K..4M");
  };
  for (std::size_t at = 0; at <= text.size();) {
    const std::string_view part = text.substr(at, text.find(',', at) - at);
    at += part.size() + 1;
    const std::size_t dots = part.find("..");
    const auto first = parse_bytes(part.substr(0, dots));
    const auto last = dots == std::string_view::npos ? first : parse_bytes(part.substr(dots + 2));
    if (!first || !last) return wrong(part);
    if (std::max(*first, *last) > kLargestMessage)
      return input_error(fmt::format("--sizes '{}': '{}' is above 1G", text, part));
    if (*first > *last) {
      return input_error(fmt::format("--sizes '{}': '{}' goes down", text, part), "the smaller one first");
    }
    const auto series = size_series(*first, *last);
    sizes.insert(sizes.end(), series.begin(), series.end());
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

}  // namespace shipyard::bench
