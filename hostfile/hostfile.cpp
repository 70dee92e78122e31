#include "hostfile/hostfile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace shipyard::hostfile {
namespace {

const char* kind_name(Host::Kind kind) {
  switch (kind) {
    case Host::Kind::kIpv4:
      return "ipv4";
    case Host::Kind::kIpv6:
      return "ipv6";
    case Host::Kind::kName:
      break;
  }
  return "name";
}

/// The default never contradicts what the input says.
int slots_of(const Host& host, int default_slots) {
  return host.slots.value_or(std::min(default_slots, host.max_slots.value_or(default_slots)));
}

}  // namespace

std::string openmpi_hostfile(const std::vector<Host>& hosts, int default_slots) {
  std::string result;
  auto out = std::back_inserter(result);
  for (const auto& host : hosts) {
    fmt::format_to(out, "{} slots={}", host.name, slots_of(host, default_slots));
    if (host.max_slots) fmt::format_to(out, " max_slots={}", *host.max_slots);
    result += '\n';
  }
  return result;
}

Result<std::string> hydra_hostfile(const std::vector<Host>& hosts, int default_slots) {
  std::string result;
  for (const auto& host : hosts) {
    if (host.kind == Host::Kind::kIpv6) {
      return input_error(fmt::format("a Hydra hostfile cannot hold the IPv6 address {}", host.name),
                         "give the node's IPv4 address or its host name");
    }
    fmt::format_to(std::back_inserter(result), "{}:{}\n", host.name, slots_of(host, default_slots));
  }
  return result;
}

std::string hosts_as_json(const HostList& list, int default_slots) {
  auto hosts = nlohmann::ordered_json::array();
  for (const auto& host : list.hosts) {
    nlohmann::ordered_json entry = {
        {"host", host.name}, {"kind", kind_name(host.kind)}, {"slots", slots_of(host, default_slots)}};
    if (host.max_slots) entry["max_slots"] = *host.max_slots;
    hosts.push_back(std::move(entry));
  }
  nlohmann::ordered_json document = {{"origin", list.origin}, {"hosts", std::move(hosts)}};
  // A file's name need not be UTF-8.
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace shipyard::hostfile
