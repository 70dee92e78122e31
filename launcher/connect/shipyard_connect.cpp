// ssh's ProxyCommand for the nodes: gets a connection, hands it to ssh (ProxyUseFdpass) and is gone.
//
//   shipyard-connect [--from SOCKET] SECONDS ADDRESS PORT
//
// The connection is the one that the launcher's gate has made already, asked for at SOCKET
// (ConnectionHandover), else a new one; both without the waits that ssh's own would have (hasten_dialogue).
// Numeric addresses only, and linked statically: it starts once per node, in a millisecond.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/ip_network.hpp"
#include "base/pass_descriptor.hpp"
#include "base/socket_address.hpp"

namespace shipyard {
namespace {

constexpr int kFailure = 255;  // as ssh itself
constexpr int kSmallSegmentsMilliseconds = 1000;

int fail(const std::string& address, const std::string& port, int error) {
  std::fprintf(stderr, "shipyard-connect: error: %s port %s: %s\n", address.c_str(), port.c_str(),
               std::strerror(error));
  return kFailure;
}

/// The gate's connection; none where nobody listens at `path` or it has none for this address.
FileDescriptor ask_for(const std::string& path, const std::string& host) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  const std::string request = host + "\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  return receive_descriptor(fd.get());
}

/// A connected socket, or errno.
struct Attempt {
  FileDescriptor fd;
  int error = 0;
};

Attempt connect_within(const SocketAddress& remote, int milliseconds, bool small_segments) {
  Attempt attempt{FileDescriptor(::socket(remote.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  const int fd = attempt.fd.get();
  if (fd < 0) return {{}, errno};
  hasten_dialogue(fd, small_segments);
  if (::connect(fd, remote.get(), remote.size()) == 0) return attempt;
  if (errno != EINPROGRESS) return {{}, errno};
  pollfd polled{fd, POLLOUT, 0};
  const int ready = ::poll(&polled, 1, milliseconds);
  if (ready == 0) return {{}, ETIMEDOUT};
  if (ready < 0) return {{}, errno};
  socklen_t size = sizeof attempt.error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &attempt.error, &size);
  return attempt;
}

int run_connect(std::vector<std::string> arguments) {
  std::string socket_path;
  if (arguments.size() > 2 && arguments[0] == "--from") {
    socket_path = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.size() != 3) {
    std::fprintf(stderr, "usage: shipyard-connect [--from SOCKET] SECONDS ADDRESS PORT\n");
    return kFailure;
  }
  const int seconds = std::atoi(arguments[0].c_str());
  const auto address = parse_address(arguments[1]);
  const int port = std::atoi(arguments[2].c_str());
  if (seconds <= 0 || !address || port <= 0 || port > 65535) return fail(arguments[1], arguments[2], EINVAL);

  Attempt attempt;
  if (!socket_path.empty()) attempt.fd = ask_for(socket_path, to_string(*address));
  if (!attempt.fd) {
    const SocketAddress remote(*address, static_cast<std::uint16_t>(port));
    attempt = connect_within(remote, kSmallSegmentsMilliseconds, true);
    if (attempt.error == ETIMEDOUT) attempt = connect_within(remote, seconds * 1000, false);
  }
  if (attempt.error != 0) return fail(arguments[1], arguments[2], attempt.error);
  if (int error = send_descriptor(STDOUT_FILENO, attempt.fd.get()); error != 0) {
    return fail(arguments[1], arguments[2], error);
  }
  return 0;
}

}  // namespace
}  // namespace shipyard

int main(int argc, char** argv) { return shipyard::run_connect({argv + 1, argv + argc}); }
