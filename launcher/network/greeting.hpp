#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "launcher/network/gate.hpp"

namespace shipyard::network {

// What a server says before its client has said anything. All pure.

/// The version of an ssh server in what was received so far, without the line's end ("SSH-…", RFC 4253,
/// section 4.2; other lines may stand before it). Empty: the line has begun, but has not arrived whole.
/// nullopt: no such line so far.
[[nodiscard]] std::optional<std::string_view> find_ssh_version(std::string_view received);

/// Why a server that said this, and no version, is no use: the fault, and words for the user that a terminal
/// shows as they are. `received` is not empty.
struct Denial {
  GateFault fault = GateFault::kNotSsh;
  std::string words;
};
[[nodiscard]] Denial describe_stranger(std::string_view received, bool closed);

}  // namespace shipyard::network
