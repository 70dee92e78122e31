#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard::hostfile {

/// A node of the job, named so that it can stand in a hostfile, an ssh config and an argv: nothing in it is
/// special to a shell, to ssh or to mpirun.
struct Host {
  enum class Kind { kIpv4, kIpv6, kName };

  /// An IPv4 address; an IPv6 address in its canonical text (RFC 5952); a host name as it was written. An
  /// IPv4-mapped address (::ffff:10.0.0.4) is the IPv4 address that it stands for.
  std::string name;
  Kind kind = Kind::kName;
  std::optional<int> slots = {};      ///< where the input says how many
  std::optional<int> max_slots = {};  ///< an Open MPI hostfile's max_slots

  bool operator==(const Host&) const = default;
};

/// One IP address or host name. Refused, with the place: what inet_aton(3) takes for an address and a person
/// does not (10.0.0, 0x0a000004, 010.0.0.4); a link-local address with its zone, which other nodes cannot
/// use; a name outside of RFC 1123 (an underscore is let through, since container names have it); anything
/// that begins with '-'.
Result<Host> parse_host(std::string_view text);

/// The same text for every spelling of one host: host names are compared without regard to case.
[[nodiscard]] std::string identity(const Host& host);

}  // namespace shipyard::hostfile
