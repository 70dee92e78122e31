#include "launcher/topology/cgroup.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::topology {
namespace {

namespace fs = std::filesystem;

/// A cgroup file system of plain files.
class ControlGroups : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(root_.path() + path).parent_path());
    std::ofstream(root_.path() + path) << content;
  }
  void put_v1(const std::string& directory, const std::string& quota, const std::string& period) {
    put(directory + "/cpu.cfs_quota_us", quota + "\n");
    put(directory + "/cpu.cfs_period_us", period + "\n");
  }
  std::optional<double> quota(const std::string& groups) const { return cpu_quota(groups, root_.path()); }
  std::optional<std::uint64_t> memory(const std::string& groups) const {
    return memory_limit(groups, root_.path());
  }

  shipyard::testing::TemporaryDirectory root_;
};
using CpuQuota = ControlGroups;
using MemoryLimit = ControlGroups;

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
  put("/a/cpu.max", "0 100000\n");
  EXPECT_EQ(quota("0::/a\n"), std::nullopt);
  put("/cpu/b/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(quota("2:cpu:/b\n"), std::nullopt);
}

TEST_F(MemoryLimit, ReadsVersion2) {
  put("/docker/abc/memory.max", "536870912\n");
  EXPECT_EQ(memory("0::/docker/abc\n"), 536870912U);
}

TEST_F(MemoryLimit, HasNoneWhereVersion2SaysMax) {
  put("/a/memory.max", "max\n");
  EXPECT_EQ(memory("0::/a\n"), std::nullopt);
}

TEST_F(MemoryLimit, TakesTheLeastOfAllAncestors) {
  put("/memory.max", "max\n");
  put("/a/memory.max", "1000000\n");
  put("/a/b/memory.max", "3000000\n");
  EXPECT_EQ(memory("0::/a/b/c\n"), 1000000U);
  put("/memory/x/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(memory("5:memory:/x/y\n0::/a/b\n"), 4096U);
}

// What the kernel writes for "none" depends on the page size: 4 KiB and 64 KiB.
TEST_F(MemoryLimit, HasNoneWhereVersion1IsAtItsMost) {
  put("/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory("5:memory:/a\n"), std::nullopt);
  put("/memory/a/memory.limit_in_bytes", "9223372036854710272\n");
  EXPECT_EQ(memory("5:memory:/a\n"), std::nullopt);
}

TEST_F(MemoryLimit, FallsBackToTheTopOfTheMountWhereThePathIsTheHosts) {
  put("/memory/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(memory("5:memory:/docker/0123456789ab\n"), 268435456U);
}

TEST_F(MemoryLimit, HasNoneWhereNothingIsThereOrNothingMakesSense) {
  EXPECT_EQ(memory("0::/a\n5:memory:/a\n"), std::nullopt);
  put("/a/memory.max", "-5\n");
  EXPECT_EQ(memory("0::/a\n"), std::nullopt);
  put("/memory/a/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(memory("5:cpu,memory_recursiveprot:/a\n"), std::nullopt);
}

}  // namespace
}  // namespace shipyard::topology
