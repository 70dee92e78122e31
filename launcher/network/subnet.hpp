#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip_network.hpp"
#include "base/result.hpp"

namespace shipyard::network {

/// One address of one network interface of this machine.
struct Interface {
  std::string name;
  IpAddress address;
  int prefix_length = 0;
  bool loopback = false;
};

/// The interfaces that are up, with their addresses (getifaddrs(3)).
Result<std::vector<Interface>> interfaces_of_this_machine();

/// This machine's own address towards `target`, as the routing table has it; no packet is sent.
[[nodiscard]] std::optional<IpAddress> source_address_towards(const IpAddress& target);

/// The numeric addresses of a host name, IPv4 first (getaddrinfo(3)).
Result<std::vector<IpAddress>> resolve_name(const std::string& name);

/// Which network the nodes of the job speak over.
struct Subnet {
  IpNetwork network;
  std::string interface;  ///< its name on this node
  IpAddress own_address;
  std::string reason;  ///< for --explain
};

/// The network that MPI may use, and no other. It is that of the interface with `own_address`, widened until
/// it holds all `hosts`; never /32 or /128, which Open MPI takes for "every interface" (`1 << 32` in its net
/// code). Where another interface of this machine falls inside (docker0, a second bridge in 10.x) it is
/// narrowed to the least network that holds the hosts; an error names the interface where that does not help.
/// `wish` (--subnet) is taken as it is once it holds this node.
Result<Subnet> choose_subnet(const std::vector<IpAddress>& hosts, const IpAddress& own_address,
                             const std::vector<Interface>& interfaces, const std::optional<IpNetwork>& wish);

}  // namespace shipyard::network
