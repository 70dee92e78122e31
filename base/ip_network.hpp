#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shipyard {

/// An IPv4 or IPv6 address in network byte order; IPv4 uses the first 4 bytes.
struct IpAddress {
  bool ipv6 = false;
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] int bits() const { return ipv6 ? 128 : 32; }
  auto operator<=>(const IpAddress&) const = default;
};

/// Numeric addresses only (inet_pton(3)).
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text);
[[nodiscard]] std::string to_string(const IpAddress& address);

/// A network in CIDR notation; the bits after the prefix are zero.
struct IpNetwork {
  IpAddress base;
  int prefix_length = 0;

  [[nodiscard]] bool contains(const IpAddress& address) const;
  bool operator==(const IpNetwork&) const = default;
};

[[nodiscard]] IpNetwork network_of(IpAddress address, int prefix_length);
/// "10.0.0.0/24". A bare address stands for itself (/32, /128).
[[nodiscard]] std::optional<IpNetwork> parse_network(std::string_view text);
[[nodiscard]] std::string to_string(const IpNetwork& network);

}  // namespace shipyard
