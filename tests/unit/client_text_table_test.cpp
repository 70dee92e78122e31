#include "batch/client/text_table.hpp"

#include <gmock/gmock.h>

namespace shipyard::batch {
namespace {

TEST(TextTable, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(text_table({{"TASK", "NODES", "STATE"}, {"a", "16", "running"}, {"longer", "2", "active"}}, {1}),
            "TASK    NODES  STATE\n"
            "a          16  running\n"
            "longer      2  active\n");
}

TEST(TextTable, NoLineEndsInBlanks) {
  EXPECT_EQ(text_table({{"A", "B", "C"}, {"x", "", ""}, {"", "", ""}, {"longer"}}),
            "A       B  C\n"
            "x\n"
            "\n"
            "longer\n");
  EXPECT_EQ(text_table({}), "");
  EXPECT_EQ(text_table({{}}), "\n");
}

TEST(TextTable, LettersOfTwoBytesDoNotShiftWhatFollows) {
  EXPECT_EQ(text_table({{"a", "b"}, {"\u00e9\u00e9", "b"}}), "a     b\n\u00e9\u00e9    b\n");
}

}  // namespace
}  // namespace shipyard::batch
