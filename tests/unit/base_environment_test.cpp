#include "base/environment.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

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

TEST(Environment, TakesSecretsOut) {
  ::setenv("SHIPYARD_TEST_SECRET", "hush", 1);
  ::setenv("SHIPYARD_TEST_SECRET_TOO", "loud", 1);
  ::unsetenv("SHIPYARD_TEST_NONE");
  const Environment environment = Environment::capture({"SHIPYARD_TEST_SECRET", "SHIPYARD_TEST_NONE"});
  ASSERT_NE(environment.secret("SHIPYARD_TEST_SECRET"), nullptr);
  EXPECT_EQ(environment.secret("SHIPYARD_TEST_SECRET")->reveal(), "hush");
  EXPECT_EQ(environment.secret("SHIPYARD_TEST_NONE"), nullptr);
  EXPECT_EQ(environment.get("SHIPYARD_TEST_SECRET"), std::nullopt);
  EXPECT_EQ(environment.get("SHIPYARD_TEST_SECRET_TOO"), "loud");
  EXPECT_EQ(std::getenv("SHIPYARD_TEST_SECRET"), nullptr);  // NOLINT: the process's own is what is tested
  for (const auto& text : environment.as_strings()) EXPECT_EQ(text.find("hush"), std::string::npos);
  std::ostringstream printed;
  printed << *environment.secret("SHIPYARD_TEST_SECRET");
  EXPECT_EQ(printed.str(), "***");
}

TEST(Environment, AnEmptySecretIsNone) {
  ::setenv("SHIPYARD_TEST_SECRET", "", 1);
  const Environment environment = Environment::capture({"SHIPYARD_TEST_SECRET"});
  EXPECT_EQ(environment.secret("SHIPYARD_TEST_SECRET"), nullptr);
  EXPECT_EQ(environment.get("SHIPYARD_TEST_SECRET"), std::nullopt);
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
