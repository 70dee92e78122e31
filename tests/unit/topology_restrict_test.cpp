#include "launcher/topology/restrict.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/topology_account.hpp"
#include "tests/unit/topology_samples.hpp"

namespace shipyard::topology {
namespace {

NodeTopology only(const NodeTopology& node, const std::set<int>& cpus) {
  return restricted(node, [&](int cpu) { return cpus.contains(cpu); });
}

TEST(Restricted, KeepsANodeOfWhichEverythingMayBeUsed) {
  const auto node = samples::hb120();
  EXPECT_EQ(account(restricted(node, [](int) { return true; })), account(node));
}

TEST(Restricted, LeavesOutDomainsWithoutCores) {
  auto node = samples::node({{{2, 2}, {2, 2}}, {{2, 2}}});
  node.gpus = {{.pci_address = "0000:01:00.0", .near_cores = {0, 1, 2, 3}},
               {.pci_address = "0000:02:00.0", .near_cores = {4, 5, 6, 7}}};
  node.infiniband_ports = {{.name = "mlx5_0:1", .near_cores = {8, 9, 10, 11}}};
  const auto part = only(node, {5, 6, 7, 10});
  EXPECT_EQ(account(part),
            "[1: L3 1,2] [2: L3 1]\n"
            "core 5 of package 0 numa 0 cache 0 kind 0\n"
            "core 6 of package 0 numa 0 cache 1 kind 0\n"
            "core 7 of package 0 numa 0 cache 1 kind 0\n"
            "core 10 of package 1 numa 1 cache 2 kind 0\n"
            "package 'Sample CPU'\n"
            "package 'Sample CPU'\n"
            "numa 1 of package 0: 68719476736 bytes\n"
            "numa 2 of package 1: 68719476736 bytes\n"
            "cache L3 of numa 0: 33554432 bytes\n"
            "cache L3 of numa 0: 33554432 bytes\n"
            "cache L3 of numa 1: 33554432 bytes\n"
            "gpu 0000:01:00.0 vendor 2 near \n"
            "gpu 0000:02:00.0 vendor 2 near 0-2\n"
            "port mlx5_0:1 near 3\n"
            "masked false allowed 12 objects 3 6 12 2\n");
}

TEST(Restricted, KeepsTheHardwareThreadsOfACoreThatMayBeUsed) {
  const auto part = only(samples::node({{{3}}}, 2), {0, 3, 4, 5});
  EXPECT_EQ(cpus(part), "0 3 4-5");
  EXPECT_FALSE(part.reordered);
}

TEST(Restricted, LetsCoresOfADomainStandTogether) {
  NodeTopology node = samples::node({{{1, 1}, {1}}, {{1, 1}}});
  // CPUs dealt out over the packages: 0 and 2 on one, 1 and 3 and 4 on the other.
  node.cores = {{.hardware_threads = {1}, .package = 1, .numa = 2, .cache = 3},
                {.hardware_threads = {0}, .package = 0, .numa = 1, .cache = 2},
                {.hardware_threads = {3}, .package = 1, .numa = 2, .cache = 4},
                {.hardware_threads = {2}, .package = 0, .numa = 0, .cache = 1},
                {.hardware_threads = {4}, .package = 1, .numa = 2, .cache = 3}};
  node.gpus = {{.pci_address = "0000:01:00.0", .near_cores = {0, 3}}};
  const auto part = restricted(node, [](int) { return true; });
  EXPECT_EQ(cpus(part), "1 4 3 0 2");
  EXPECT_TRUE(part.reordered);
  EXPECT_EQ(shape(part), "[2: L3 2,1] [1: L3 1 | 0: L3 1]");
  EXPECT_EQ(part.gpus[0].near_cores, (std::vector{0, 4}));
}

TEST(Restricted, CountsKindsFromTheFastestThatIsLeft) {
  NodeTopology node = samples::node({{{4}}});
  for (std::size_t i = 0; i < 4; ++i) node.cores[i].kind = static_cast<int>(i);
  const auto part = only(node, {1, 3});
  EXPECT_EQ(part.cores[0].kind, 0);
  EXPECT_EQ(part.cores[1].kind, 1);
}

}  // namespace
}  // namespace shipyard::topology
