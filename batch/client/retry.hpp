#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "batch/client/http.hpp"

namespace shipyard::batch {

/// When a request is sent again, and how long that goes on.
struct RetryPolicy {
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{30'000};
  double factor = 2;
  /// From the first sending to the last; a pause that would end behind it is not begun.
  std::chrono::milliseconds budget{120'000};
  /// Of one sending, its answer included.
  std::chrono::seconds limit{60};
};

/// What a request says about sending it a second time.
enum class Repeat {
  kSafe,      ///< GET, HEAD, PUT, PATCH, DELETE, and a POST whose second arrival is answered 409
  kNotTwice,  ///< only where it cannot have arrived, or the service says that it did nothing
};

/// The pause before the request is sent again; nothing where it is not. `tries`: how often it was sent.
/// 429 and 503 say that nothing was done, 408, 500, 502 and 504 do not. A Retry-After is kept, also where it
/// is longer than `policy.longest`. `jitter` of 0…1 spreads clients that were turned away together: the pause
/// grows by up to a quarter of it. Source: Azure Batch, "Batch status and error codes".
[[nodiscard]] std::optional<std::chrono::milliseconds> pause_before_repeat(
    const HttpOutcome& outcome, Repeat repeat, int tries, std::chrono::milliseconds elapsed,
    const RetryPolicy& policy, double jitter, std::chrono::system_clock::time_point now);

/// The value of Retry-After: seconds, or a date (RFC 9110, 10.2.3); nothing where it is neither.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

/// "Mon, 23 Nov 2026 12:13:35 GMT" (RFC 9110, 5.6.7), whatever the locale.
[[nodiscard]] std::string http_date(std::chrono::system_clock::time_point time);
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_http_date(std::string_view text);

}  // namespace shipyard::batch
