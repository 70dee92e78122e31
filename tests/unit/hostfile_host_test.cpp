#include "hostfile/host.hpp"

#include <gtest/gtest.h>

#include "base/terminal.hpp"
#include "hostfile/host_fault.hpp"

namespace shipyard::hostfile {
namespace {

std::string refused(std::string_view text) {
  auto host = parse_host(text);
  EXPECT_FALSE(host) << text;
  return host ? std::string() : format_error("t", host.error());
}

TEST(ParseHost, TakesIpv4Addresses) {
  for (const auto* text : {"10.0.0.4", "0.0.0.0", "255.255.255.255", "172.16.3.4"}) {
    auto host = parse_host(text);
    ASSERT_TRUE(host) << text;
    EXPECT_EQ(host->name, text);
    EXPECT_EQ(host->kind, Host::Kind::kIpv4);
    EXPECT_FALSE(host->slots);
  }
}

TEST(ParseHost, WritesIpv6AddressesInTheirCanonicalForm) {
  for (const auto& [text, name] : {std::pair{"fd00::4", "fd00::4"},
                                   {"FD00:0:0:0:0:0:0:4", "fd00::4"},
                                   {"::1", "::1"},
                                   {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}}) {
    auto host = parse_host(text);
    ASSERT_TRUE(host) << text;
    EXPECT_EQ(host->name, name);
    EXPECT_EQ(host->kind, Host::Kind::kIpv6);
  }
}

TEST(ParseHost, AnIpv4MappedAddressIsTheIpv4Address) {
  for (const auto* text : {"::ffff:10.0.0.4", "::FFFF:0a00:0004"}) {
    auto host = parse_host(text);
    ASSERT_TRUE(host) << text;
    EXPECT_EQ(host->name, "10.0.0.4");
    EXPECT_EQ(host->kind, Host::Kind::kIpv4);
  }
}

TEST(ParseHost, TakesHostNames) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  for (const std::string& text :
       {std::string("node1"), std::string("Node-1.internal.cloudapp.net"), std::string("3com"),
        std::string("job_node_1"), std::string("10.0.0.4.example"), std::string("1a"), std::string("0xg"),
        std::string("a"), longest}) {
    auto host = parse_host(text);
    ASSERT_TRUE(host) << text;
    EXPECT_EQ(host->name, text);
    EXPECT_EQ(host->kind, Host::Kind::kName);
  }
}

TEST(ParseHost, RefusesAnIpv4AddressThatIsNone) {
  EXPECT_EQ(refused("10.0.0.256"),
            "t: error: the host is not an IPv4 address: each of its numbers is from 0 to 255\n"
            "  10.0.0.256\n"
            "         ^\n");
  EXPECT_EQ(refused("10.0.0.4.5"),
            "t: error: the host is not an IPv4 address: it has more than four numbers\n"
            "  10.0.0.4.5\n"
            "           ^\n");
  EXPECT_EQ(refused("10..0.4"),
            "t: error: the host is not an IPv4 address: each of its numbers is from 0 to 255\n"
            "  10..0.4\n"
            "     ^\n");
  EXPECT_EQ(refused("10.0.0.99999999999999999999"),
            "t: error: the host is not an IPv4 address: each of its numbers is from 0 to 255\n"
            "  10.0.0.99999999999999999999\n"
            "         ^\n");
}

TEST(ParseHost, RefusesWhatOnlyInetAtonTakesForAnAddress) {
  EXPECT_EQ(refused("10.0.0"),
            "t: error: the host is not an IPv4 address: it has 3 of four numbers\n"
            "  10.0.0\n"
            "  ^\n");
  EXPECT_EQ(refused("10"),
            "t: error: the host is not an IPv4 address: it has 1 of four numbers\n"
            "  10\n"
            "  ^\n");
  EXPECT_EQ(refused("010.0.0.1"),
            "t: error: the host is not an IPv4 address: a leading zero can mean octal or hexadecimal\n"
            "  010.0.0.1\n"
            "  ^\n");
  EXPECT_EQ(refused("10.0.0.0x4"),
            "t: error: the host is not an IPv4 address: a leading zero can mean octal or hexadecimal\n"
            "  10.0.0.0x4\n"
            "         ^\n");
  EXPECT_EQ(refused("0x0A000004"),
            "t: error: the host is not an IPv4 address: a leading zero can mean octal or hexadecimal\n"
            "  0x0A000004\n"
            "  ^\n");
}

TEST(ParseHost, RefusesAnIpv6AddressThatIsNone) {
  EXPECT_EQ(refused("fd00:::4"),
            "t: error: the host is not an IPv6 address\n"
            "  fd00:::4\n"
            "  ^\n");
  EXPECT_EQ(refused("fd00::node"),
            "t: error: the host is not an IPv6 address\n"
            "  fd00::node\n"
            "        ^\n");
  EXPECT_EQ(refused("1:2:3:4:5:6:7:8:9"),
            "t: error: the host is not an IPv6 address\n"
            "  1:2:3:4:5:6:7:8:9\n"
            "  ^\n");
  EXPECT_EQ(refused("fd00::4/64"),
            "t: error: the host is not an IP address or host name\n"
            "  fd00::4/64\n"
            "         ^\n");
}

TEST(ParseHost, RefusesAZoneThatOtherNodesDoNotKnow) {
  EXPECT_EQ(refused("fe80::1%eth0"),
            "t: error: the host has a zone, which is an interface of one node alone\n"
            "  fe80::1%eth0\n"
            "         ^\n");
}

TEST(ParseHost, RefusesAPort) {
  EXPECT_EQ(refused("10.0.0.4:6000"),
            "t: error: the host is not an IP address or host name\n"
            "  10.0.0.4:6000\n"
            "          ^\n");
}

TEST(ParseHost, RefusesWhatSshWouldTakeForAnOption) {
  EXPECT_EQ(refused("-oProxyCommand=reboot"),
            "t: error: the host begins with '-', as an option of ssh does\n"
            "  -oProxyCommand=reboot\n"
            "  ^\n");
}

TEST(ParseHost, RefusesNamesOutsideOfTheRules) {
  EXPECT_EQ(refused("node1."),
            "t: error: the host is not a host name: nothing stands before or after a dot\n"
            "  node1.\n"
            "        ^\n");
  EXPECT_EQ(refused(".node1"),
            "t: error: the host is not a host name: nothing stands before or after a dot\n"
            "  .node1\n"
            "  ^\n");
  EXPECT_EQ(refused("."),
            "t: error: the host is not a host name: nothing stands before or after a dot\n"
            "  .\n"
            "  ^\n");
  EXPECT_EQ(refused("a.-b"),
            "t: error: the host is not a host name: a part begins with '-'\n"
            "  a.-b\n"
            "    ^\n");
  EXPECT_EQ(refused("a-.b"),
            "t: error: the host is not a host name: a part ends with '-'\n"
            "  a-.b\n"
            "   ^\n");
  EXPECT_EQ(refused("_a"),
            "t: error: the host is not a host name: a part begins with '_'\n"
            "  _a\n"
            "  ^\n");
  EXPECT_EQ(refused("a." + std::string(64, 'b')),
            "t: error: the host is not a host name: a part between dots is longer than 63 characters\n"
            "  a." +
                std::string(64, 'b') + "\n" + std::string(67, ' ') + "^\n");
  std::string name;
  while (name.size() < 253) name += "abc.";
  name.resize(252);
  name += "de";
  EXPECT_TRUE(
      refused(name).starts_with("t: error: the host is not a host name: it is longer than 253 characters\n"));
}

TEST(ParseHost, RefusesEveryByteThatIsNotOfAName) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool allowed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         c == '-' || c == '_' || c == '.';
    const std::string text = std::string("a") + c + "b";
    auto host = parse_host(text);
    EXPECT_EQ(static_cast<bool>(host), allowed) << byte;
    EXPECT_EQ(host ? 1U : host.error().excerpt.offset, 1U) << byte;
  }
}

