#include "hostfile/hostfile.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shipyard::hostfile {
namespace {

std::vector<Host> hosts() {
  return {{"10.0.0.4", Host::Kind::kIpv4},
          {"node1", Host::Kind::kName, 8, 16},
          {"fd00::4", Host::Kind::kIpv6, 2}};
}

TEST(OpenMpiHostfile, GivesEveryHostItsSlotsOrTheDefault) {
  EXPECT_EQ(openmpi_hostfile(hosts(), 4), "10.0.0.4 slots=4\nnode1 slots=8 max_slots=16\nfd00::4 slots=2\n");
}

TEST(OpenMpiHostfile, GivesNoMoreSlotsByDefaultThanAHostHasAtMost) {
  EXPECT_EQ(openmpi_hostfile({{.name = "node1", .max_slots = 2}}, 4), "node1 slots=2 max_slots=2\n");
}

TEST(OpenMpiHostfile, IsReadBackAsItWas) {
  auto list = parse_hostfile(openmpi_hostfile(hosts(), 4), "x");
  ASSERT_TRUE(list) << list.error().message;
  auto expected = hosts();
  expected[0].slots = 4;
  EXPECT_EQ(list->hosts, expected);
}

TEST(HydraHostfile, WritesHostColonSlots) {
  auto text = hydra_hostfile({hosts()[0], hosts()[1]}, 4);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "10.0.0.4:4\nnode1:8\n");
}

TEST(HydraHostfile, CannotHoldAnIpv6Address) {
  auto text = hydra_hostfile(hosts(), 4);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, "a Hydra hostfile cannot hold the IPv6 address fd00::4");
  EXPECT_EQ(text.error().hint, "give the node's IPv4 address or its host name");
}

TEST(HostsAsJson, HoldsHostsKindsAndSlots) {
  const auto json = nlohmann::json::parse(hosts_as_json({hosts(), "a \"file\"\n\xFF"}, 4));
  EXPECT_EQ(json, nlohmann::json::parse(R"({"origin": "a \"file\"\n\ufffd", "hosts": [
    {"host": "10.0.0.4", "kind": "ipv4", "slots": 4},
    {"host": "node1", "kind": "name", "slots": 8, "max_slots": 16},
    {"host": "fd00::4", "kind": "ipv6", "slots": 2}]})"));
}

}  // namespace
}  // namespace shipyard::hostfile
