#include "hostfile/hostfile.hpp"

#include <algorithm>

#include "hostfile/host_list.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = hostfile::parse_hostfile(fuzz::text_of(data, size), "hosts.txt");
  if (!fuzz::is_good(list)) return 0;
  auto hosts = list->hosts;
  for (auto& host : hosts) {
    if (!host.slots) host.slots = std::min(7, host.max_slots.value_or(7));
  }
  const auto check = [&](const std::string& written, bool with_max) {
    const auto again = hostfile::parse_hostfile(written, "again");
    fuzz::require(again && again->hosts.size() == hosts.size(), "what is written is read again");
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      auto expected = hosts[i];
      if (!with_max) expected.max_slots.reset();
      auto read = again->hosts[i];
      if (!with_max) read.max_slots.reset();
      fuzz::require(read == expected, "a host is read as it was written");
    }
  };
  check(hostfile::openmpi_hostfile(list->hosts, 7), true);
  if (const auto hydra = hostfile::hydra_hostfile(hosts, 7); fuzz::is_good(hydra)) check(*hydra, false);
  return 0;
}
