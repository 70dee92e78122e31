#include "batch/client/retry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace shipyard::batch {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool is_worth_another_try(const HttpOutcome& outcome, Repeat repeat) {
  switch (outcome.kind) {
    case HttpOutcome::Kind::kRefused:
    case HttpOutcome::Kind::kInterrupted:
      return false;
    case HttpOutcome::Kind::kNotSent:
      return true;
    case HttpOutcome::Kind::kUnanswered:
      return repeat == Repeat::kSafe;
    case HttpOutcome::Kind::kAnswered:
      break;
  }
  switch (outcome.response.status) {
    case 429:
    case 503:
      return true;
    case 408:
    case 500:
    case 502:
    case 504:
      return repeat == Repeat::kSafe;
    default:
      return false;
  }
}

}  // namespace

std::optional<milliseconds> pause_before_repeat(const HttpOutcome& outcome, Repeat repeat, int tries,
                                                milliseconds elapsed, const RetryPolicy& policy,
                                                double jitter, system_clock::time_point now) {
  if (!is_worth_another_try(outcome, repeat)) return std::nullopt;
  const double grown =
      static_cast<double>(policy.first.count()) * std::pow(policy.factor, std::min(tries - 1, 30));
  auto pause = milliseconds(static_cast<milliseconds::rep>(
      std::min(grown, static_cast<double>(policy.longest.count())) * (1 + jitter / 4)));
  if (outcome.kind == HttpOutcome::Kind::kAnswered) {
    if (const auto wish = parse_retry_after(outcome.response.header("Retry-After"), now))
      pause = std::max(pause, milliseconds(*wish));
  }
  if (elapsed + pause > policy.budget) return std::nullopt;
  return pause;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, system_clock::time_point now) {
  long long seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && end == value.data() + value.size()) {
    // A service that wants more than a day has lost its mind, and the sum must not overflow.
    return std::chrono::seconds(std::clamp(seconds, 0LL, 86'400LL));
  }
  if (const auto date = parse_http_date(value))
    return std::clamp(std::chrono::ceil<std::chrono::seconds>(*date - now), std::chrono::seconds(0),
                      std::chrono::seconds(86'400));
  return std::nullopt;
}

std::string http_date(system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                     kMonths.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

std::optional<system_clock::time_point> parse_http_date(std::string_view text) {
  std::tm parts{};
  std::array<char, 4> day{};
  std::array<char, 4> month{};
  const std::string copy(text);
  int end = 0;  // stays 0 where what follows the numbers is not as it should be
  if (std::sscanf(copy.c_str(), "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", day.data(),
                  &parts.tm_mday, month.data(), &parts.tm_year, &parts.tm_hour, &parts.tm_min, &parts.tm_sec,
                  &end) != 7 ||
      static_cast<std::size_t>(end) != copy.size())
    return std::nullopt;
  const auto is_in = [](int number, int least, int most) { return number >= least && number <= most; };
  // A minute may have a second more than others (RFC 9110).
  if (!is_in(parts.tm_mday, 1, 31) || !is_in(parts.tm_hour, 0, 23) || !is_in(parts.tm_min, 0, 59) ||
      !is_in(parts.tm_sec, 0, 60))
    return std::nullopt;
  const auto found = std::find(kMonths.begin(), kMonths.end(), std::string_view(month.data()));
  if (found == kMonths.end()) return std::nullopt;
  parts.tm_mon = static_cast<int>(found - kMonths.begin());
  parts.tm_year -= 1900;
  // Nanoseconds in 64 bits end in 2262; servers write the year 9999 where they mean never.
  const std::time_t seconds = std::clamp<std::time_t>(timegm(&parts), 0, 9'000'000'000);
  return system_clock::from_time_t(seconds);
}

}  // namespace shipyard::batch
