#include "launcher/map/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::launcher::map {
namespace {

using testing::ElementsAre;

TEST(ListText, WritesRangesStridesAndNumbers) {
  EXPECT_EQ(list_text({}), "");
  EXPECT_EQ(list_text({7}), "7");
  EXPECT_EQ(list_text({0, 1}), "0-1");
  EXPECT_EQ(list_text({0, 64}), "0,64");
  EXPECT_EQ(list_text({0, 2, 4, 6}), "0-6:2");
  EXPECT_EQ(list_text({0, 1, 2, 3, 64, 65, 66, 67}), "0-3,64-67");
  EXPECT_EQ(list_text({0, 2, 3, 9}), "0,2-3,9");
}

TEST(BytesText, KeepsADecimalOnlyWhereItSaysSomething) {
  EXPECT_EQ(bytes_text(512), "512 bytes");
  EXPECT_EQ(bytes_text(33554432), "32 MiB");
  EXPECT_EQ(bytes_text((112ULL << 30U)), "112 GiB");
  EXPECT_EQ(bytes_text((31ULL << 30U) - (30ULL << 20U)), "31 GiB");
  EXPECT_EQ(bytes_text((25ULL << 30U) / 2), "12.5 GiB");
  EXPECT_EQ(bytes_text((1ULL << 40U) - 1), "1 TiB");
}

TEST(ShortModel, LeavesWhatTellsModelsApart) {
  EXPECT_EQ(short_model("Intel(R) Xeon(R) Platinum 8168 CPU @ 2.70GHz"), "Intel Xeon Platinum 8168");
  EXPECT_EQ(short_model("AMD EPYC 7V73X 64-Core Processor                "), "AMD EPYC 7V73X");
  EXPECT_EQ(short_model("POWER9, altivec supported"), "POWER9");
  EXPECT_EQ(short_model("Neoverse-N1"), "Neoverse-N1");
}

TEST(Printable, HidesWhatATerminalWouldActOnAndWhatIsWide) {
  EXPECT_EQ(printable("a\033[31m\tb\x7F"), "a?[31m?b?");
  EXPECT_EQ(printable("\xE7\x95\xAA 1"), "? 1");
}

TEST(WidthOf, CountsCharactersAndNotBytes) {
  EXPECT_EQ(width_of("├─ 0 ─►│"), 8);
  EXPECT_EQ(width_of(""), 0);
}

TEST(Flow, BreaksBetweenItemsThenAtBlanksAndShortensWords) {
  const auto& unicode = glyphs(true);
  EXPECT_THAT(flow({"12345", "678", "9"}, " · ", 11, unicode), ElementsAre("12345 · 678", "9"));
  EXPECT_THAT(flow({"12345", "678", "9"}, " · ", 10, unicode), ElementsAre("12345", "678 · 9"));
  EXPECT_THAT(flow({"1", "two three four", "5"}, " · ", 9, unicode),
              ElementsAre("1", "two three", "four · 5"));
  EXPECT_THAT(flow({"──────────"}, "", 8, unicode), ElementsAre("───────…"));
  EXPECT_THAT(flow({"1", "package-model"}, ", ", 8, glyphs(false)), ElementsAre("1", "packa..."));
  EXPECT_THAT(flow({}, "", 8, unicode), ElementsAre());
}

TEST(Line, KnowsItsWidthWithoutColoursAndEndsWithoutBlanks) {
  Line coloured(true);
  coloured.put("│", kDim);
  coloured.pad_to(4);
  coloured.put("", kBold);
  EXPECT_EQ(coloured.width(), 4);
  EXPECT_EQ(coloured.text(), "\033[2m│\033[0m\n");
  Line plain(false);
  plain.put("│", kDim);
  EXPECT_EQ(plain.text(), "│\n");
}

}  // namespace
}  // namespace shipyard::launcher::map
