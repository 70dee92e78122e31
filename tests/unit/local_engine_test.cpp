#include "batch/local/engine.hpp"

#include <gtest/gtest.h>

namespace shipyard::local {
namespace {

// Texts of docker 20.10 and 28.2, and of podman 4.3.
TEST(CleanEngineMessage, KeepsWhatIsTheMatter) {
  EXPECT_EQ(clean_engine_message("docker: Error response from daemon: Conflict. The name is in use.\n\n"
                                 "Run 'docker run --help' for more information\n"),
            "Conflict. The name is in use.");
  EXPECT_EQ(clean_engine_message("docker: Error response from daemon: No command specified.\n"
                                 "See 'docker run --help'.\n"),
            "No command specified.");
  EXPECT_EQ(clean_engine_message("Error response from daemon: network a not found\nexit status 1\n"),
            "network a not found");
  EXPECT_EQ(clean_engine_message("Error: no such image\n"), "no such image");
  EXPECT_EQ(clean_engine_message("one\r\ntwo\n"), "one\ntwo");
  EXPECT_EQ(clean_engine_message(""), "");
}

TEST(SaysSubnetIsTaken, KnowsBothEngines) {
  EXPECT_TRUE(says_subnet_is_taken(
      "Error response from daemon: Pool overlaps with other one on this address space\n"));
  EXPECT_TRUE(
      says_subnet_is_taken("Error: subnet 10.77.0.0/24 is already used on the host or by another config\n"));
  EXPECT_FALSE(says_subnet_is_taken("Error response from daemon: permission denied\n"));
}

}  // namespace
}  // namespace shipyard::local