TEST(ParseHost, SaysWhatTheInvisibleByteIs) {
  EXPECT_EQ(refused("a b"), "t: error: the host contains a blank\n  a b\n   ^\n");
  EXPECT_EQ(refused("a\tb"), "t: error: the host contains a blank\n  a?b\n   ^\n");
  EXPECT_EQ(refused("a\nb"), "t: error: the host contains a line break\n  a?b\n   ^\n");
  EXPECT_EQ(refused("a\rb"), "t: error: the host contains a line break\n  a?b\n   ^\n");
  EXPECT_EQ(refused("a\033[2Jb"), "t: error: the host contains a control character\n  a?[2Jb\n   ^\n");
  EXPECT_EQ(refused(std::string_view("a\0b", 3)),
            "t: error: the host contains a control character\n  a?b\n   ^\n");
  EXPECT_EQ(refused("a\x7F"), "t: error: the host contains a control character\n  a?\n   ^\n");
  EXPECT_EQ(refused("a\xC3\xA4"), "t: error: the host is not an IP address or host name\n  a?\n   ^\n");
  EXPECT_EQ(refused("$(id)"), "t: error: the host is not an IP address or host name\n  $(id)\n  ^\n");
}

TEST(ParseHost, RefusesTheEmptyText) { EXPECT_EQ(refused(""), "t: error: the host is empty\n"); }

