#include "hostfile/host_list.hpp"

#include <algorithm>

#include "hostfile/hostfile.hpp"
#include "hostfile/ssh_config.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;
using hostfile::HostList;

namespace {

void check(const Result<HostList>& list) {
  if (!fuzz::is_good(list)) return;
  fuzz::require(!list->hosts.empty(), "a list has hosts");
  std::string names;
  for (const auto& host : list->hosts) {
    const auto again = hostfile::parse_host(host.name);
    fuzz::require(again && again->name == host.name && again->kind == host.kind, "a host's name is a host");
    fuzz::require(
        host.name.find_first_of(" \t\r\n;|&$`'\"\\<>(){}*?#") == std::string::npos && host.name[0] != '-',
        "a host's name is nothing to a shell");
    fuzz::require(host.slots.value_or(1) > 0, "slots are positive");
    names += (names.empty() ? "" : ",") + host.name;
  }
  const auto patterns = hostfile::host_patterns(list->hosts);
  fuzz::require(
      std::ranges::all_of(list->hosts,
                          [&](const auto& host) { return hostfile::matches_host_line(patterns, host.name); }),
      "the ssh config's patterns match every host");
  // An IPv6 address stands in brackets there.
  if (names.find(':') != std::string::npos) return;
  const auto again = hostfile::parse_host_names(names);
  fuzz::require(again && again->hosts.size() == list->hosts.size(), "the names make the same list");
  (void)hostfile::hosts_as_json(*list, 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  check(hostfile::parse_batch_host_list(text));
  check(hostfile::parse_batch_node_list(text));
  check(hostfile::parse_ccp_nodes(text));
  check(hostfile::parse_host_names(text));
  return 0;
}
