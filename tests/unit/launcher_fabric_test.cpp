#include "launcher/fabric.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::launcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const topology::RdmaLink kInfiniBand{"mlx5_1:1", "InfiniBand", "ACTIVE", "200 Gb/sec (4X HDR)"};
const topology::RdmaLink kEthernet{"mlx5_0:1", "Ethernet", "ACTIVE", "40 Gb/sec (4X QDR)"};

std::vector<std::string> reasons(const Fabric& fabric) {
  std::vector<std::string> result;
  for (const auto& reason : fabric.reasons) result.push_back(reason.what + ": " + reason.why);
  return result;
}

TEST(ChooseFabric, TakesAnActiveInfiniBandPortThatCanBeOpened) {
  const auto fabric = choose_fabric({.links = {kEthernet, kInfiniBand}, .can_open = true});
  EXPECT_TRUE(fabric.infiniband);
  EXPECT_THAT(
      reasons(fabric),
      ElementsAre("RDMA port mlx5_0:1: Ethernet, no InfiniBand: not used",
                  "InfiniBand port mlx5_1:1: ACTIVE, 200 Gb/sec (4X HDR)",
                  "MPI goes over InfiniBand: each rank gets the ports that are near to it, found on its "
                  "own node"));
  EXPECT_THAT(fabric.warnings, IsEmpty());
}

TEST(ChooseFabric, NothingIsNothingToWarnOf) {
  const auto fabric = choose_fabric({});
  EXPECT_FALSE(fabric.infiniband);
  EXPECT_THAT(reasons(fabric),
              ElementsAre("MPI goes over TCP: this node has no port of link layer InfiniBand"));
  EXPECT_THAT(fabric.warnings, IsEmpty());
}

// Every VM with accelerated networking has one, and no InfiniBand with it.
TEST(ChooseFabric, DoesNotTakeAcceleratedNetworkingForInfiniBand) {
  const auto fabric = choose_fabric({.links = {kEthernet, {"mlx5_2:1", "", "", ""}}, .can_open = true});
  EXPECT_FALSE(fabric.infiniband);
  EXPECT_THAT(reasons(fabric),
              ElementsAre("RDMA port mlx5_0:1: Ethernet, no InfiniBand: not used",
                          "RDMA port mlx5_2:1: its link layer is not known, no InfiniBand: not used",
                          "MPI goes over TCP: this node has no port of link layer InfiniBand"));
  EXPECT_THAT(fabric.warnings, IsEmpty());
}

TEST(ChooseFabric, NamesPortsThatAreNotActive) {
  const auto fabric =
      choose_fabric({.links = {{"mlx5_0:1", "InfiniBand", "DOWN", ""}, {"mlx5_1:1", "InfiniBand", "", ""}},
                     .can_open = true});
  EXPECT_FALSE(fabric.infiniband);
  EXPECT_THAT(reasons(fabric), ElementsAre("InfiniBand port mlx5_0:1: DOWN",
                                           "InfiniBand port mlx5_1:1: in a state that is not known",
                                           "MPI goes over TCP: no InfiniBand port is ACTIVE"));
  EXPECT_THAT(fabric.warnings,
              ElementsAre("InfiniBand ports mlx5_0:1, mlx5_1:1: not ACTIVE on this node, so MPI "
                          "goes over TCP"));
}

TEST(ChooseFabric, SaysWhereTheContainerDoesNotHaveIt) {
  const auto fabric = choose_fabric({.links = {kInfiniBand}, .can_open = false});
  EXPECT_FALSE(fabric.infiniband);
  EXPECT_EQ(reasons(fabric).back(), "MPI goes over TCP: the container has no /dev/infiniband");
  EXPECT_THAT(
      fabric.warnings,
      ElementsAre("InfiniBand port mlx5_1:1: this node's, but not in its container, so MPI goes over TCP "
                  "(docker run --device=/dev/infiniband)"));
}

TEST(ChooseFabric, WarnsOfALimitOnLockedMemoryWhereItMatters) {
  const auto fabric = choose_fabric({.links = {kInfiniBand}, .can_open = true, .locked_memory = 65536});
  EXPECT_TRUE(fabric.infiniband);
  EXPECT_THAT(fabric.warnings,
              ElementsAre("a process can lock 64 KiB of memory, and InfiniBand locks all that it sends from "
                          "(docker run --ulimit memlock=-1)"));
  EXPECT_THAT(choose_fabric({.links = {kEthernet}, .locked_memory = 65536}).warnings, IsEmpty());
}

}  // namespace
}  // namespace shipyard::launcher
