#include "hostfile/passwd.hpp"

#include <gtest/gtest.h>

namespace shipyard::hostfile {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken line\n"
    "nohome:x:7:7:::/bin/sh\n"
    "_azbatch:x:1000:1000:,,,:/home/_azbatch:/bin/bash";

TEST(HomeOfUser, FindsTheUserByNumber) {
  EXPECT_EQ(home_of_user(kPasswd, 0), "/root");
  EXPECT_EQ(home_of_user(kPasswd, 1000), "/home/_azbatch");
}

TEST(HomeOfUser, IsNothingForAUserThatIsNotThereOrHasNone) {
  EXPECT_EQ(home_of_user(kPasswd, 100), std::nullopt);
  EXPECT_EQ(home_of_user(kPasswd, 7), std::nullopt);
  EXPECT_EQ(home_of_user("", 0), std::nullopt);
}

}  // namespace
}  // namespace shipyard::hostfile
