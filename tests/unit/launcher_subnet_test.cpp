#include "launcher/network/subnet.hpp"

#include <gtest/gtest.h>

namespace shipyard::network {
namespace {

IpAddress ip(std::string_view text) { return *parse_address(text); }

std::vector<IpAddress> ips(std::initializer_list<std::string_view> texts) {
  std::vector<IpAddress> result;
  for (auto text : texts) result.push_back(ip(text));
  return result;
}

const Interface kLoopback{"lo", ip("127.0.0.1"), 8, true};
const Interface kEth0{"eth0", ip("10.0.0.4"), 24, false};
const Interface kDocker0{"docker0", ip("172.17.0.1"), 16, false};

std::string chosen(const std::vector<IpAddress>& hosts, const std::vector<Interface>& interfaces,
                   std::string_view own = "10.0.0.4", std::optional<std::string_view> wish = {}) {
  auto subnet = choose_subnet(hosts, ip(own), interfaces, wish ? parse_network(*wish) : std::nullopt);
  if (!subnet) return "error: " + subnet.error().message;
  EXPECT_EQ(subnet->own_address, ip(own));
  return to_string(subnet->network) + " " + subnet->interface + ": " + subnet->reason;
}

TEST(ChooseSubnet, TakesTheNetworkOfThisNodesInterface) {
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.5"}), {kLoopback, kEth0}), "10.0.0.0/24 eth0: network of eth0");
}

// Every Azure VM has a bridge with this address; MPI must never try it.
TEST(ChooseSubnet, KeepsDockersBridgeOut) {
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.5"}), {kLoopback, kEth0, kDocker0}),
            "10.0.0.0/24 eth0: network of eth0");
  // Nodes in the neighbouring /16 of the bridge's: the common network would let it in, and cannot.
  const Interface own{"eth0", ip("172.16.3.4"), 16, false};
  EXPECT_EQ(chosen(ips({"172.16.3.4", "172.16.9.9"}), {own, kDocker0}, "172.16.3.4"),
            "172.16.0.0/16 eth0: network of eth0");
}

TEST(ChooseSubnet, RefusesNodesThatShareNoOctetAndSaysWhereTheFaultMayBe) {
  // One digit too few in a list.
  EXPECT_EQ(chosen(ips({"10.0.0.4", "1.0.0.5"}), {kLoopback, kEth0}),
            "error: 1.0.0.5 and this node's 10.0.0.4 have no network in common");
  const Interface own{"eth0", ip("192.0.2.2"), 24, false};
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.5"}), {kLoopback, own}, "192.0.2.2"),
            "error: 10.0.0.4 and this node's 192.0.2.2 have no network in common, and this node is not in "
            "the list");
}

TEST(ChooseSubnet, WidensUntilAllNodesAreInside) {
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.1.5"}), {kEth0, kDocker0}),
            "10.0.0.0/23 eth0: network of eth0, widened from /24 to hold all nodes");
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.200.1.5"}), {kEth0, kDocker0}),
            "10.0.0.0/8 eth0: network of eth0, widened from /24 to hold all nodes");
}

TEST(ChooseSubnet, NarrowsWhereABridgeLiesInsideTheInterfacesNetwork) {
  const Interface own{"eth0", ip("10.0.0.4"), 8, false};
  const Interface bridge{"br0", ip("10.88.0.1"), 16, false};
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.6"}), {own, bridge}),
            "10.0.0.4/30 eth0: least network that holds all nodes, without br0 (10.88.0.1)");
}

TEST(ChooseSubnet, NamesABridgeThatNoNetworkCanLeaveOut) {
  const Interface own{"eth0", ip("10.0.0.4"), 8, false};
  const Interface bridge{"cni0", ip("10.0.0.6"), 24, false};
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.7"}), {own, bridge}),
            "error: cni0 (10.0.0.6) lies inside 10.0.0.4/30, the least network that holds all nodes: MPI "
            "would try both");
}

TEST(ChooseSubnet, MayHoldASecondAddressOfTheSameInterface) {
  const Interface second{"eth0", ip("10.0.0.99"), 24, false};
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.5"}), {kEth0, second}), "10.0.0.0/24 eth0: network of eth0");
}

TEST(ChooseSubnet, TakesTheInterfaceOfTheListNotTheFirst) {
  const Interface other{"eth1", ip("192.168.1.4"), 24, false};
  EXPECT_EQ(chosen(ips({"192.168.1.4", "192.168.1.5"}), {kEth0, other}, "192.168.1.4"),
            "192.168.1.0/24 eth1: network of eth1");
}

