#include "batch/local/service/batch_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace shipyard::local {
namespace {

using namespace std::chrono;  // NOLINT(build/namespaces): a page of calendar arithmetic

constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct Parts {
  year_month_day date;
  hh_mm_ss<microseconds> clock;
  weekday day;
};

Parts parts_of(Time time) {
  const auto days = floor<std::chrono::days>(time);
  return {year_month_day(days), hh_mm_ss<microseconds>(duration_cast<microseconds>(time - days)),
          weekday(days)};
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || text[0] == '-')
    return std::nullopt;
  return value;
}

std::optional<Time> time_of(std::optional<int> year, unsigned month, std::optional<int> day,
                            std::string_view clock) {
  if (clock.size() != 8 || clock[2] != ':' || clock[5] != ':' || !year || !day) return std::nullopt;
  const auto hour = number(clock.substr(0, 2));
  const auto minute = number(clock.substr(3, 2));
  const auto second = number(clock.substr(6, 2));
  const year_month_day date{std::chrono::year(*year), std::chrono::month(month),
                            std::chrono::day(static_cast<unsigned>(*day))};
  // The clock counts nanoseconds in 64 bits, which last from 1677 to 2262.
  if (*year < 1970 || *year > 2261) return std::nullopt;
  if (!date.ok() || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  return Time(sys_days(date)) + hours(*hour) + minutes(*minute) + seconds(*second);
}

}  // namespace

std::string batch_time(Time time) {
  const Parts parts = parts_of(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}0Z", static_cast<int>(parts.date.year()),
                     static_cast<unsigned>(parts.date.month()), static_cast<unsigned>(parts.date.day()),
                     parts.clock.hours().count(), parts.clock.minutes().count(),
                     parts.clock.seconds().count(), parts.clock.subseconds().count());
}

std::optional<Time> parse_batch_time(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text.back() != 'Z')
    return std::nullopt;
  const auto month = number(text.substr(5, 2));
  if (!month) return std::nullopt;
  auto time = time_of(number(text.substr(0, 4)), static_cast<unsigned>(*month), number(text.substr(8, 2)),
                      text.substr(11, 8));
  if (!time || text.size() == 20) return time;
  std::string digits(text.substr(20, text.size() - 21));
  if (text[19] != '.' || digits.empty()) return std::nullopt;
  digits.resize(6, '0');
  const auto fraction = number(digits);
  if (!fraction) return std::nullopt;
  return *time + microseconds(*fraction);
}

std::string http_date(Time time) {
  const Parts parts = parts_of(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(parts.day.c_encoding()),
                     static_cast<unsigned>(parts.date.day()),
                     kMonths.at(static_cast<unsigned>(parts.date.month()) - 1),
                     static_cast<int>(parts.date.year()), parts.clock.hours().count(),
                     parts.clock.minutes().count(), parts.clock.seconds().count());
}

std::optional<Time> parse_http_date(std::string_view text) {
  if (text.size() != 29) return std::nullopt;
  const auto* month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto time = time_of(number(text.substr(12, 4)), static_cast<unsigned>(month - kMonths.begin()) + 1,
                            number(text.substr(5, 2)), text.substr(17, 8));
  // The weekday and all between is judged by writing it again.
  return time && http_date(*time) == text ? time : std::nullopt;
}

std::optional<milliseconds> parse_iso_duration(std::string_view text) {
  if (text.size() < 2 || text[0] != 'P' || text.back() == 'T') return std::nullopt;
  text.remove_prefix(1);
  std::string_view units = "D";  // those that may still come, in their order
  bool after_t = false;
  long long sum = 0;
  while (!text.empty()) {
    if (text[0] == 'T') {
      if (std::exchange(after_t, true)) return std::nullopt;
      units = "HMS";
      text.remove_prefix(1);
    }
    long long whole = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
    // Batch's longest is 10675199 days.
    if (error != std::errc() || whole < 0 || whole > 100'000'000'000) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::string digits;
    if (text.starts_with('.')) {
      const auto last = std::min(text.find_first_not_of("0123456789", 1), text.size());
      digits = text.substr(1, last - 1);
      if (digits.empty()) return std::nullopt;
      digits.resize(3, '0');
      text.remove_prefix(last);
    }
    const auto unit = text.empty() ? std::string_view::npos : units.find(text[0]);
    if (unit == std::string_view::npos || (!digits.empty() && text[0] != 'S')) return std::nullopt;
    const long long factor = text[0] == 'D' ? 86'400 : text[0] == 'H' ? 3600 : text[0] == 'M' ? 60 : 1;
    if (whole > 922'000'000'000'000 / factor) return std::nullopt;
    sum += whole * factor * 1000 + (digits.empty() ? 0 : number(digits).value_or(0));
    units.remove_prefix(unit + 1);
    text.remove_prefix(1);
  }
  return milliseconds(sum);
}

}  // namespace shipyard::local
