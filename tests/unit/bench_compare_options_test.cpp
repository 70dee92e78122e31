#include "bench/compare/compare_options.hpp"

#include <gmock/gmock.h>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using Words = std::vector<std::string>;

CompareOptions good(const Words& words) {
  const auto options = parse_compare_options(words);
  EXPECT_TRUE(options) << options.error().message;
  return options ? *options : CompareOptions{};
}

std::string error_of(const Words& words) {
  const auto options = parse_compare_options(words);
  return options ? "none" : options.error().message;
}

TEST(CompareOptions, TwoFilesNeedNoSeparator) {
  const auto options = good({"--alpha", "0.01", "A.json", "B.json"});
  EXPECT_THAT(options.files_a, ElementsAre("A.json"));
  EXPECT_THAT(options.files_b, ElementsAre("B.json"));
  EXPECT_EQ(options.question.alpha, 0.01);
  EXPECT_FALSE(options.runs_commands());
}

TEST(CompareOptions, TheSeparatorPartsMoreFiles) {
  const auto options = good({"A1", "A2", "--figure=real_time", "--", "B1", "--B2"});
  EXPECT_THAT(options.files_a, ElementsAre("A1", "A2"));
  EXPECT_THAT(options.files_b, ElementsAre("B1", "--B2"));
  EXPECT_EQ(options.question.figure, "real_time");
}

TEST(CompareOptions, CommandsPassUntouched) {
  const auto options = good({"-n", "7", "--timeout", "1.5", "--keep", "runs", "--format", "json", "--",
                             "mpirun", "-np", "2", "--launches", "x", "--", "b", "--help"});
  EXPECT_THAT(options.command_a, ElementsAre("mpirun", "-np", "2", "--launches", "x"));
  EXPECT_THAT(options.command_b, ElementsAre("b", "--help"));
  EXPECT_EQ(options.launches, 7);
  EXPECT_EQ(options.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(options.keep, "runs");
  EXPECT_TRUE(options.json);
  EXPECT_EQ(good({"--", "a", "--", "b"}).launches, 10);
}

TEST(CompareOptions, RejectsWhatIsNeitherFilesNorCommands) {
  EXPECT_EQ(error_of({}), "two reports or two commands expected");
  EXPECT_EQ(error_of({"A"}), "two reports or two commands expected");
  EXPECT_EQ(error_of({"A", "B", "C"}), "3 reports, and no '--' between A's and B's");
  EXPECT_EQ(error_of({"A", "--"}), "A's reports, '--' and B's reports expected");
  EXPECT_EQ(error_of({"A", "--", "B", "--", "C"}), "A's reports, '--' and B's reports expected");
  EXPECT_EQ(error_of({"--", "a"}), "two commands expected: -- COMMAND_A -- COMMAND_B");
  EXPECT_EQ(error_of({"--", "a", "--"}), "two commands expected: -- COMMAND_A -- COMMAND_B");
  EXPECT_EQ(error_of({"--", "--", "b"}), "two commands expected: -- COMMAND_A -- COMMAND_B");
  EXPECT_EQ(error_of({"--", "ssh", "--", "a", "--", "b"}),
            "there are 3 '--', and two belong before the two commands");
}

TEST(CompareOptions, WhatIsOfLaunchesDoesNotGoWithFiles) {
  for (const char* name : {"launches", "timeout", "keep"})
    EXPECT_EQ(error_of({std::string("--") + name, "5", "A", "B"}),
              std::string("--") + name + " goes with two commands: -- COMMAND_A -- COMMAND_B");
}

TEST(CompareOptions, RejectsWrongValues) {
  for (const char* alpha : {"0", "-1", "0.6", "x", "0.05x", "nan", ""})
    EXPECT_EQ(error_of({"--alpha", alpha, "A", "B"}),
              "--alpha '" + std::string(alpha) + "': a number from 0.000001 to 0.5 expected");
  EXPECT_EQ(error_of({"--better", "x", "A", "B"}), "--better 'x' is not among: less, more");
  EXPECT_EQ(error_of({"--format", "csv", "A", "B"}), "--format 'csv' is not among: table, json");
  EXPECT_EQ(error_of({"-n", "0", "--", "a", "--", "b"}),
            "--launches: '0' is not a whole number from 1 to 1000");
  EXPECT_EQ(error_of({"--timeout", "0", "--", "a", "--", "b"}),
            "--timeout '0': a time above 0, such as 90s or 5m, expected");
  EXPECT_EQ(error_of({"--keep", "", "--", "a", "--", "b"}), "--keep: the name of a directory expected");
}

TEST(CompareOptions, SoFewLaunchesThatNothingCanBeToldAreRefusedAtOnce) {
  EXPECT_EQ(error_of({"-n", "3", "--", "a", "--", "b"}),
            "--launches 3: nothing can be told from so few at alpha 0.05; 4 are needed");
  EXPECT_EQ(error_of({"-n", "3", "--alpha", "0.2", "--", "a", "--", "b"}), "none");
}

}  // namespace
}  // namespace shipyard::bench
