#include "bench/harness/sizes.hpp"

#include <gmock/gmock.h>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;

TEST(ParseBytes, ReadsPlainNumbersAndPowersOf1024) {
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("4096"), 4096);
  EXPECT_EQ(parse_bytes("7B"), 7);
  EXPECT_EQ(parse_bytes("4k"), 4096);
  EXPECT_EQ(parse_bytes("4KiB"), 4096);
  EXPECT_EQ(parse_bytes("4M"), 4194304);
  EXPECT_EQ(parse_bytes("1GiB"), 1073741824);
}

TEST(ParseBytes, RejectsWhatIsNoSize) {
  for (const char* text : {"", "k", "-1", "+1", "4 K", "4KB", "4x", "1.5K", "0x10", "4K4"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
}

TEST(ParseBytes, RejectsWhatDoesNotFitInsteadOfWrapping) {
  EXPECT_EQ(parse_bytes("9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(parse_bytes("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_bytes("8589934592G"), std::nullopt);
}

TEST(SizeSeries, StartsAtZeroAndHasEveryPowerOfTwo) {
  EXPECT_THAT(size_series(0, 16), ElementsAre(0, 1, 2, 4, 8, 16));
  EXPECT_EQ(size_series(0, 4194304).size(), 24u);
}

TEST(SizeSeries, KeepsTheBoundsThatAreNoPowersOfTwo) {
  EXPECT_THAT(size_series(1000, 5000), ElementsAre(1000, 1024, 2048, 4096, 5000));
  EXPECT_THAT(size_series(3, 4), ElementsAre(3, 4));
}

TEST(SizeSeries, IsOneSizeWhereTheBoundsAreEqual) {
  EXPECT_THAT(size_series(0, 0), ElementsAre(0));
  EXPECT_THAT(size_series(1000, 1000), ElementsAre(1000));
  EXPECT_THAT(size_series(8, 8), ElementsAre(8));
}

TEST(SizeSeries, ReachesTheLargestMessage) { EXPECT_EQ(size_series(0, kLargestMessage).back(), 1073741824); }

TEST(ParseSizes, TakesListsAndRanges) {
  const auto sizes = [](const char* text) { return parse_sizes(text).value(); };
  EXPECT_THAT(sizes("8"), ElementsAre(8));
  EXPECT_THAT(sizes("64K,0,8"), ElementsAre(0, 8, 65536));
  EXPECT_THAT(sizes("1K..4K,1024,3"), ElementsAre(3, 1024, 2048, 4096));
  EXPECT_THAT(sizes("8..8"), ElementsAre(8));
}

TEST(ParseSizes, NamesThePartThatIsWrong) {
  const auto error = [](const char* text) {
    auto sizes = parse_sizes(text);
    return sizes ? std::string("no error") : sizes.error().message;
  };
  EXPECT_EQ(error(""), "--sizes '': '' is no size");
  EXPECT_EQ(error("8,"), "--sizes '8,': '' is no size");
  EXPECT_EQ(error("8,4T"), "--sizes '8,4T': '4T' is no size");
  EXPECT_EQ(error("1K..x"), "--sizes '1K..x': '1K..x' is no size");
  EXPECT_EQ(error("1K...4K"), "--sizes '1K...4K': '1K...4K' is no size");
  EXPECT_EQ(error("4K..1K"), "--sizes '4K..1K': '4K..1K' goes down");
  EXPECT_EQ(error("1,2G"), "--sizes '1,2G': '2G' is above 1G");
}

}  // namespace
}  // namespace shipyard::bench
