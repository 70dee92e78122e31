#include "bench/harness/screen.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace shipyard::bench {
namespace {

TEST(ChooseScreen, IsWhatTheFurthestLauncherHas) {
  const Ancestor mpirun{
      .name = "mpirun", .arguments = {"mpirun", "-np", "2", "pingpong"}, .error_columns = 70};
  const Ancestor ours{.name = "shipyard-mpirun", .output_columns = 100, .error_columns = 100};
  const Ancestor shell{.name = "bash", .output_columns = 90, .error_columns = 90};
  auto screen = choose_screen({mpirun, ours, shell});
  ASSERT_TRUE(screen);
  EXPECT_TRUE(screen->standard_output);
  EXPECT_EQ(screen->columns, 100);

  screen = choose_screen({mpirun, shell});
  ASSERT_TRUE(screen);
  EXPECT_FALSE(screen->standard_output);
  EXPECT_EQ(screen->columns, 70);
}

TEST(ChooseScreen, IsNoneWithoutALauncherHereOrATerminal) {
  const Ancestor shell{.name = "bash", .output_columns = 90, .error_columns = 90};
  EXPECT_FALSE(choose_screen({}));
  EXPECT_FALSE(choose_screen({shell}));
  EXPECT_FALSE(choose_screen({{.name = "hydra_pmi_proxy"}, {.name = "sshd", .output_columns = 80}}));
  EXPECT_FALSE(choose_screen({{.name = "mpirun"}, shell}));
}

TEST(ChooseScreen, IsNoneWhereLinesGetATag) {
  for (const char* option : {"--tag-output", "-tag-output", "--output=tag", "-prepend-rank", "--xml"}) {
    const Ancestor mpirun{.name = "mpirun", .arguments = {"mpirun", option}, .output_columns = 80};
    EXPECT_FALSE(choose_screen({mpirun})) << option;
  }
  EXPECT_TRUE(
      choose_screen({{.name = "mpirun", .arguments = {"mpirun", "output", "-x"}, .output_columns = 80}}));
}

TEST(ChooseScreen, IsNoneWhereAPipeMayEndOnTheSameTerminal) {
  EXPECT_FALSE(choose_screen({{.name = "mpirun", .error_columns = 80, .output_is_pipe = true}}));
  EXPECT_TRUE(choose_screen({{.name = "mpirun", .error_columns = 80}}));
}

TEST(Ancestors, BeginWithWhatHasStartedThis) {
  const auto all = ancestors();
  ASSERT_FALSE(all.empty());
  EXPECT_FALSE(all.front().name.empty());
  EXPECT_FALSE(all.front().arguments.empty());
}

}  // namespace
}  // namespace shipyard::bench
