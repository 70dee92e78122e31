#include "base/environment.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace shipyard {
namespace {

TEST(Environment, CapturesWhatTheProcessWasGiven) {
  ::setenv("SHIPYARD_TEST_VARIABLE", "a=b c", 1);
  const Environment environment = Environment::capture();
  ::unsetenv("SHIPYARD_TEST_VARIABLE");
  EXPECT_EQ(environment.get("SHIPYARD_TEST_VARIABLE"), "a=b c");
  EXPECT_EQ(environment.working_directory, std::filesystem::current_path().string());
  EXPECT_TRUE(std::filesystem::exists(environment.executable_directory + "/base_test"));
  EXPECT_EQ(environment.user_id, ::geteuid());
  EXPECT_GT(environment.terminal_columns, 0);
}

TEST(Environment, TellsEmptyFromUnset) {
  Environment environment;
  environment.variables = {{"EMPTY", ""}, {"SET", "1"}};
  EXPECT_EQ(environment.get("EMPTY"), "");
  EXPECT_FALSE(environment.has("EMPTY"));
  EXPECT_TRUE(environment.has("SET"));
  EXPECT_EQ(environment.get("OTHER"), std::nullopt);
}

TEST(Environment, RendersItselfForExec) {
  Environment environment;
  environment.variables = {{"B", "x=y"}, {"A", ""}};
  EXPECT_EQ(environment.as_strings(), (std::vector<std::string>{"A=", "B=x=y"}));
}

TEST(ParseVariables, SplitsAtTheFirstEqualsSignAndLeavesOutTheRest) {
  const auto variables = parse_variables({"A=1", "B=x=y", "C=", "no equals sign", "=x"});
  EXPECT_EQ(variables,
            (std::map<std::string, std::string, std::less<>>{{"A", "1"}, {"B", "x=y"}, {"C", ""}}));
}

TEST(SplitPath, AnEmptyElementIsTheWorkingDirectory) {
  EXPECT_EQ(split_path("/bin:/usr/bin"), (std::vector<std::string>{"/bin", "/usr/bin"}));
  EXPECT_EQ(split_path(":/bin:"), (std::vector<std::string>{".", "/bin", "."}));
  EXPECT_EQ(split_path(""), (std::vector<std::string>{"."}));
}

}  // namespace
}  // namespace shipyard
