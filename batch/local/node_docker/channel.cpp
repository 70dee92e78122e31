#include "batch/local/node_docker/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace shipyard::local::node_docker {
namespace {

constexpr std::size_t kFilesAtOnce = 3 + kMostFiles;

/// An address holds 107 bytes of path: a longer one goes by way of the open directory (unix(7), BUGS).
struct Address {
  sockaddr_un name{};
  FileDescriptor directory;
};

Result<Address> address_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Address address;
  address.directory = FileDescriptor(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!address.directory) {
    Error error = system_error("cannot open " + directory, errno);
    if (errno == ENOENT) error.code = Error::Code::kNotFound;
    return error;
  }
  const std::string name = fmt::format("/proc/self/fd/{}/{}", address.directory.get(),
                                       slash == std::string::npos ? path : path.substr(slash + 1));
  address.name.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.name.sun_path)
    return input_error("the name of the socket is too long: " + path);
  std::memcpy(address.name.sun_path, name.c_str(), name.size() + 1);
  return address;
}

const sockaddr* generic(const Address& address) { return reinterpret_cast<const sockaddr*>(&address.name); }

}  // namespace

Result<Channel> Channel::connect(const std::string& path) {
  auto address = address_of(path);
  if (!address) return address.error();
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot make a socket", errno);
  int connected = 0;
  do {
    connected = ::connect(socket.get(), generic(*address), sizeof address->name);
  } while (connected != 0 && errno == EINTR);
  if (connected != 0) {
    const int why = errno;
    Error error = system_error("cannot connect to " + path, why);
    if (why == ENOENT || why == ECONNREFUSED) error.code = Error::Code::kNotFound;
    return error;
  }
  return Channel(std::move(socket));
}

Result<FileDescriptor> listen_at(const std::string& path) {
  constexpr int kBacklog = 128;
  auto address = address_of(path);
  if (!address) return address.error();
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("cannot remove " + path, errno);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::bind(socket.get(), generic(*address), sizeof address->name) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), kBacklog) != 0)
    return system_error("cannot listen at " + path, errno);
  return socket;
}

Status Channel::send(const Message& message, const std::vector<int>& files, int limit_ms) {
  const std::string bytes = encode(message);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFilesAtOnce * sizeof(int))> control{};
  if (files.size() > kFilesAtOnce) return input_error("too many files for one message");
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    iovec data{const_cast<char*>(bytes.data()) + sent, bytes.size() - sent};  // NOLINT: sendmsg(2) only reads
    msghdr part{};
    part.msg_iov = &data;
    part.msg_iovlen = 1;
    if (sent == 0 && !files.empty()) {
      part.msg_control = control.data();
      part.msg_controllen = CMSG_SPACE(files.size() * sizeof(int));
      cmsghdr* header = CMSG_FIRSTHDR(&part);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), files.data(), files.size() * sizeof(int));
    }
    const ssize_t some = ::sendmsg(socket_.get(), &part, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (some > 0) {
      sent += static_cast<std::size_t>(some);
    } else if (errno == EAGAIN) {
      pollfd polled{socket_.get(), POLLOUT, 0};
      if (::poll(&polled, 1, limit_ms) == 0) return system_error("cannot send to the other end", ETIMEDOUT);
    } else if (errno != EINTR) {
      return system_error("cannot send to the other end", errno);
    }
  }
  return Ok{};
}

Channel::Arrival Channel::receive() {
  std::array<char, 65536> buffer;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFilesAtOnce * sizeof(int))> control{};
  iovec data{buffer.data(), buffer.size()};
  msghdr part{};
  part.msg_iov = &data;
  part.msg_iovlen = 1;
  part.msg_control = control.data();
  part.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_.get(), &part, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Arrival::kNothing : Arrival::kEnd;
  for (cmsghdr* header = CMSG_FIRSTHDR(&part); header != nullptr; header = CMSG_NXTHDR(&part, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      files_.emplace_back(fd);
    }
  }
  // More files than any of ours sends, or more than the kernel could hand over.
  if (got == 0 || (part.msg_flags & MSG_CTRUNC) != 0 || files_.size() > kFilesAtOnce) return Arrival::kEnd;
  bytes_.append(buffer.data(), static_cast<std::size_t>(got));
  return Arrival::kSomething;
}

}  // namespace shipyard::local::node_docker
