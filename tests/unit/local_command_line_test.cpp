#include "batch/local/nodes/command_line.hpp"

#include <gmock/gmock.h>

#include "batch/client/commands.hpp"

namespace shipyard::local {
namespace {

using ::testing::ElementsAre;

TEST(SplitCommandLine, AsAShellDoes) {
  EXPECT_THAT(*split_command_line("a b"), ElementsAre("a", "b"));
  EXPECT_THAT(*split_command_line("  a\t'b c' \"d $e\" f\\ g '' "),
              ElementsAre("a", "b c", "d $e", "f g", ""));
  EXPECT_THAT(*split_command_line("x'y'\"z\"\\'"), ElementsAre("xyz'"));
  EXPECT_THAT(*split_command_line("\"\\$a \\\"b\\\" \\c\\\\\""), ElementsAre("$a \"b\" \\c\\"));
  EXPECT_THAT(*split_command_line("'\\'"), ElementsAre("\\"));
}

TEST(SplitCommandLine, ReadsWhatTheClientWrites) {
  for (const char* script : {"echo 'it''s' \"$HOME\" \\ ; exit 3", "a\nb", "'", "\"\\\""}) {
    EXPECT_THAT(*split_command_line(batch::bash_command_line(script)),
                ElementsAre("/bin/bash", "-c", script));
  }
}

TEST(SplitCommandLine, SaysWhatIsWrong) {
  for (const char* open : {"a 'b", "\"", "a \"b'", "'\\''"}) EXPECT_FALSE(split_command_line(open)) << open;
  for (const char* empty : {"", "  ", "\n"}) EXPECT_FALSE(split_command_line(empty)) << empty;
}

}  // namespace
}  // namespace shipyard::local
