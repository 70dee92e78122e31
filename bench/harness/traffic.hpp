#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// What has left this node so far, as this process can see it: in its own network namespace.
struct Traffic {
  std::int64_t interfaces = 0;  ///< bytes sent by all of /proc/net/dev, loopback included
  std::int64_t infiniband = 0;  ///< bytes sent by all ports, port_xmit_data in words of 4 bytes
};

/// Bytes sent by each interface in the text of /proc/net/dev.
std::map<std::string, std::int64_t> sent_by_each(std::string_view proc_net_dev);

/// Bytes sent by all interfaces in the text of /proc/net/dev.
std::int64_t sent_by_interfaces(std::string_view proc_net_dev);

Traffic traffic_so_far();

/// sent_by_each() of this process's network namespace.
std::map<std::string, std::int64_t> sent_so_far();

/// By what `sent` bytes of messages between two ranks have travelled, from what has left the node meanwhile;
/// nullopt where that does not say. What others send is known from a pause as long, from `after` to `paused`.
/// Less than half of the bytes: not this way.
std::optional<Fabric> fabric_of(const Traffic& before, const Traffic& after, const Traffic& paused,
                                std::int64_t sent, bool same_node);

const char* fabric_name(Fabric fabric);  ///< "ib", "tcp", "shm"

}  // namespace shipyard::bench