// `1 << 32` in Open MPI's net code: a /32 matches every interface.
TEST(ChooseSubnet, NeverSaysSlash32) {
  const Interface alone{"eth0", ip("10.0.0.4"), 32, false};
  EXPECT_EQ(chosen(ips({"10.0.0.4"}), {alone}), "10.0.0.4/31 eth0: network of eth0");
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.6"}), {alone}),
            "10.0.0.4/30 eth0: network of eth0, widened from /31 to hold all nodes");
  EXPECT_EQ(chosen(ips({"10.0.0.4"}), {kEth0}, "10.0.0.4", "10.0.0.4/32"), "10.0.0.4/31 eth0: --subnet");
  const Interface six{"eth0", ip("fd00::4"), 128, false};
  EXPECT_EQ(chosen(ips({"fd00::4"}), {six}, "fd00::4"), "fd00::4/127 eth0: network of eth0");
}

TEST(ChooseSubnet, KnowsIpv6) {
  const Interface six{"eth0", ip("fd00::4"), 64, false};
  EXPECT_EQ(chosen(ips({"fd00::4", "fd00::5"}), {kEth0, six}, "fd00::4"), "fd00::/64 eth0: network of eth0");
  EXPECT_EQ(chosen(ips({"fd00::4", "fd00:0:0:1::5"}), {six}, "fd00::4"),
            "fd00::/63 eth0: network of eth0, widened from /64 to hold all nodes");
}

TEST(ChooseSubnet, RefusesToMixIpv4AndIpv6) {
  EXPECT_EQ(chosen(ips({"10.0.0.4", "fd00::5"}), {kEth0}),
            "error: the nodes mix IPv4 and IPv6: 10.0.0.4 and fd00::5");
}

TEST(ChooseSubnet, TakesTheUsersWordOnceItHoldsThisNode) {
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.5"}), {kEth0, kDocker0}, "10.0.0.4", "10.0.0.0/16"),
            "10.0.0.0/16 eth0: --subnet");
  EXPECT_EQ(chosen(ips({"10.0.0.4", "10.0.0.5"}), {kEth0}, "10.0.0.4", "192.168.0.0/16"),
            "error: --subnet 192.168.0.0/16 does not hold this node's address 10.0.0.4");
}

TEST(ChooseSubnet, SaysWhereThisNodeHasNoSuchAddress) {
  EXPECT_EQ(chosen(ips({"10.0.0.4"}), {kLoopback, kDocker0}),
            "error: no network interface of this node has the address 10.0.0.4");
}

TEST(InterfacesOfThisMachine, KnowLoopback) {
  auto interfaces = interfaces_of_this_machine();
  ASSERT_TRUE(interfaces) << interfaces.error().message;
  bool found = false;
  for (const auto& interface : *interfaces) {
    found = found || (interface.name == "lo" && interface.loopback && interface.address == ip("127.0.0.1") &&
                      interface.prefix_length == 8);
  }
  EXPECT_TRUE(found);
}

TEST(SourceAddressTowards, IsLoopbackForLoopback) {
  EXPECT_EQ(source_address_towards(ip("127.0.0.2")), ip("127.0.0.1"));
}

TEST(ResolveName, TakesAnAddressAsItIs) {
  auto addresses = resolve_name("10.0.0.4");
  ASSERT_TRUE(addresses) << addresses.error().message;
  EXPECT_EQ(*addresses, ips({"10.0.0.4"}));
}

TEST(ResolveName, NamesAHostThatIsNotKnown) {
  auto unknown = resolve_name("no-such-host.invalid");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message.find("host name 'no-such-host.invalid' is not known here: "), 0u);
}

TEST(ResolveName, GivesIpv4First) {
  auto addresses = resolve_name("localhost");
  if (!addresses) GTEST_SKIP() << "a bare root without /etc/hosts: " << addresses.error().message;
  EXPECT_EQ(addresses->front(), ip("127.0.0.1"));
}

// base/ip_network, on which all of this stands.

TEST(IpNetwork, ReadsAndWritesCidr) {
  EXPECT_EQ(to_string(*parse_network("10.1.2.3/8")), "10.0.0.0/8");
  EXPECT_EQ(to_string(*parse_network("10.1.2.3/23")), "10.1.2.0/23");
  EXPECT_EQ(to_string(*parse_network("10.1.2.3")), "10.1.2.3/32");
  EXPECT_EQ(to_string(*parse_network("0.0.0.0/0")), "0.0.0.0/0");
  EXPECT_EQ(to_string(*parse_network("fd00::1234/112")), "fd00::/112");
  EXPECT_EQ(to_string(*parse_network("fd00::1")), "fd00::1/128");
}

TEST(IpNetwork, RefusesWhatIsNone) {
  for (const char* text : {"", "/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8",
                           "fd00::/129", "eth0"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

TEST(IpNetwork, ContainsByPrefix) {
  const auto network = *parse_network("10.1.2.0/23");
  EXPECT_TRUE(network.contains(ip("10.1.3.255")));
  EXPECT_FALSE(network.contains(ip("10.1.4.0")));
  EXPECT_FALSE(network.contains(ip("10.1.1.255")));
  EXPECT_FALSE(network.contains(ip("::ffff:10.1.3.1")));
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(ip("255.255.255.255")));
}

}  // namespace
}  // namespace shipyard::network
