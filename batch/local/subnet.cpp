#include "batch/local/subnet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

namespace shipyard::local {
namespace {

// https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq: .0 to .3 and the last are reserved.
constexpr int kFirstNode = 4;
constexpr int kReserved = 5;

constexpr std::uint32_t octets(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24U | b << 16U | c << 8U | d;
}

constexpr std::array<Subnet, 3> kPrivate = {
    {{octets(10, 0, 0, 0), 8}, {octets(172, 16, 0, 0), 12}, {octets(192, 168, 0, 0), 16}}};

// Away from what others take by default: podman 10.88, kubeadm 10.96, flannel 10.244, k3s 10.42, docker
// 172.17 to 172.31. The last two serve where a VPN has a route for all of 10.
constexpr std::array<Subnet, 5> kRanges = {{{octets(10, 77, 0, 0), 16},
                                            {octets(10, 101, 0, 0), 16},
                                            {octets(10, 120, 0, 0), 16},
                                            {octets(192, 168, 128, 0), 17},
                                            {octets(172, 28, 0, 0), 15}}};

// Every node has it already, as every VM of Batch does.
constexpr Subnet kDockerBridge = {octets(172, 17, 0, 0), 16};

std::uint32_t mask(int prefix) { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }

std::optional<int> number(std::string_view text, int maximum) {
  int value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.front() == '-' || failure != std::errc{} || end != text.data() + text.size() ||
      value > maximum) {
    return std::nullopt;
  }
  return value;
}

int prefix_for(int nodes) {
  int prefix = 24;
  while (prefix > 8 && Subnet{0, prefix}.capacity() < nodes) --prefix;
  return prefix;
}

const UsedSubnet* first_overlap(const Subnet& subnet, const std::vector<UsedSubnet>& used) {
  auto found =
      std::find_if(used.begin(), used.end(), [&](const auto& u) { return subnet.overlaps(u.subnet); });
  return found == used.end() ? nullptr : &*found;
}

}  // namespace

int Subnet::capacity() const {
  return static_cast<int>(std::min<std::uint64_t>(size(), std::uint64_t{1} << 24U)) - kReserved;
}

std::string address_text(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, (address >> 16U) & 255U, (address >> 8U) & 255U,
                     address & 255U);
}

std::string Subnet::text() const { return fmt::format("{}/{}", address_text(network), prefix); }

std::string node_address(const Subnet& subnet, int index) {
  return address_text(subnet.network + static_cast<std::uint32_t>(kFirstNode + index));
}

Result<Subnet> parse_subnet(std::string_view text, std::string_view origin) {
  auto fault = [&](std::size_t offset) {
    Error error =
        input_error(fmt::format("{}: not a network in CIDR notation", origin), "an example is 10.77.0.0/24");
    error.excerpt = {std::string(text), offset};
    return error;
  };
  std::uint32_t address = 0;
  std::size_t position = 0;
  for (int k = 0; k < 4; ++k) {
    const std::size_t end = text.find(k < 3 ? '.' : '/', position);
    if (end == std::string_view::npos) return fault(k < 3 ? position : text.size());
    auto octet = number(text.substr(position, end - position), 255);
    if (!octet) return fault(position);
    address = address << 8U | static_cast<std::uint32_t>(*octet);
    position = end + 1;
  }
  auto prefix = number(text.substr(position), 32);
  if (!prefix) return fault(position);
  Subnet subnet{address & mask(*prefix), *prefix};
  if (subnet.network != address) {
    return input_error(fmt::format("{}: {} is an address inside a network, not the network", origin, text),
                       fmt::format("the network is {}", subnet.text()));
  }
  return subnet;
}

std::vector<UsedSubnet> parse_routes(std::string_view proc_net_route) {
  std::vector<UsedSubnet> result;
  std::istringstream lines{std::string(proc_net_route)};
  std::string line;
  std::getline(lines, line);  // the column titles
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string interface, destination, skip, netmask;
    fields >> interface >> destination;
    for (int k = 0; k < 5; ++k) fields >> skip;  // gateway, flags, refcnt, use, metric
    fields >> netmask;
    std::uint32_t network = 0;
    std::uint32_t bits = 0;
    auto hex = [](const std::string& text, std::uint32_t& value) {
      auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
      return failure == std::errc{} && end == text.data() + text.size() && !text.empty();
    };
    if (!hex(destination, network) || !hex(netmask, bits) || bits == 0) continue;
    // The kernel prints the big-endian word as this machine's integer: the first octet is the lowest byte.
    const int prefix = __builtin_popcount(bits);
    if (__builtin_bswap32(bits) != mask(prefix)) continue;  // no prefix at all
    result.push_back({{__builtin_bswap32(network & bits), prefix}, "route of " + interface});
  }
  return result;
}

Status check_subnet(const Subnet& subnet, int nodes, const std::vector<UsedSubnet>& used,
                    std::string_view origin) {
  const bool is_private = std::any_of(kPrivate.begin(), kPrivate.end(), [&](const Subnet& range) {
    return subnet.prefix >= range.prefix && subnet.overlaps(range);
  });
  if (!is_private) {
    return input_error(fmt::format("{}: {} is not a private network", origin, subnet.text()),
                       "take one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
  }
  if (subnet.prefix > 30 || subnet.capacity() < nodes) {
    return input_error(
        fmt::format("{}: {} has no room for {} node{}", origin, subnet.text(), nodes, nodes == 1 ? "" : "s"),
        fmt::format("the first four addresses and the last are reserved, as on Azure; a /{} is enough", [&] {
          int prefix = 29;
          while (Subnet{0, prefix}.capacity() < nodes) --prefix;
          return prefix;
        }()));
  }
  if (subnet.overlaps(kDockerBridge)) {
    return input_error(fmt::format("{}: {} overlaps 172.17.0.0/16, the docker0 bridge that every node has",
                                   origin, subnet.text()));
  }
  if (const auto* other = first_overlap(subnet, used)) {
    return input_error(
        fmt::format("{}: {} overlaps {} ({})", origin, subnet.text(), other->subnet.text(), other->owner),
        "without --subnet a free one is chosen");
  }
  return Ok{};
}

Result<Subnet> choose_subnet(int nodes, const std::vector<UsedSubnet>& used) {
  const int prefix = prefix_for(nodes);
  for (const auto& range : kRanges) {
    if (prefix < range.prefix) continue;
    for (std::uint64_t at = range.network; at <= range.last(); at += Subnet{0, prefix}.size()) {
      Subnet candidate{static_cast<std::uint32_t>(at), prefix};
      if (first_overlap(candidate, used) == nullptr) return candidate;
    }
  }
  return input_error(fmt::format("no free subnet for {} nodes in the private ranges tried", nodes),
                     "give one with --subnet, or remove networks that nobody needs: docker network prune");
}

}  // namespace shipyard::local
