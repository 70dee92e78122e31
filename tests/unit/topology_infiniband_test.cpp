#include "launcher/topology/infiniband.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::topology {
namespace {

using Ports = std::vector<int>;

TEST(LinkLayers, AreReadOfEveryPort) {
  shipyard::testing::TemporaryDirectory sysfs;
  for (const char* port : {"1", "2", "junk"}) {
    const std::string directory = sysfs.path("mlx5_0/ports/") + port;
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/link_layer") << (*port == '2' ? "Ethernet\n" : "InfiniBand\n");
  }
  std::filesystem::create_directories(sysfs.path("mlx5_0/ports/3"));
  EXPECT_EQ(link_layers(sysfs.path(), "mlx5_0"),
            (std::map<int, std::string>{{1, "InfiniBand"}, {2, "Ethernet"}}));
  EXPECT_TRUE(link_layers(sysfs.path(), "mlx5_1").empty());
}

TEST(RdmaLinks, AreAllPortsAndThoseOfInfiniBandAmongThem) {
  shipyard::testing::TemporaryDirectory sysfs;
  const auto port = [&](const std::string& device, const char* layer, const char* state, const char* rate) {
    const std::string directory = sysfs.path(device + "/ports/1");
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/link_layer") << layer << "\n";
    std::ofstream(directory + "/state") << state << "\n";
    std::ofstream(directory + "/rate") << rate << "\n";
  };
  port("mlx5_2", "InfiniBand", "1: DOWN", "10 Gb/sec (4X SDR)");
  port("mlx5_0", "Ethernet", "4: ACTIVE", "40 Gb/sec (4X QDR)");
  port("mlx5_1", "InfiniBand", "4: ACTIVE", "200 Gb/sec (4X HDR)");
  EXPECT_EQ(rdma_links(sysfs.path()),
            (std::vector<RdmaLink>{{"mlx5_0:1", "Ethernet", "ACTIVE", "40 Gb/sec (4X QDR)"},
                                   {"mlx5_1:1", "InfiniBand", "ACTIVE", "200 Gb/sec (4X HDR)"},
                                   {"mlx5_2:1", "InfiniBand", "DOWN", "10 Gb/sec (4X SDR)"}}));
  EXPECT_TRUE(rdma_links(sysfs.path("none")).empty());
  EXPECT_EQ(infiniband_links(sysfs.path()),
            (std::vector<InfiniBandLink>{{"mlx5_1:1", "ACTIVE", "200 Gb/sec (4X HDR)"},
                                         {"mlx5_2:1", "DOWN", "10 Gb/sec (4X SDR)"}}));
  EXPECT_TRUE(infiniband_links(sysfs.path("none")).empty());
}

TEST(InfiniBandPorts, AreThoseOfThatLinkLayer) {
  EXPECT_EQ(infiniband_ports({{1, {"InfiniBand", "4", "0x5"}}, {2, {"Ethernet", "4", "0x0"}}}, true),
            Ports{1});
  EXPECT_EQ(infiniband_ports({{1, {"Ethernet", "4", "0x5"}}}, true), Ports{});
}

// Azure's second Mellanox device, accelerated networking, speaks Ethernet and has no local identifier.
TEST(InfiniBandPorts, HaveALocalIdentifierWhereTheLinkLayerIsUnknown) {
  EXPECT_EQ(infiniband_ports({{1, {"", "4", "0x0"}}, {2, {"", "4", "0x527"}}}, false), Ports{2});
}

TEST(InfiniBandPorts, AreNotDown) {
  EXPECT_EQ(infiniband_ports(
                {{1, {"InfiniBand", "1: DOWN", "0xffff"}}, {2, {"InfiniBand", "4: ACTIVE", "0x1"}}}, true),
            Ports{2});
  EXPECT_EQ(infiniband_ports({{1, {"InfiniBand", "", ""}}}, false), Ports{1});
}

TEST(InfiniBandPorts, AreGuessedFromThePciClassWhereNothingIsKnown) {
  EXPECT_EQ(infiniband_ports({}, true), Ports{1});
  EXPECT_EQ(infiniband_ports({}, false), Ports{});
}

}  // namespace
}  // namespace shipyard::topology
