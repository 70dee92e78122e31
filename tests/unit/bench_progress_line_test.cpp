#include "bench/harness/progress_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace shipyard::bench {
namespace {

using ::testing::EndsWith;

TEST(ProgressLine, IsCutWhereTheTerminalEndsAndClearedOnce) {
  std::ostringstream out;
  ProgressLine line(out, 11);
  line.clear();
  EXPECT_EQ(out.str(), "");
  line.show("0123456789abc");
  EXPECT_EQ(out.str(), "\r\033[K0123456789");
  line.show("soon after");  // too soon
  line.clear();
  line.clear();
  EXPECT_EQ(out.str(), "\r\033[K0123456789\r\033[K");
}

TEST(ProgressLine, SaysNothingWithoutATerminal) {
  std::ostringstream out;
  ProgressLine line(out, std::nullopt);
  line.show("text");
  line.clear();
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressText, TellsWhatIsLeft) {
  EXPECT_EQ(progress_text("pingpong: size 8", 0, 23, Seconds(0.1), Seconds(59.2)),
            "pingpong: size 8: 0 of 23, at most 60 s left");
  EXPECT_EQ(progress_text("a", 5, 20, Seconds(10), Seconds(50)), "a: 5 of 20, about 30 s left");
  EXPECT_THAT(progress_text("a", 5, 20, Seconds(10), Seconds(12)), EndsWith("about 12 s left"));
  EXPECT_THAT(progress_text("a", 20, 20, Seconds(10), Seconds(-1)), EndsWith("about 0 s left"));
}

}  // namespace
}  // namespace shipyard::bench
