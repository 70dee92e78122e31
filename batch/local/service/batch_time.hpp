#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace shipyard::local {

using Time = std::chrono::system_clock::time_point;

/// As Batch writes a time in a body: UTC with seven digits of a second, 2024-05-01T12:00:00.1234560Z.
[[nodiscard]] std::string batch_time(Time time);
/// The reverse; any number of digits. Nothing where the text is no such time, or none
/// of the years 1970 to 2261.
[[nodiscard]] std::optional<Time> parse_batch_time(std::string_view text);

/// RFC 1123, as HTTP's headers have it: Mon, 23 Nov 2026 12:13:35 GMT.
[[nodiscard]] std::string http_date(Time time);
/// The reverse, of that one form, as Azure reads it; of the same years.
[[nodiscard]] std::optional<Time> parse_http_date(std::string_view text);

/// XML Schema's duration without years, months and weeks, to the millisecond: PT1H30M, P7D,
/// P10675199DT2H48M5.4775807S (what Batch says for "no limit"). Nothing where it is none.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_iso_duration(std::string_view text);

}  // namespace shipyard::local
