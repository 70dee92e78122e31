#include "base/command_line.hpp"

#include <gtest/gtest.h>

#include "base/terminal.hpp"

namespace shipyard {
namespace {

using Words = std::vector<std::string>;

CommandLineSpec spec(CommandLineSpec::Operands operands = CommandLineSpec::Operands::kProgram) {
  CommandLineSpec result;
  result.tool = "tool";
  result.usage = "[options] program";
  result.sentence = "Do the work.";
  result.operands = operands;
  result.groups = {
      {"Ranks",
       {{.name = "ranks", .letter = 'n', .value = "N", .help = "ranks in all", .aliases = {"-np"}},
        {.name = "ppn", .value = "N", .help = "ranks per node", .variable = "SHIPYARD_PPN"},
        {.name = "export",
         .letter = 'x',
         .value = "NAME",
         .help = "variable to hand on",
         .repeatable = true}}},
      {"Other",
       {{.name = "verbose", .letter = 'v', .help = "say more", .repeatable = true},
        {.name = "json", .help = "for machines", .variable = "SHIPYARD_JSON"}}}};
  return result;
}

ParsedCommandLine parsed(const Words& words, const Environment& environment = {}) {
  auto result = parse_command_line(spec(), words, environment);
  EXPECT_TRUE(result) << format_error("tool", result.error());
  return result ? *result : ParsedCommandLine{};
}

std::string refused(const Words& words,
                    CommandLineSpec::Operands operands = CommandLineSpec::Operands::kProgram) {
  auto result = parse_command_line(spec(operands), words, {});
  EXPECT_FALSE(result);
  return result ? std::string() : format_error("tool", result.error());
}

TEST(ParseCommandLine, TakesValuesInEverySpelling) {
  EXPECT_EQ(parsed({"--ranks", "4"}).get("ranks")->text, "4");
  EXPECT_EQ(parsed({"--ranks=4"}).get("ranks")->text, "4");
  EXPECT_EQ(parsed({"-n", "4"}).get("ranks")->text, "4");
  EXPECT_EQ(parsed({"-n4"}).get("ranks")->text, "4");
  EXPECT_EQ(parsed({"-np", "4"}).get("ranks")->text, "4");
  EXPECT_EQ(parsed({"-vvn4"}).get("ranks")->text, "4");
  EXPECT_EQ(parsed({"-vvn4"}).count("verbose"), 2);
}

TEST(ParseCommandLine, LeavesOutWhatWasNotGiven) {
  const auto line = parsed({"app"});
  EXPECT_FALSE(line.has("ranks"));
  EXPECT_FALSE(line.get("ranks"));
  EXPECT_TRUE(line.all("export").empty());
}

TEST(ParseCommandLine, StopsAtTheProgramAndLeavesItsArgumentsAlone) {
  const auto line = parsed({"-n", "2", "app", "-v", "--ranks=9", "--", "-x"});
  EXPECT_EQ(line.operands, (Words{"app", "-v", "--ranks=9", "--", "-x"}));
  EXPECT_EQ(line.get("ranks")->text, "2");
  EXPECT_FALSE(line.has("verbose"));
}

TEST(ParseCommandLine, TakesEverythingAfterTwoDashesAsTheProgram) {
  EXPECT_EQ(parsed({"-v", "--", "-app", "-v"}).operands, (Words{"-app", "-v"}));
}

TEST(ParseCommandLine, ReadsOptionsBehindOperandsWhereTheseAreNoProgram) {
  auto line = parse_command_line(spec(CommandLineSpec::Operands::kAny), {"a", "-v", "b"}, {});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->operands, (Words{"a", "b"}));
  EXPECT_TRUE(line->has("verbose"));
}

TEST(ParseCommandLine, ASingleDashIsAnOperand) { EXPECT_EQ(parsed({"-"}).operands, (Words{"-"})); }

TEST(ParseCommandLine, TakesValuesThatLookLikeOptionsOrAreEmpty) {
  EXPECT_EQ(parsed({"--ranks", "-oProxyCommand=x"}).get("ranks")->text, "-oProxyCommand=x");
  EXPECT_EQ(parsed({"--ranks", "--verbose"}).get("ranks")->text, "--verbose");
  EXPECT_FALSE(parsed({"--ranks", "--verbose"}).has("verbose"));
  EXPECT_EQ(parsed({"--ranks="}).get("ranks")->text, "");
  EXPECT_EQ(parsed({"--ranks", ""}).get("ranks")->text, "");
}

TEST(ParseCommandLine, TakesValuesWithLineBreaksAndOfAHundredKilobytes) {
  EXPECT_EQ(parsed({"--ranks=a\nb=c"}).get("ranks")->text, "a\nb=c");
  const std::string large(120'000, ',');
  EXPECT_EQ(parsed({"--ranks=" + large}).get("ranks")->text, large);
  EXPECT_EQ(parsed({"-x" + large}).get("export")->text, large);
}

TEST(ParseCommandLine, TheLastValueCountsExceptWhereTheOptionRepeats) {
  const auto line = parsed({"-n", "1", "-x", "A", "-n", "2", "-x", "B"});
  EXPECT_EQ(line.get("ranks")->text, "2");
  EXPECT_EQ(line.count("ranks"), 1);
  ASSERT_EQ(line.all("export").size(), 2U);
  EXPECT_EQ(line.all("export")[0].text, "A");
  EXPECT_EQ(line.all("export")[1].text, "B");
}

TEST(ParseCommandLine, AValueFromTheEnvironmentNamesItsVariableAndYieldsToTheOption) {
  Environment environment;
  environment.variables = {{"SHIPYARD_PPN", "64"}};
  EXPECT_EQ(parsed({"app"}, environment).get("ppn")->text, "64");
  EXPECT_EQ(parsed({"app"}, environment).get("ppn")->origin, "SHIPYARD_PPN");
  EXPECT_EQ(parsed({"--ppn", "2", "app"}, environment).get("ppn")->text, "2");
  EXPECT_EQ(parsed({"--ppn", "2", "app"}, environment).get("ppn")->origin, "--ppn");
}

TEST(ParseCommandLine, AFlagFromTheEnvironmentIsOnUnlessEmptyOrZero) {
  for (const auto& [value, on] : {std::pair{"1", true}, {"yes", true}, {"0", false}, {"", false}}) {
    Environment environment;
    environment.variables = {{"SHIPYARD_JSON", value}};
    EXPECT_EQ(parsed({"app"}, environment).has("json"), on) << value;
  }
}

TEST(ParseCommandLine, AnUnknownOptionNamesTheNearest) {
  EXPECT_EQ(refused({"--rnaks", "4"}),
            "tool: error: unknown option '--rnaks'\nhint: did you mean '--ranks'? Try 'tool --help'\n");
  EXPECT_EQ(refused({"--rank=4"}),
            "tool: error: unknown option '--rank'\nhint: did you mean '--ranks'? Try 'tool --help'\n");
  EXPECT_EQ(refused({"--something-else"}),
            "tool: error: unknown option '--something-else'\nhint: Try 'tool --help'\n");
  EXPECT_EQ(refused({"-z"}), "tool: error: unknown option '-z'\nhint: Try 'tool --help'\n");
  EXPECT_EQ(refused({"-vz"}), "tool: error: unknown option '-vz'\nhint: Try 'tool --help'\n");
}

TEST(ParseCommandLine, SaysWhichValueIsMissing) {
  EXPECT_EQ(refused({"--ranks"}),
            "tool: error: option '--ranks' needs a value: N\nhint: Try 'tool --help'\n");
  EXPECT_EQ(refused({"-np"}), "tool: error: option '-np' needs a value: N\nhint: Try 'tool --help'\n");
}

TEST(ParseCommandLine, RefusesAValueForAFlag) {
  EXPECT_EQ(refused({"--json=1"}), "tool: error: option '--json' takes no value\nhint: Try 'tool --help'\n");
}

TEST(ParseCommandLine, RefusesAnOperandWhereThereIsNone) {
  EXPECT_EQ(refused({"app"}, CommandLineSpec::Operands::kNone),
            "tool: error: unexpected argument 'app'\nhint: Try 'tool --help'\n");
}

TEST(HelpText, ListsGroupsWithDefaultsAndVariables) {
  CommandLineSpec help = spec();
  help.groups[0].options[0].default_text = "one for each core that this process may use";
  help.groups[0].options[1].name = "a-name-that-is-long";
  help.epilogue = "Examples:\n  tool app\n";
  EXPECT_EQ(help_text(help, 60),
            "Usage: tool [options] program\n"
            "\n"
            "Do the work.\n"
            "\n"
            "Ranks:\n"
            "  -n, --ranks N           ranks in all (default one for each\n"
            "                          core that this process may use)\n"
            "      --a-name-that-is-long N\n"
            "                          ranks per node [SHIPYARD_PPN]\n"
            "  -x, --export NAME       variable to hand on\n"
            "\n"
            "Other:\n"
            "  -v, --verbose           say more\n"
            "      --json              for machines [SHIPYARD_JSON]\n"
            "\n"
            "Examples:\n"
            "  tool app\n");
}

TEST(ParseNumber, TakesWholeNumbersOfTheRange) {
  EXPECT_EQ(*parse_number({"1", "--ppn"}, 1, 8), 1);
  EXPECT_EQ(*parse_number({"8", "--ppn"}, 1, 8), 8);
}

TEST(ParseNumber, NamesTheOriginAndTheRangeOfWhatIsNone) {
  for (const std::string text :
       {"", "0", "9", "-1", "+1", " 1", "1 ", "1.0", "0x1", "99999999999999999999"}) {
    auto number = parse_number({text, "SHIPYARD_PPN"}, 1, 8);
    ASSERT_FALSE(number) << text;
    EXPECT_EQ(number.error().message, "SHIPYARD_PPN: '" + text + "' is not a whole number from 1 to 8");
  }
}

TEST(NearestMatch, IsEmptyWhereAllAreFar) {
  EXPECT_EQ(nearest_match("hydr", {"openmpi", "hydra"}), "hydra");
  EXPECT_EQ(nearest_match("pvm", {"openmpi", "hydra"}), "");
  EXPECT_EQ(nearest_match("x", {}), "");
}

}  // namespace
}  // namespace shipyard
