#include "launcher/rank/infiniband.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::rank {
namespace {

/// A tree like /sys with devices of the test's own.
class Infiniband : public ::testing::Test {
 protected:
  void add(const std::string& device, const std::string& port, const std::string& link_layer,
           const std::string& state, const std::string& cpus) {
    const std::string directory = "class/infiniband/" + device;
    std::filesystem::create_directories(sysfs_.path(directory + "/ports/" + port));
    std::filesystem::create_directories(sysfs_.path(directory + "/device"));
    sysfs_.write(directory + "/ports/" + port + "/link_layer", link_layer + "\n");
    sysfs_.write(directory + "/ports/" + port + "/state", state + "\n");
    if (!cpus.empty()) sysfs_.write(directory + "/device/local_cpulist", cpus + "\n");
  }
  std::string nearest(const std::vector<int>& cpus) { return nearest_infiniband_ports(sysfs_.path(), cpus); }

  shipyard::testing::TemporaryDirectory sysfs_;
};

TEST_F(Infiniband, NoneIsNothing) {
  EXPECT_EQ(nearest({0}), "");
  std::filesystem::create_directories(sysfs_.path("class/infiniband"));
  EXPECT_EQ(nearest({0}), "");
}

TEST_F(Infiniband, TakesTheActivePortsThatAreNoEthernet) {
  add("mlx5_0", "1", "Ethernet", "4: ACTIVE", "0-3");
  EXPECT_EQ(nearest({0}), "");
  add("mlx5_1", "1", "InfiniBand", "4: ACTIVE", "0-3");
  add("mlx5_1", "2", "InfiniBand", "1: DOWN", "0-3");
  add("mlx5_2", "1", "InfiniBand", "2: INIT", "0-3");
  EXPECT_EQ(nearest({0}), "mlx5_1:1");
}

TEST_F(Infiniband, TakesTheNearest) {
  add("mlx5_10", "1", "InfiniBand", "4: ACTIVE", "0-3");
  add("mlx5_2", "1", "InfiniBand", "4: ACTIVE", "0-3");
  add("mlx5_3", "1", "InfiniBand", "4: ACTIVE", "4-7");
  EXPECT_EQ(nearest({2, 3}), "mlx5_2:1,mlx5_10:1");
  EXPECT_EQ(nearest({4}), "mlx5_3:1");
  EXPECT_EQ(nearest({3, 4}), "mlx5_2:1,mlx5_3:1,mlx5_10:1");
}

TEST_F(Infiniband, TakesAllWhereNoneIsNear) {
  add("mlx5_0", "1", "InfiniBand", "4: ACTIVE", "0-3");
  add("mlx5_1", "1", "InfiniBand", "4: ACTIVE", "4-7");
  EXPECT_EQ(nearest({9}), "mlx5_0:1,mlx5_1:1");
}

TEST_F(Infiniband, ADeviceWhosePlaceIsUnknownIsNear) {
  add("mlx5_0", "1", "InfiniBand", "4: ACTIVE", "0-3");
  add("mlx5_1", "1", "InfiniBand", "4: ACTIVE", "");
  EXPECT_EQ(nearest({0}), "mlx5_0:1,mlx5_1:1");
  EXPECT_EQ(nearest({9}), "mlx5_1:1");
}

}  // namespace
}  // namespace shipyard::rank
