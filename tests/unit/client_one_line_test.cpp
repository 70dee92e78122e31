#include "batch/client/one_line.hpp"

#include <gtest/gtest.h>

namespace shipyard::batch {
namespace {

TEST(OneLine, IsOneAndHarmsNoTerminal) {
  EXPECT_EQ(one_line("a\nb\r\n\tc \x1b[2Jd\x7f \n"), "a b   c  [2Jd");
  EXPECT_EQ(one_line(" \n"), "");
  EXPECT_EQ(one_line(""), "");
}

TEST(OneLine, ShowsNoSignature) {
  EXPECT_EQ(one_line("cannot read https://s.test/a?sv=1&sig=abc%2Bd&se=2"),
            "cannot read https://s.test/a?sv=1&sig=***&se=2");
  EXPECT_EQ(one_line("https://s.test/a?sig=abcdefghijk", 24), "https://s.test/a?sig=***");
}

TEST(OneLine, IsCutBetweenCharacters) {
  EXPECT_EQ(one_line("aö€b", 7), "aö€b");
  EXPECT_EQ(one_line("aö€b", 6), "aö€");
  EXPECT_EQ(one_line("aö€b", 5), "aö");
  EXPECT_EQ(one_line("aö€b", 4), "aö");
  EXPECT_EQ(one_line("aö€b", 2), "a");
  EXPECT_EQ(one_line("ab cd", 3), "ab");
  EXPECT_EQ(one_line("\x80\x80\x80", 2), "") << "no character begins there";
}

}  // namespace
}  // namespace shipyard::batch
