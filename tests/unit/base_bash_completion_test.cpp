#include "base/bash_completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard {
namespace {

using testing::HasSubstr;
using testing::Not;

// What bash makes of the scripts is tested with bash: tests/cli/completion.sh.

TEST(BashCompletion, KnowsWhatEachValueIs) {
  const auto table = [](const std::string& value) {
    CommandLineSpec spec{"a-tool", "", "", {{"Group", {{.name = "option", .letter = 'o', .value = value}}}}};
    return bash_completion("a-tool", {spec});
  };
  EXPECT_THAT(table("N|core|l3"), HasSubstr("takes=( [-o]='words:core l3' [--option]='words:core l3' )"));
  EXPECT_THAT(table("FILE"), HasSubstr("[-o]='files'"));
  EXPECT_THAT(table("[HOST=]FILE|TEXT"), HasSubstr("[-o]='files'"));
  EXPECT_THAT(table("DIR[:TARGET]"), HasSubstr("[-o]='directories'"));
  EXPECT_THAT(table("NAME[=VALUE]"), HasSubstr("[-o]='variables'"));
  EXPECT_THAT(table("SIGNAL"), HasSubstr("[-o]='signals'"));
  EXPECT_THAT(table("PROFILE"), HasSubstr("[-o]='value'"));
  EXPECT_THAT(table(""), HasSubstr("takes=( )"));
}

TEST(BashCompletion, TakesTheOperandFromTheUsage) {
  const auto operand = [](const std::string& usage, CommandLineSpec::Operands operands) {
    CommandLineSpec spec{"a-tool", usage, "", {}, operands};
    return bash_completion("a-tool", {spec});
  };
  using Operands = CommandLineSpec::Operands;
  EXPECT_THAT(operand("program", Operands::kProgram), HasSubstr("operand=program in_front=0"));
  EXPECT_THAT(operand("[options] FILE", Operands::kAny), HasSubstr("operand=files"));
  EXPECT_THAT(operand("[options] DIR", Operands::kAny), HasSubstr("operand=directories"));
  EXPECT_THAT(operand("[options] JOB", Operands::kAny), HasSubstr("operand=none"));
  EXPECT_THAT(operand("FILE", Operands::kNone), HasSubstr("operand=none"));
}

TEST(BashCompletion, IsForTheToolOfThisName) {
  CommandLineSpec spec{"a-tool", "", "", {{"Group", {{.name = "n", .letter = 'n', .aliases = {"-np"}}}}}};
  const auto script = bash_completion("a-tool", {spec});
  EXPECT_THAT(script, HasSubstr("options=(-n -np)"));
  EXPECT_TRUE(script.ends_with("complete -F _a_tool a-tool\n"));
  EXPECT_THAT(script, Not(HasSubstr("case $command")));
}

}  // namespace
}  // namespace shipyard
