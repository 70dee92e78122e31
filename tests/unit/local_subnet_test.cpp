#include "batch/local/subnet.hpp"

#include <gmock/gmock.h>

namespace shipyard::local {
namespace {

using ::testing::HasSubstr;

Subnet subnet(std::string_view text) {
  auto parsed = parse_subnet(text, "test");
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *parsed : Subnet{};
}

TEST(ParseSubnet, ReadsWhatItWrites) {
  for (const char* text : {"10.77.0.0/24", "192.168.0.0/16", "0.0.0.0/0", "10.255.255.255/32"}) {
    EXPECT_EQ(subnet(text).text(), text);
  }
}

TEST(ParseSubnet, ShowsThePlaceOfTheFault) {
  const std::pair<const char*, std::size_t> faults[] = {
      {"10.0.0.256/24", 7}, {"10.0.0.0", 8},     {"10.0.0/24", 5},    {"", 0},
      {"10.0.0.0/33", 9},   {"10.0.0.0/24x", 9}, {"10.-1.0.0/24", 3}, {"a.0.0.0/8", 0}};
  for (const auto& [text, place] : faults) {
    auto parsed = parse_subnet(text, "--subnet");
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().message, "--subnet: not a network in CIDR notation");
    EXPECT_EQ(parsed.error().excerpt.offset, place) << text;
  }
}

TEST(ParseSubnet, NamesTheNetworkOfAnAddress) {
  auto parsed = parse_subnet("10.9.3.7/22", "--subnet");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().message, "--subnet: 10.9.3.7/22 is an address inside a network, not the network");
  EXPECT_EQ(parsed.error().hint, "the network is 10.9.0.0/22");
}

TEST(NodeAddress, BeginsAtTheFifthAddressAsOnAzure) {
  EXPECT_EQ(node_address(subnet("10.0.0.0/24"), 0), "10.0.0.4");
  EXPECT_EQ(node_address(subnet("10.0.0.0/24"), 1), "10.0.0.5");
  EXPECT_EQ(node_address(subnet("10.0.0.0/16"), 300), "10.0.1.48");
}

TEST(Subnet, LeavesRoomForWhatAzureReserves) {
  EXPECT_EQ(subnet("10.0.0.0/24").capacity(), 251);
  EXPECT_EQ(subnet("10.0.0.0/29").capacity(), 3);
}

TEST(Subnet, OverlapsWhereOneHoldsTheOther) {
  EXPECT_TRUE(subnet("10.0.0.0/8").overlaps(subnet("10.77.3.0/24")));
  EXPECT_TRUE(subnet("10.77.3.0/24").overlaps(subnet("10.0.0.0/8")));
  EXPECT_FALSE(subnet("10.77.3.0/24").overlaps(subnet("10.77.4.0/24")));
}

TEST(ParseRoutes, TakesAllButTheDefaultRoute) {
  const auto routes = parse_routes(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
      "tun0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[0].subnet.text(), "172.17.0.0/16");
  EXPECT_EQ(routes[0].owner, "route of docker0");
  EXPECT_EQ(routes[1].subnet.text(), "10.77.0.0/24");
}

TEST(ParseRoutes, PassesOverWhatIsNoNetwork) {
  const auto routes = parse_routes(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00010000\t0\t0\t0\n"
      "eth1\t05004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].subnet.text(), "10.77.0.0/24");
}

TEST(CheckSubnet, SaysWhatIsWrong) {
  const std::vector<UsedSubnet> used = {{subnet("10.9.0.0/16"), "network 'office'"}};
  const std::pair<const char*, const char*> faults[] = {
      {"8.8.8.0/24", "--subnet: 8.8.8.0/24 is not a private network"},
      {"10.0.0.0/7", "--subnet: 10.0.0.0/7 is not a private network"},
      {"10.1.0.0/29", "--subnet: 10.1.0.0/29 has no room for 4 nodes"},
      {"10.1.0.0/32", "--subnet: 10.1.0.0/32 has no room for 4 nodes"},
      {"172.16.0.0/12",
       "--subnet: 172.16.0.0/12 overlaps 172.17.0.0/16, the docker0 bridge that every node has"},
      {"10.9.8.0/24", "--subnet: 10.9.8.0/24 overlaps 10.9.0.0/16 (network 'office')"}};
  for (const auto& [text, message] : faults) {
    const std::string cidr = std::string(text) == "10.0.0.0/7" ? "10.0.0.0/7" : text;
    auto parsed = parse_subnet(cidr, "--subnet");
    ASSERT_TRUE(parsed.has_value()) << text;
    auto checked = check_subnet(*parsed, 4, used, "--subnet");
    ASSERT_FALSE(checked.has_value()) << text;
    EXPECT_EQ(checked.error().message, message);
  }
  EXPECT_THAT(check_subnet(subnet("10.1.0.0/29"), 4, used, "--subnet").error().hint,
              HasSubstr("a /28 is enough"));
  EXPECT_TRUE(check_subnet(subnet("10.1.0.0/29"), 3, used, "--subnet").has_value());
  EXPECT_TRUE(check_subnet(subnet("192.168.7.0/24"), 4, used, "--subnet").has_value());
}

TEST(ChooseSubnet, TakesTheFirstFreeOne) {
  EXPECT_EQ(choose_subnet(4, {})->text(), "10.77.0.0/24");
  EXPECT_EQ(choose_subnet(4, {{subnet("10.77.0.0/24"), "a"}, {subnet("10.77.1.128/25"), "b"}})->text(),
            "10.77.2.0/24");
}

TEST(ChooseSubnet, IsAsLargeAsThePool) {
  EXPECT_EQ(choose_subnet(251, {})->text(), "10.77.0.0/24");
  EXPECT_EQ(choose_subnet(252, {})->text(), "10.77.0.0/23");
  EXPECT_EQ(choose_subnet(1000, {})->text(), "10.77.0.0/22");
}

TEST(ChooseSubnet, LeavesTenWhereAVpnHasAllOfIt) {
  EXPECT_EQ(choose_subnet(2, {{subnet("10.0.0.0/8"), "route of tun0"}})->text(), "192.168.128.0/24");
}

TEST(ChooseSubnet, FailsWhereAllIsTaken) {
  const std::vector<UsedSubnet> used = {{subnet("0.0.0.0/1"), "a"}, {subnet("128.0.0.0/1"), "b"}};
  auto chosen = choose_subnet(2, used);
  ASSERT_FALSE(chosen.has_value());
  EXPECT_EQ(chosen.error().message, "no free subnet for 2 nodes in the private ranges tried");
}

}  // namespace
}  // namespace shipyard::local
