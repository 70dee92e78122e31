#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_network.hpp"

namespace shipyard::bench {

/// An address of one of the two nodes.
struct LocalAddress {
  std::string interface;
  IpAddress address;
  int prefix_length = 0;
  bool loopback = false;
  bool carries = false;  ///< MPI's messages left by this interface
  bool operator==(const LocalAddress&) const = default;
};

/// A line each, for the other node to read; parse_addresses() leaves out what is none.
std::string format_addresses(const std::vector<LocalAddress>& addresses);
std::vector<LocalAddress> parse_addresses(std::string_view text);

/// The interfaces by which at least a quarter of `bytes` left this node between two looks at the counters.
std::vector<std::string> carriers(const std::map<std::string, std::int64_t>& before,
                                  const std::map<std::string, std::int64_t>& after, std::int64_t bytes);

/// From an address of the first node to one of the second.
struct Route {
  LocalAddress first;
  LocalAddress second;
};

/// Routes that may lead from one to the other, the likeliest first: between addresses of one subnet, then in
/// the order of the interfaces. Where interfaces are known that carried MPI's messages, by no others: they
/// may be another network. Between nodes, loopback is none, nor is an address that both nodes have (a
/// container bridge, 172.17.0.1). The same on both sides.
std::vector<Route> routes_between(const std::vector<LocalAddress>& first,
                                  const std::vector<LocalAddress>& second, bool same_node);

/// `10.0.0.4 (eth0) to 10.0.0.5 (eth0)`
std::string to_string(const Route& route);

}  // namespace shipyard::bench
