#include "base/ip_network.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace shipyard {

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string terminated(text);
  IpAddress result;
  if (::inet_pton(AF_INET, terminated.c_str(), result.bytes.data()) == 1) return result;
  result = {};
  result.ipv6 = true;
  if (::inet_pton(AF_INET6, terminated.c_str(), result.bytes.data()) == 1) return result;
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(address.ipv6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

bool IpNetwork::contains(const IpAddress& address) const {
  return address.ipv6 == base.ipv6 && network_of(address, prefix_length).base == base;
}

IpNetwork network_of(IpAddress address, int prefix_length) {
  for (int bit = prefix_length; bit < address.bits(); ++bit) {
    auto& byte = address.bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(0x80U >> (bit % 8)));
  }
  return {address, prefix_length};
}

std::optional<IpNetwork> parse_network(std::string_view text) {
  auto slash = text.find('/');
  auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  int length = address->bits();
  if (slash != std::string_view::npos) {
    auto digits = text.substr(slash + 1);
    auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (failure != std::errc{} || end != digits.data() + digits.size() || length < 0 ||
        length > address->bits()) {
      return std::nullopt;
    }
  }
  return network_of(*address, length);
}

std::string to_string(const IpNetwork& network) {
  return to_string(network.base) + "/" + std::to_string(network.prefix_length);
}

}  // namespace shipyard
