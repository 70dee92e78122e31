#include "launcher/topology/signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/unit/topology_samples.hpp"

namespace shipyard::topology {
namespace {

TEST(Signature, IsOneShortWordOfLettersDigitsAndDashes) {
  const std::string text = signature(samples::hb120());
  EXPECT_THAT(text, ::testing::MatchesRegex("shipyard-1-[0-9a-f]+"));
  EXPECT_EQ(text.size(), 27U);
}

// Nodes of two versions compare them: a change of the text must change the number in the prefix, too.
TEST(Signature, StaysFromVersionToVersion) {
  EXPECT_EQ(signature(samples::hb120()), "shipyard-1-3e7c482091e9c448");
}

TEST(Signature, DiffersWhereTheLayoutCan) {
  const std::vector<std::function<void(NodeTopology&)>> changes = {
      [](auto&) {},
      [](auto& node) { node.cores[3].hardware_threads = {200}; },
      [](auto& node) { node.cores[3].hardware_threads.push_back(123); },
      [](auto& node) { node.cores[3].kind = 1; },
      [](auto& node) { node.cores[8].cache = 0; },
      [](auto& node) { node.cores[30].numa = 0; },
      [](auto& node) { node.cores[60].package = 0; },
      [](auto& node) { node.cores.pop_back(); },
      [](auto& node) { node.numa_domains[1].os_index = 7; },
      [](auto& node) { node.numa_domains[1].memory_bytes /= 2; },
      [](auto& node) { node.caches[2].level = 2; },
      [](auto& node) { node.cpu_quota = 60; },
      [](auto& node) { node.cpu_quota = 59.9; },
      [](auto& node) { node.memory_limit = 1 << 30; },
      [](auto& node) { node.memory_limit = 2U << 30U; },
      [](auto& node) { node.masked = true; },
      [](auto& node) { node.allowed_cores = 121; },
      [](auto& node) { node.numa_objects = 5; },
      [](auto& node) { node.l3_objects = 5; },
      [](auto& node) { node.core_objects = 5; },
      [](auto& node) { node.package_objects = 5; },
      [](auto& node) { node.corrections.push_back("L3"); },
  };
  std::set<std::string> signatures;
  for (const auto& change : changes) {
    auto node = samples::hb120();
    change(node);
    signatures.insert(signature(node));
  }
  EXPECT_EQ(signatures.size(), changes.size());
}

TEST(Signature, IsTheSameWhereTheLayoutIs) {
  const auto node = samples::hb120();
  const std::vector<std::function<void(NodeTopology&)>> changes = {
      [](auto& other) { other.packages[0].model = "Another CPU"; },
      [](auto& other) { other.caches[0].bytes += 4096; },
      [](auto& other) { other.numa_domains[0].memory_bytes += 40 << 20; },
      [](auto& other) { other.gpus.push_back({.pci_address = "0001:00:00.0", .near_cores = {1}}); },
      [](auto& other) { other.infiniband_ports.push_back({.name = "mlx5_0:1"}); },
      [](auto& other) { other.cpu_quota = 120; },
      [](auto& other) { other.cpu_quota = 500; },
      [](auto& other) { other.memory_limit = 1ULL << 50U; },
  };
  for (const auto& change : changes) {
    auto other = node;
    change(other);
    EXPECT_EQ(signature(other), signature(node));
  }
}

TEST(Signature, CountsAQuotaInWholeCpus) {
  auto node = samples::hb120();
  node.cpu_quota = 2.5;
  auto other = node;
  other.cpu_quota = 2;
  EXPECT_EQ(signature(other), signature(node));
}

}  // namespace
}  // namespace shipyard::topology
