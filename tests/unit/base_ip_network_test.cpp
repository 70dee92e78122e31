#include "base/ip_network.hpp"

#include <gtest/gtest.h>

namespace shipyard {
namespace {

TEST(ParseAddress, TakesNumericAddressesOnly) {
  EXPECT_EQ(to_string(*parse_address("10.0.0.4")), "10.0.0.4");
  EXPECT_EQ(to_string(*parse_address("FD00:0::4")), "fd00::4");
  for (const auto* text :
       {"", "localhost", "10.0.0", "10.0.0.256", "10.0.0.4/24", " 10.0.0.4", "fd00::4%eth0"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(ParseNetwork, ClearsTheBitsAfterThePrefix) {
  EXPECT_EQ(to_string(*parse_network("10.1.2.3/8")), "10.0.0.0/8");
  EXPECT_EQ(to_string(*parse_network("10.0.0.7/30")), "10.0.0.4/30");
  EXPECT_EQ(to_string(*parse_network("fd00:1:2::4/32")), "fd00:1::/32");
  EXPECT_EQ(to_string(*parse_network("10.0.0.4/0")), "0.0.0.0/0");
}

TEST(ParseNetwork, ABareAddressStandsForItself) {
  EXPECT_EQ(to_string(*parse_network("10.0.0.4")), "10.0.0.4/32");
  EXPECT_EQ(to_string(*parse_network("fd00::4")), "fd00::4/128");
}

TEST(ParseNetwork, RefusesWhatIsNoPrefix) {
  for (const auto* text :
       {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "fd00::/129", "/8", "a/8"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

TEST(IpNetwork, ContainsItsAddressesAndNoOthers) {
  const auto network = *parse_network("10.0.0.4/30");
  EXPECT_TRUE(network.contains(*parse_address("10.0.0.4")));
  EXPECT_TRUE(network.contains(*parse_address("10.0.0.7")));
  EXPECT_FALSE(network.contains(*parse_address("10.0.0.8")));
  EXPECT_FALSE(network.contains(*parse_address("10.0.0.3")));
  EXPECT_FALSE(network.contains(*parse_address("a00:4::")));
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(*parse_address("172.17.0.1")));
}

}  // namespace
}  // namespace shipyard
