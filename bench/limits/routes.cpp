#include "bench/limits/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <tuple>

namespace shipyard::bench {
namespace {

/// fe80::/10 needs the interface beside the address.
bool is_link_local(const IpAddress& address) {
  return address.ipv6 && address.bytes[0] == 0xFE && (address.bytes[1] & 0xC0) == 0x80;
}

bool has(const std::vector<LocalAddress>& addresses, const IpAddress& wanted) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const LocalAddress& one) { return one.address == wanted; });
}

bool share_subnet(const LocalAddress& one, const LocalAddress& other) {
  return network_of(one.address, one.prefix_length) == network_of(other.address, other.prefix_length);
}

}  // namespace

std::string format_addresses(const std::vector<LocalAddress>& addresses) {
  std::string text;
  for (const LocalAddress& one : addresses)
    text += fmt::format("{} {} {} {:d} {:d}\n", one.interface, to_string(one.address), one.prefix_length,
                        one.loopback, one.carries);
  return text;
}

std::vector<LocalAddress> parse_addresses(std::string_view text) {
  std::vector<LocalAddress> addresses;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    LocalAddress one;
    std::string address;
    if (!(words >> one.interface >> address >> one.prefix_length >> one.loopback >> one.carries)) continue;
    const auto parsed = parse_address(address);
    if (!parsed || one.prefix_length < 0 || one.prefix_length > parsed->bits()) continue;
    one.address = *parsed;
    addresses.push_back(std::move(one));
  }
  return addresses;
}

std::vector<std::string> carriers(const std::map<std::string, std::int64_t>& before,
                                  const std::map<std::string, std::int64_t>& after, std::int64_t bytes) {
  std::vector<std::string> names;
  for (const auto& [name, sent] : after) {
    const auto had = before.find(name);
    if (had != before.end() && sent - had->second >= bytes / 4) names.push_back(name);
  }
  return names;
}

std::vector<Route> routes_between(const std::vector<LocalAddress>& first,
                                  const std::vector<LocalAddress>& second, bool same_node) {
  std::vector<Route> routes;
  for (const LocalAddress& one : first) {
    for (const LocalAddress& other : second) {
      if (one.address.ipv6 != other.address.ipv6 || is_link_local(one.address) ||
          is_link_local(other.address) || one.loopback != other.loopback)
        continue;
      const bool leads_nowhere = one.loopback || has(second, one.address) || has(first, other.address);
      if (same_node ? one.address != other.address : leads_nowhere) continue;
      routes.push_back({one, other});
    }
  }
  const auto carries = [](const Route& route) { return route.first.carries && route.second.carries; };
  if (std::any_of(routes.begin(), routes.end(), carries)) std::erase_if(routes, std::not_fn(carries));
  const auto rank = [](const Route& route) {
    return std::tuple(!share_subnet(route.first, route.second), route.first.address.ipv6);
  };
  std::stable_sort(routes.begin(), routes.end(),
                   [&](const Route& a, const Route& b) { return rank(a) < rank(b); });
  return routes;
}

std::string to_string(const Route& route) {
  return fmt::format("{} ({}) to {} ({})", to_string(route.first.address), route.first.interface,
                     to_string(route.second.address), route.second.interface);
}

}  // namespace shipyard::bench
