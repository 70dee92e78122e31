#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {
namespace {

namespace fs = std::filesystem;

/// A cgroup file system of plain files.
class CpuQuota : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "cgroup.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }
  void put_v1(const std::string& directory, const std::string& quota, const std::string& period) {
    put(directory + "/cpu.cfs_quota_us", quota + "\n");
    put(directory + "/cpu.cfs_period_us", period + "\n");
  }
  std::optional<double> quota(const std::string& groups) const { return cpu_quota(groups, root_); }

  std::string root_;
};

TEST_F(CpuQuota, ReadsVersion2) {
  put("/docker/abc/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota("0::/docker/abc\n"), 2.0);
}

TEST_F(CpuQuota, HasNoLimitWhereVersion2SaysMax) {
  put("/a/cpu.max", "max 100000\n");
  EXPECT_EQ(quota("0::/a\n"), std::nullopt);
}

TEST_F(CpuQuota, TakesTheLeastOfAllAncestorsInVersion2) {
  put("/cpu.max", "max 100000\n");
  put("/a/cpu.max", "150000 100000\n");
  put("/a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota("0::/a/b/c\n"), 1.5);
  put("/a/b/c/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota("0::/a/b/c\n"), 0.5);
}

TEST_F(CpuQuota, ReadsVersion1UnderTheControllersName) {
  put_v1("/cpu/docker/abc", "250000", "100000");
  EXPECT_EQ(quota("3:memory:/docker/abc\n2:cpu:/docker/abc\n"), 2.5);
}

TEST_F(CpuQuota, ReadsVersion1MountedTogetherWithCpuacct) {
  put_v1("/cpu,cpuacct/docker/abc", "100000", "50000");
  EXPECT_EQ(quota("2:cpu,cpuacct:/docker/abc\n"), 2.0);
}

TEST_F(CpuQuota, ReadsVersion1OfBothControllersThroughTheLinkCpu) {
  put_v1("/cpu/docker/abc", "300000", "100000");
  EXPECT_EQ(quota("2:cpuacct,cpu:/docker/abc\n"), 3.0);
}

TEST_F(CpuQuota, TakesTheLeastOfAllAncestorsInVersion1) {
  put_v1("/cpu/a", "100000", "100000");
  put_v1("/cpu/a/b", "300000", "100000");
  EXPECT_EQ(quota("2:cpu:/a/b\n"), 1.0);
}

TEST_F(CpuQuota, HasNoLimitWhereVersion1SaysMinusOne) {
  put_v1("/cpu/a", "-1", "100000");
  EXPECT_EQ(quota("2:cpu:/a\n"), std::nullopt);
}

TEST_F(CpuQuota, PassesOverAControllerWhoseNameOnlyBeginsLikeIt) {
  put_v1("/cpuset/a", "100000", "100000");
  put_v1("/cpuacct/a", "100000", "100000");
  EXPECT_EQ(quota("1:cpuset:/a\n2:cpuacct:/a\n"), std::nullopt);
}

// A container with a cgroup namespace of its own sees itself at the root, and its limit in the mount's top.
TEST_F(CpuQuota, ReadsTheTopOfTheMountInAPrivateNamespace) {
  put("/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota("0::/\n"), 0.5);
}

// Without a namespace of its own (cgroup v1 under Docker) the path is the host's, and the mount shows the
// container's own group as its top.
TEST_F(CpuQuota, FallsBackToTheTopOfTheMountWhereThePathIsTheHosts) {
  put_v1("/cpu", "400000", "100000");
  EXPECT_EQ(quota("2:cpu:/docker/0123456789ab\n"), 4.0);
}

TEST_F(CpuQuota, TakesTheLeastOfBothVersionsOnAHybridMachine) {
  put_v1("/cpu/a", "400000", "100000");
  put("/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota("2:cpu:/a\n0::/a\n"), 3.0);
}

TEST_F(CpuQuota, HasNoLimitWhereNothingIsThereOrNothingMakesSense) {
  EXPECT_EQ(quota("0::/a\n2:cpu:/a\n"), std::nullopt);
  EXPECT_EQ(quota(""), std::nullopt);
  EXPECT_EQ(quota("nonsense\n0:\n::\n0::relative\n"), std::nullopt);
  put("/a/cpu.max", "\n");
  EXPECT_EQ(quota("0::/a\n"), std::nullopt);
  put("/a/cpu.max", "100000 0\n");
  EXPECT_EQ(quota("0::/a\n"), std::nullopt);
  put("/cpu/b/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(quota("2:cpu:/b\n"), std::nullopt);
}

}  // namespace
}  // namespace shipyard::topology
