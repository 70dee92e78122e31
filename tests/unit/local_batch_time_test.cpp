#include "batch/local/service/batch_time.hpp"

#include <gtest/gtest.h>

namespace shipyard::local {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::system_clock;

TEST(BatchTime, IsWrittenWithSevenDigitsAndReadWithAny) {
  const Time time = system_clock::from_time_t(1'700'000'000) + microseconds(120'034);
  EXPECT_EQ(batch_time(time), "2023-11-14T22:13:20.1200340Z");
  EXPECT_EQ(parse_batch_time("2023-11-14T22:13:20.1200340Z"), time);
  EXPECT_EQ(parse_batch_time("2023-11-14T22:13:20Z"), system_clock::from_time_t(1'700'000'000));
  EXPECT_EQ(parse_batch_time("2023-11-14T22:13:20.5Z"),
            system_clock::from_time_t(1'700'000'000) + milliseconds(500));
  for (const char* text : {"", "2023-11-14", "2023-13-14T22:13:20Z", "4046-11-14T22:13:20Z",
                           "1969-11-14T22:13:20Z", "2023-02-30T22:13:20Z", "2023-11-14T24:13:20Z",
                           "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20.x1Z"})
    EXPECT_FALSE(parse_batch_time(text)) << text;
}

TEST(HttpDate, HasOneForm) {
  const Time time = system_clock::from_time_t(1'795'436'015);
  EXPECT_EQ(http_date(time), "Mon, 23 Nov 2026 12:13:35 GMT");
  EXPECT_EQ(parse_http_date("Mon, 23 Nov 2026 12:13:35 GMT"), time);
  for (const char* text :
       {"", "Fri, 23 Nov 9999 12:13:35 GMT", "Tue, 23 Nov 2026 12:13:35 GMT", "Mon, 23 Nov 2026 12:13:35 UTC",
        "Mon, 23 nov 2026 12:13:35 GMT", "Monday, 23-Nov-26 12:13:35 GMT", "Mon, 23 Nov 2026 25:13:35 GMT",
        "2024-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_http_date(text)) << text;
}

TEST(IsoDuration, IsReadToTheMillisecond) {
  const auto read = [](const char* text) {
    return parse_iso_duration(text).value_or(milliseconds(-1)).count();
  };
  EXPECT_EQ(read("PT0S"), 0);
  EXPECT_EQ(read("PT1H30M"), 5'400'000);
  EXPECT_EQ(read("P7D"), 604'800'000);
  EXPECT_EQ(read("P1DT1S"), 86'401'000);
  EXPECT_EQ(read("PT5.4775807S"), 5'477);
  EXPECT_EQ(read("P10675199DT2H48M5.4775807S"), 922'337'203'685'477);
  for (const char* text :
       {"",    "P",      "PT",    "P1DT",  "1H",    "P1H",     "PT1D",  "P1W",           "P1Y",      "PT1S1M",
        "PT1", "PT1.5M", "PT.5S", "PT1.S", "PTT1S", "PT1HT1S", "PT-1S", "P99999999999D", "PT1H P1D", "pt1h"})
    EXPECT_FALSE(parse_iso_duration(text)) << text;
}

}  // namespace
}  // namespace shipyard::local
