#include "launcher/network/subnet.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shipyard::network {
namespace {

const Interface* find_owner(const std::vector<Interface>& interfaces, const IpAddress& address) {
  auto found = std::find_if(interfaces.begin(), interfaces.end(),
                            [&](const Interface& interface) { return interface.address == address; });
  return found == interfaces.end() ? nullptr : &*found;
}

bool holds_all(const IpNetwork& network, const std::vector<IpAddress>& hosts) {
  return std::all_of(hosts.begin(), hosts.end(),
                     [&](const IpAddress& host) { return network.contains(host); });
}

/// The longest prefix, not above `longest`, whose network around `start` holds every host.
IpNetwork widen(const IpAddress& start, int longest, const std::vector<IpAddress>& hosts) {
  IpNetwork network = network_of(start, longest);
  while (!holds_all(network, hosts)) network = network_of(start, network.prefix_length - 1);
  return network;
}

/// Addresses that agree in less than their first octet (IPv6: 16 bits) are two networks and not one.
constexpr int kShortestPrefix = 8;

/// Another interface of this machine that the network would let in, too.
const Interface* find_intruder(const IpNetwork& network, const std::vector<Interface>& interfaces,
                               const Interface& own) {
  auto found = std::find_if(interfaces.begin(), interfaces.end(), [&](const Interface& interface) {
    return interface.name != own.name && !interface.loopback && network.contains(interface.address);
  });
  return found == interfaces.end() ? nullptr : &*found;
}

}  // namespace

Result<Subnet> choose_subnet(const std::vector<IpAddress>& hosts, const IpAddress& own_address,
                             const std::vector<Interface>& interfaces, const std::optional<IpNetwork>& wish) {
  const Interface* own = find_owner(interfaces, own_address);
  if (own == nullptr) {
    return Error{Error::Code::kSystem,
                 fmt::format("no network interface of this node has the address {}", to_string(own_address)),
                 "is the container on the host network (docker run --net=host)?",
                 {}};
  }
  for (const auto& host : hosts) {
    if (host.ipv6 != own_address.ipv6) {
      return input_error(
          fmt::format("the nodes mix IPv4 and IPv6: {} and {}", to_string(own_address), to_string(host)),
          "list the nodes by addresses of one kind");
    }
  }
  const int longest = own_address.bits() - 1;  // never /32
  const bool listed = std::find(hosts.begin(), hosts.end(), own_address) != hosts.end();
  if (wish) {
    if (!wish->contains(own_address)) {
      return input_error(fmt::format("--subnet {} does not hold this node's address {}", to_string(*wish),
                                     to_string(own_address)));
    }
    const IpNetwork network = network_of(own_address, std::min(wish->prefix_length, longest));
    return Subnet{network, own->name, own_address, "--subnet"};
  }

  const int own_length = std::min(own->prefix_length, longest);
  IpNetwork network = widen(own_address, own_length, hosts);
  if (network.prefix_length < kShortestPrefix) {
    const auto far = std::find_if(hosts.begin(), hosts.end(), [&](const IpAddress& host) {
      return !network_of(own_address, kShortestPrefix).contains(host);
    });
    return input_error(
        fmt::format("{} and this node's {} have no network in common{}", to_string(*far),
                    to_string(own_address), listed ? "" : ", and this node is not in the list"),
        listed ? "is that address right? where it is, --subnet CIDR names the network for MPI"
               : "run it on one of the listed nodes; where a route leads there, --subnet CIDR names the "
                 "network");
  }
  std::string reason = fmt::format("network of {}", own->name);
  if (network.prefix_length < own_length)
    reason += fmt::format(", widened from /{} to hold all nodes", own_length);
  if (const Interface* intruder = find_intruder(network, interfaces, *own)) {
    reason = fmt::format("least network that holds all nodes, without {} ({})", intruder->name,
                         to_string(intruder->address));
    network = widen(own_address, longest, hosts);
  }
  if (const Interface* intruder = find_intruder(network, interfaces, *own)) {
    return Error{
        Error::Code::kSystem,
        fmt::format("{} ({}) lies inside {}, the least network that holds all nodes: MPI would try both",
                    intruder->name, to_string(intruder->address), to_string(network)),
        "take that interface down, or give the network with --subnet CIDR",
        {}};
  }
  return Subnet{network, own->name, own_address, reason};
}

}  // namespace shipyard::network
