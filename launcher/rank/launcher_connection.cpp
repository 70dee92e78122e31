#include "launcher/rank/launcher_connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "base/ip_network.hpp"
#include "base/socket_address.hpp"

namespace shipyard::rank {

using supervise::RankMessage;

FileDescriptor connect_to(std::string_view endpoint) {
  auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = endpoint.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  auto address = parse_address(host);
  int port = 0;
  std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  if (!address || port <= 0 || port > 65535) {
    errno = EINVAL;
    return {};
  }
  const SocketAddress remote(*address, static_cast<std::uint16_t>(port));
  FileDescriptor fd(::socket(remote.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  // connect(2) follows SO_SNDTIMEO; the default is two minutes.
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), remote.get(), remote.size()) != 0) return {};
  const timeval none{};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
  notice_dead_peer(fd.get(), kFirstSilenceLimit);
  return fd;
}

void tell(const FileDescriptor& launcher, const std::vector<RankMessage>& messages) {
  std::string lines;  // in one packet
  for (const auto& message : messages) lines += supervise::format_message(message);
  ssize_t ignored = ::send(launcher.get(), lines.data(), lines.size(), MSG_NOSIGNAL);
  (void)ignored;  // a launcher that is gone needs no answer
}

void tell_end(const FileDescriptor& launcher, const Exit& exit) {
  tell(launcher, {{exit.signalled ? RankMessage::Kind::kSignal : RankMessage::Kind::kExit, exit.value}});
}

}  // namespace shipyard::rank
