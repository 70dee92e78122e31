#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "hostfile/host.hpp"

namespace shipyard::hostfile {

/// What is wrong with a host and at which byte, so that each list can say it about its own entry or line:
/// "entry 3" + " is empty".
struct HostFault {
  std::string predicate;
  std::size_t offset = 0;
};

/// parse_host for the lists.
std::variant<Host, HostFault> read_host(std::string_view text);

/// `HOST`, `HOST:SLOTS`, `[IPV6]` or `[IPV6]:SLOTS`, as mpirun's --host and Hydra's hostfile write them.
std::variant<Host, HostFault> read_host_with_slots(std::string_view text);

/// A number of slots; nothing where it is not a whole number from 1 to kMaxSlots.
std::optional<int> read_slots(std::string_view text);

inline constexpr int kMaxSlots = 1'000'000;

}  // namespace shipyard::hostfile
