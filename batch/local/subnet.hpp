#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::local {

/// An IPv4 network in CIDR notation; the host bits of `network` are zero.
struct Subnet {
  std::uint32_t network = 0;  ///< host byte order
  int prefix = 0;

  [[nodiscard]] std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix); }
  [[nodiscard]] std::uint32_t last() const { return network + static_cast<std::uint32_t>(size() - 1); }
  [[nodiscard]] bool overlaps(const Subnet& other) const {
    return network <= other.last() && other.network <= last();
  }
  /// Nodes that fit: Azure keeps the first four addresses of a subnet and the last one for itself.
  [[nodiscard]] int capacity() const;
  /// `10.77.0.0/24`.
  [[nodiscard]] std::string text() const;
  bool operator==(const Subnet&) const = default;
};

/// A network that is in use, and by whom, in words: "route of eth0", "network 'bridge'".
struct UsedSubnet {
  Subnet subnet;
  std::string owner;
};

/// `10.0.0.4` for 0x0A000004.
[[nodiscard]] std::string address_text(std::uint32_t address);

/// Addresses as Azure deals them: the first node has the subnet's fifth address. Precondition: index <
/// capacity.
[[nodiscard]] std::string node_address(const Subnet& subnet, int index);

/// Strict dotted CIDR; host bits set are an error that names the network meant.
Result<Subnet> parse_subnet(std::string_view text, std::string_view origin);

/// What /proc/net/route shows, without the default route.
[[nodiscard]] std::vector<UsedSubnet> parse_routes(std::string_view proc_net_route);

/// An error where the subnet is not private (RFC 1918), too small for `nodes`, or in use. `origin` begins the
/// message: "--subnet".
Status check_subnet(const Subnet& subnet, int nodes, const std::vector<UsedSubnet>& used,
                    std::string_view origin);

/// The first free subnet of our own ranges, a /24 or as large as `nodes` needs.
Result<Subnet> choose_subnet(int nodes, const std::vector<UsedSubnet>& used);

}  // namespace shipyard::local
