#pragma once

#include <cstdint>

#include "base/file_descriptor.hpp"
#include "base/ip_network.hpp"
#include "base/result.hpp"

namespace shipyard {

/// A TCP socket that listens and does not block, at a port of the kernel's choice.
struct Listener {
  FileDescriptor fd;
  std::uint16_t port = 0;

  static Result<Listener> at(const IpAddress& address);
};

}  // namespace shipyard
