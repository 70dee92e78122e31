#include "base/cpu_list.hpp"

#include <gtest/gtest.h>

namespace shipyard {
namespace {

using Cpus = std::vector<int>;

TEST(ParseCpuList, TakesTheKernelsFormat) {
  EXPECT_EQ(parse_cpu_list(""), Cpus());
  EXPECT_EQ(parse_cpu_list("7"), Cpus({7}));
  EXPECT_EQ(parse_cpu_list("0-2,5,8-9"), Cpus({0, 1, 2, 5, 8, 9}));
  EXPECT_EQ(parse_cpu_list("1500-1501"), Cpus({1500, 1501}));
  EXPECT_EQ(parse_cpu_list("65535"), Cpus({65535}));
}

TEST(ParseCpuList, RefusesAnythingElse) {
  for (const char* text : {" ",    "x",  "-1",  "-0",    "1-",    "-",       ",",          "1,",  ",1",
                           "1,,2", "1 ", " 1",  "1\n",   "2,1",   "1,1",     "3-3",        "3-2", "0-4,4",
                           "01",   "+1", "0x1", "1-2-3", "65536", "0-65536", "99999999999"}) {
    EXPECT_FALSE(parse_cpu_list(text)) << text;
    EXPECT_FALSE(is_cpu_list(text)) << text;
  }
  EXPECT_TRUE(is_cpu_list("0-2,5"));
  EXPECT_TRUE(is_cpu_list(""));
}

TEST(FormatCpuList, JoinsNeighbours) {
  EXPECT_EQ(format_cpu_list({}), "");
  EXPECT_EQ(format_cpu_list({3}), "3");
  EXPECT_EQ(format_cpu_list({0, 1}), "0-1");
  EXPECT_EQ(format_cpu_list({0, 1, 2, 5, 8, 9}), "0-2,5,8-9");
}

}  // namespace
}  // namespace shipyard
