#include "launcher/network/connection_handover.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/pass_descriptor.hpp"

namespace shipyard::network {
namespace {

/// sshd drops a connection that does not log in within LoginGraceTime, 120 s by default (sshd_config(5)).
constexpr std::chrono::seconds kFresh{30};

bool still_speaks(int fd) {
  char first = 0;
  return ::recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

}  // namespace

Result<ConnectionHandover> ConnectionHandover::listen(const std::string& path,
                                                      std::vector<GateReport::Connection> connections) {
  ConnectionHandover handover;
  handover.connections_ = std::move(connections);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return system_error("cannot listen at " + path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  handover.listener_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!handover.listener_ ||
      ::bind(handover.listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(handover.listener_.get(), 1024) != 0) {
    return system_error("cannot listen at " + path, errno);
  }
  return handover;
}

FileDescriptor ConnectionHandover::take(const std::string& address) {
  auto found = std::find_if(connections_.begin(), connections_.end(),
                            [&](const auto& connection) { return to_string(connection.address) == address; });
  if (found == connections_.end()) return {};
  const bool fresh = std::chrono::steady_clock::now() - found->since < kFresh;
  FileDescriptor fd = std::move(found->fd);
  connections_.erase(found);
  return fresh && still_speaks(fd.get()) ? std::move(fd) : FileDescriptor();
}

void ConnectionHandover::close() {
  (void)listener_.close();
  connections_.clear();
}

void ConnectionHandover::handle() {
  while (true) {
    FileDescriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    const timeval limit{.tv_sec = 0, .tv_usec = 100'000};
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char buffer[128];
    ssize_t got = ::recv(client.get(), buffer, sizeof buffer, 0);
    if (got <= 1 || buffer[got - 1] != '\n') continue;
    const FileDescriptor connection = take(std::string(buffer, static_cast<std::size_t>(got - 1)));
    (void)send_descriptor(client.get(), connection.get());
  }
}

}  // namespace shipyard::network