TEST(ReadHostWithSlots, TakesTheFormsOfMpirunAndHydra) {
  const auto read = [](std::string_view text) { return std::get<Host>(read_host_with_slots(text)); };
  EXPECT_EQ(read("node1"), (Host{"node1", Host::Kind::kName}));
  EXPECT_EQ(read("node1:8"), (Host{"node1", Host::Kind::kName, 8}));
  EXPECT_EQ(read("10.0.0.4:1000000"), (Host{"10.0.0.4", Host::Kind::kIpv4, 1'000'000}));
  EXPECT_EQ(read("[fd00::4]:2"), (Host{"fd00::4", Host::Kind::kIpv6, 2}));
  EXPECT_EQ(read("[fd00::4]"), (Host{"fd00::4", Host::Kind::kIpv6}));
  EXPECT_EQ(read("fd00::4"), (Host{"fd00::4", Host::Kind::kIpv6}));
}

TEST(ReadHostWithSlots, RefusesTheRestWithItsPlace) {
  const auto fault = [](std::string_view text) {
    auto read = read_host_with_slots(text);
    auto* found = std::get_if<HostFault>(&read);
    return found == nullptr ? std::string("none") : std::to_string(found->offset) + " " + found->predicate;
  };
  const std::string slots = " has slots after ':' that are not a whole number from 1 to 1000000";
  EXPECT_EQ(fault("node1:"), "6" + slots);
  EXPECT_EQ(fault("node1:0"), "6" + slots);
  EXPECT_EQ(fault("node1:-1"), "6" + slots);
  EXPECT_EQ(fault("node1:1000001"), "6" + slots);
  EXPECT_EQ(fault("node1:2x"), "6" + slots);
  EXPECT_EQ(fault("[fd00::4]:x"), "10" + slots);
  EXPECT_EQ(fault(":2"), "0 is empty");
  EXPECT_EQ(fault("[fd00::4"), "0 has a '[' without its ']'");
  EXPECT_EQ(fault("[10.0.0.4]"), "1 has no IPv6 address between '[' and ']'");
  EXPECT_EQ(fault("[fd00::x]"), "7 is not an IPv6 address");
  EXPECT_EQ(fault("[fd00::4]2"), "9 is not an IP address or host name");
  EXPECT_EQ(fault("[fd00::4] "), "9 contains a blank");
  EXPECT_EQ(fault("no de:2"), "2 contains a blank");
}

TEST(Identity, ComparesNamesWithoutRegardToCase) {
  EXPECT_EQ(identity(*parse_host("Node1.Example")), identity(*parse_host("nodE1.example")));
  EXPECT_NE(identity(*parse_host("node1")), identity(*parse_host("node2")));
}

}  // namespace
}  // namespace shipyard::hostfile
