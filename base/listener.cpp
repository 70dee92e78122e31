#include "base/listener.hpp"

#include <cerrno>

#include "base/socket_address.hpp"

namespace shipyard {

Result<Listener> Listener::at(const IpAddress& address) {
  // Many nodes may call at once; the kernel cuts it to net.core.somaxconn.
  constexpr int kBacklog = 4096;
  const SocketAddress local(address, 0);
  Listener listener;
  listener.fd = FileDescriptor(::socket(local.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener.fd || ::bind(listener.fd.get(), local.get(), local.size()) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    return system_error("cannot listen on " + to_string(address), errno);
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  listener.port = port_of(reinterpret_cast<const sockaddr&>(bound));
  return listener;
}

}  // namespace shipyard
