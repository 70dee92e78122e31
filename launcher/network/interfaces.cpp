#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"
#include "launcher/network/subnet.hpp"

namespace shipyard::network {
namespace {

int count_bits(const IpAddress& mask) {
  int bits = 0;
  for (auto byte : mask.bytes) bits += std::popcount(byte);
  return bits;
}

}  // namespace

Result<std::vector<Interface>> interfaces_of_this_machine() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return system_error("cannot list the network interfaces", errno);
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, &::freeifaddrs);
  std::vector<Interface> result;
  for (const ifaddrs* entry = raw; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr || (entry->ifa_flags & IFF_UP) == 0)
      continue;
    auto address = address_of(*entry->ifa_addr);
    auto mask = address_of(*entry->ifa_netmask);
    if (!address || !mask) continue;
    result.push_back({entry->ifa_name, *address, count_bits(*mask), (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return result;
}

std::optional<IpAddress> source_address_towards(const IpAddress& target) {
  const SocketAddress remote(target, 9);
  FileDescriptor fd(::socket(remote.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), remote.get(), remote.size()) != 0) return std::nullopt;
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0) return std::nullopt;
  return address_of(reinterpret_cast<const sockaddr&>(local));
}

Result<std::vector<IpAddress>> resolve_name(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (int failure = ::getaddrinfo(name.c_str(), nullptr, &hints, &raw); failure != 0) {
    return input_error(fmt::format("host name '{}' is not known here: {}", name, ::gai_strerror(failure)),
                       "Batch lists addresses; give those, or mend the name service of the container");
  }
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(raw, &::freeaddrinfo);
  std::vector<IpAddress> result;
  for (const addrinfo* entry = raw; entry != nullptr; entry = entry->ai_next) {
    auto address = address_of(*entry->ai_addr);
    if (address && std::find(result.begin(), result.end(), *address) == result.end())
      result.push_back(*address);
  }
  std::stable_partition(result.begin(), result.end(), [](const IpAddress& address) { return !address.ipv6; });
  return result;
}

}  // namespace shipyard::network
