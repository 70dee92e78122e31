#include "launcher/node_topologies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::launcher {
namespace {

using testing::ElementsAre;

TEST(SignatureIn, TakesTheLastWordWhereItIsOurs) {
  EXPECT_EQ(signature_in("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 shipyard-1-abc"), "shipyard-1-abc");
  EXPECT_EQ(signature_in("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"), "");
  EXPECT_EQ(signature_in("SSH-2.0-OpenSSH_9.2p1"), "");
  EXPECT_EQ(signature_in(""), "");
}

TEST(FindUnlikeNodes, GroupsThoseThatAreNotLikeThisOne) {
  const std::string own = "SSH-2.0-x shipyard-1-a";
  const auto unlike = find_unlike_nodes(
      "shipyard-1-a", {1, 2, 3, 4, 5},
      {own, "SSH-2.0-x shipyard-1-b", "SSH-2.0-x", "SSH-2.0-x shipyard-1-c", "SSH-2.0-x shipyard-1-b"});
  ASSERT_EQ(unlike.size(), 2u);
  EXPECT_EQ(unlike[0].signature, "shipyard-1-b");
  EXPECT_THAT(unlike[0].hosts, ElementsAre(2u, 5u));
  EXPECT_THAT(unlike[1].hosts, ElementsAre(4u));
}

}  // namespace
}  // namespace shipyard::launcher
