#include "launcher/reaper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::launcher {
namespace {

using ::testing::ElementsAre;

// ssh ends with 255 where it has found no way, else with the status of what ran there.
TEST(Reap, OnlyWhoDoesNotAnswerIsSilent) {
  const shipyard::testing::TemporaryDirectory directory;
  const auto ssh = directory.write("ssh", "#!/bin/sh\ncase $3 in gone) exit 255 ;; fails) exit 1 ;; esac\n");
  std::filesystem::permissions(ssh, std::filesystem::perms::owner_all);
  Reaping reaping{.job = "0123456789abcdef",
                  .rank_program = "/bin/true",
                  .ssh_config = "config",
                  .hosts = {"well", "gone", "fails"},
                  .environment = {}};
  reaping.environment.variables = {{"PATH", directory.path() + ":/bin:/usr/bin"}};
  const auto uncleared = reap(reaping);
  EXPECT_THAT(uncleared.nodes, ElementsAre("gone", "fails"));
  EXPECT_THAT(uncleared.silent, ElementsAre("gone"));
}

}  // namespace
}  // namespace shipyard::launcher
