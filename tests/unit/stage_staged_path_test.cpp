#include "launcher/stage/staged_path.hpp"

#include <gmock/gmock.h>

namespace shipyard::launcher::stage {
namespace {

using ::testing::ElementsAre;

std::vector<StagedPath> staged(std::vector<LaunchOptions::Stage> wishes, const std::string& started_in,
                               const std::string& working_directory, const std::string& wdir = {}) {
  LaunchOptions options;
  options.stage = std::move(wishes);
  options.wdir = wdir;
  return staged_paths(options, started_in, working_directory);
}

TEST(StagedPaths, ADirectoryGoesToItsOwnPath) {
  EXPECT_THAT(staged({{"case", {}}, {"/data/./in/", {}}}, "/home/u", "/home/u"),
              ElementsAre(StagedPath{"/home/u/case", "/home/u/case"}, StagedPath{"/data/in", "/data/in"}));
}

TEST(StagedPaths, ARelativeOneToWhereBatchHasTheRanksRun) {
  EXPECT_THAT(staged({{"case", {}}, {"../in", {}}, {"/data/in", {}}}, "/task/wd", "/task/shared"),
              ElementsAre(StagedPath{"/task/wd/case", "/task/shared/case"},
                          StagedPath{"/task/in", "/task/in"}, StagedPath{"/data/in", "/data/in"}));
}

TEST(StagedPaths, ButNotToWhereTheUserHasThemRun) {
  EXPECT_THAT(staged({{"case", {}}}, "/home/u", "/home/u/case", "case"),
              ElementsAre(StagedPath{"/home/u/case", "/home/u/case"}));
}

TEST(StagedPaths, ATargetIsSeenByTheRanks) {
  EXPECT_THAT(staged({{"case", "there"}, {"case", "/mnt/case/"}}, "/task/wd", "/task/shared"),
              ElementsAre(StagedPath{"/task/wd/case", "/task/shared/there"},
                          StagedPath{"/task/wd/case", "/mnt/case"}));
}

TEST(PathForRanks, IsBelowTheTarget) {
  const std::vector<StagedPath> paths{{"/home/app", "/mnt/app"}, {"/home/in", "/home/in"}};
  EXPECT_EQ(path_for_ranks("/home/app/bin/run", paths), "/mnt/app/bin/run");
  EXPECT_EQ(path_for_ranks("/home/app", paths), "/mnt/app");
  EXPECT_EQ(path_for_ranks("/home/in/x", paths), "/home/in/x");
  EXPECT_EQ(path_for_ranks("/home/application", paths), "/home/application");
  EXPECT_EQ(path_for_ranks("/usr/bin/true", {}), "/usr/bin/true");
  EXPECT_EQ(path_for_ranks("/usr/bin/true", {{"/", "/root"}}), "/root/usr/bin/true");
}

TEST(PathBeforeStaging, IsBelowTheDirectory) {
  const std::vector<StagedPath> paths{{"/home/app", "/mnt/app"}};
  EXPECT_EQ(path_before_staging("/mnt/app/bin/run", paths), "/home/app/bin/run");
  EXPECT_EQ(path_before_staging("/mnt/app", paths), "/home/app");
  EXPECT_EQ(path_before_staging("/mnt/apple", paths), std::nullopt);
  EXPECT_EQ(path_before_staging("/home/app/bin/run", paths), std::nullopt);
}

}  // namespace
}  // namespace shipyard::launcher::stage
