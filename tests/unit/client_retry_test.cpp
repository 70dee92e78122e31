#include "batch/client/retry.hpp"

#include <gmock/gmock.h>

namespace shipyard::batch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;
using Kind = HttpOutcome::Kind;

const RetryPolicy kPolicy{milliseconds(500), milliseconds(30'000), 2, milliseconds(120'000)};
const system_clock::time_point kNow = system_clock::from_time_t(1'795'954'415);  // 29 Nov 2026 12:13:35

HttpOutcome answered(int status, const std::string& retry_after = "") {
  HttpOutcome outcome{Kind::kAnswered, {status, {}, {}}, {}};
  if (!retry_after.empty()) outcome.response.headers = {{"retry-after", retry_after}};
  return outcome;
}

HttpOutcome unanswered(Kind kind) { return {kind, {}, "fault"}; }

std::optional<milliseconds> pause(const HttpOutcome& outcome, Repeat repeat, int tries = 1,
                                  milliseconds elapsed = milliseconds(0), double jitter = 0) {
  return pause_before_repeat(outcome, repeat, tries, elapsed, kPolicy, jitter, kNow);
}

TEST(PauseBeforeRepeat, DependsOnTheStatusAndOnWhatASecondOneWouldDo) {
  struct Row {
    int status;
    bool safe, not_twice;
  };
  for (const Row& row : {Row{200, false, false},
                         {201, false, false},
                         {301, false, false},
                         {400, false, false},
                         {401, false, false},
                         {403, false, false},
                         {404, false, false},
                         {408, true, false},
                         {409, false, false},
                         {412, false, false},
                         {416, false, false},
                         {429, true, true},
                         {500, true, false},
                         {501, false, false},
                         {502, true, false},
                         {503, true, true},
                         {504, true, false},
                         {505, false, false}}) {
    EXPECT_EQ(pause(answered(row.status), Repeat::kSafe).has_value(), row.safe) << row.status;
    EXPECT_EQ(pause(answered(row.status), Repeat::kNotTwice).has_value(), row.not_twice) << row.status;
  }
}

TEST(PauseBeforeRepeat, DependsOnWhetherItMayHaveArrived) {
  struct Row {
    Kind kind;
    bool safe, not_twice;
  };
  for (const Row& row : {Row{Kind::kNotSent, true, true},
                         {Kind::kUnanswered, true, false},
                         {Kind::kRefused, false, false},
                         {Kind::kInterrupted, false, false}}) {
    EXPECT_EQ(pause(unanswered(row.kind), Repeat::kSafe).has_value(), row.safe) << static_cast<int>(row.kind);
    EXPECT_EQ(pause(unanswered(row.kind), Repeat::kNotTwice).has_value(), row.not_twice)
        << static_cast<int>(row.kind);
  }
}

TEST(PauseBeforeRepeat, DoublesUpToTheLongest) {
  const int wanted[] = {500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000};
  for (int tries = 1; tries <= 8; ++tries)
    EXPECT_EQ(pause(answered(503), Repeat::kSafe, tries), milliseconds(wanted[tries - 1])) << tries;
  EXPECT_EQ(pause(answered(503), Repeat::kSafe, 2'000'000'000), milliseconds(30'000));
}

TEST(PauseBeforeRepeat, JitterAddsUpToAQuarter) {
  EXPECT_EQ(pause(answered(503), Repeat::kSafe, 1, milliseconds(0), 1), milliseconds(625));
  EXPECT_EQ(pause(answered(503), Repeat::kSafe, 1, milliseconds(0), 0.5), milliseconds(562));
  EXPECT_EQ(pause(answered(503), Repeat::kSafe, 9, milliseconds(0), 1), milliseconds(37'500));
}

TEST(PauseBeforeRepeat, KeepsWhatTheServiceAsksFor) {
  EXPECT_EQ(pause(answered(429, "7"), Repeat::kNotTwice), milliseconds(7000));
  EXPECT_EQ(pause(answered(503, "60"), Repeat::kSafe), milliseconds(60'000)) << "longer than the longest";
  EXPECT_EQ(pause(answered(503, "0"), Repeat::kSafe), milliseconds(500)) << "never less than our own";
  EXPECT_EQ(pause(answered(503, "Sun, 29 Nov 2026 12:13:55 GMT"), Repeat::kSafe), milliseconds(20'000));
  EXPECT_EQ(pause(answered(503, "soon"), Repeat::kSafe), milliseconds(500));
}

TEST(PauseBeforeRepeat, EndsWithTheBudget) {
  EXPECT_EQ(pause(answered(503), Repeat::kSafe, 1, milliseconds(119'500)), milliseconds(500));
  EXPECT_EQ(pause(answered(503), Repeat::kSafe, 1, milliseconds(119'501)), std::nullopt);
  EXPECT_EQ(pause(answered(503, "121"), Repeat::kSafe), std::nullopt);
  EXPECT_EQ(pause(answered(503, "Fri, 31 Dec 9999 23:59:59 GMT"), Repeat::kSafe), std::nullopt);
}

TEST(ParseRetryAfter, ReadsSecondsAndDates) {
  EXPECT_EQ(parse_retry_after("0", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("120", kNow), seconds(120));
  EXPECT_EQ(parse_retry_after("-3", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("1000000000000", kNow), seconds(86'400));
  EXPECT_EQ(parse_retry_after("Sun, 29 Nov 2026 12:14:35 GMT", kNow), seconds(60));
  EXPECT_EQ(parse_retry_after("Sun, 29 Nov 2026 12:13:36 GMT", kNow + milliseconds(400)), seconds(1))
      << "never earlier than it says";
  EXPECT_EQ(parse_retry_after("Sun, 29 Nov 2026 12:00:00 GMT", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kNow), seconds(86'400));
  for (const char* text : {"", " ", "soon", "5 s", "5.5", "0x5", "99999999999999999999999"})
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
}

TEST(HttpDate, IsWrittenAndReadWhateverTheLocale) {
  EXPECT_EQ(http_date(kNow), "Sun, 29 Nov 2026 12:13:35 GMT");
  EXPECT_EQ(http_date(system_clock::from_time_t(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  for (const std::time_t time : {0LL, 951'782'400LL, 1'795'954'415LL, 4'107'542'399LL}) {
    const auto point = system_clock::from_time_t(time);
    EXPECT_EQ(parse_http_date(http_date(point)), point) << time;
  }
  EXPECT_EQ(http_date(system_clock::from_time_t(951'782'400)), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(HttpDate, WhatIsNoneIsNotGuessedAt) {
  for (const char* text :
       {"", "Sun", "Sun, 29 Nov 2026", "Sun, 29 Nov 2026 12:13:35", "Sun, 29 Nov 2026 12:13:35 +0100",
        "Sun, 29 Nov 2026 12:13:35 GMT+1", "Sun, 29 Foo 2026 12:13:35 GMT", "Sun, 32 Nov 2026 12:13:35 GMT",
        "Sun, 00 Nov 2026 12:13:35 GMT", "Sun, 29 Nov 2026 24:13:35 GMT", "Sun, 29 Nov 2026 12:60:35 GMT",
        "Sun, 29 Nov 2026 12:13:-5 GMT", "2026-11-29T12:13:35Z"})
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

}  // namespace
}  // namespace shipyard::batch
