#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "hostfile/host_list.hpp"

namespace shipyard::hostfile {

/// Open MPI's hostfile, a line `HOST slots=N` for each; a host without slots of its own gets `default_slots`.
[[nodiscard]] std::string openmpi_hostfile(const std::vector<Host>& hosts, int default_slots);

/// Hydra's hostfile (MPICH, Intel MPI), a line `HOST:N` for each. Fails for an IPv6 address: Hydra takes
/// everything behind the first colon for the number, and has no brackets.
Result<std::string> hydra_hostfile(const std::vector<Host>& hosts, int default_slots);

/// {"origin": …, "hosts": [{"host": …, "kind": "ipv4"|"ipv6"|"name", "slots": N, "max_slots": M}]}; max_slots
/// only where it was given.
[[nodiscard]] std::string hosts_as_json(const HostList& list, int default_slots);

}  // namespace shipyard::hostfile
