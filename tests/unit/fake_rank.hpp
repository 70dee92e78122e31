#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"

namespace shipyard::supervise {

inline void say(const FileDescriptor& fd, const std::string& words) {
  EXPECT_EQ(::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL), static_cast<ssize_t>(words.size()));
}

/// A rank that is a socket of the test's own, connected to a RankMonitor on 127.0.0.1; it has said `words`.
/// `from`: the address that it calls from.
inline FileDescriptor connect_rank(const std::string& endpoint, const std::string& words,
                                   const char* from = "127.0.0.1") {
  const auto port = static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  const SocketAddress remote(*parse_address("127.0.0.1"), port);
  FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress local(*parse_address(from), 0);
  EXPECT_EQ(::bind(fd.get(), local.get(), local.size()), 0);
  EXPECT_EQ(::connect(fd.get(), remote.get(), remote.size()), 0);
  say(fd, words);
  return fd;
}

}  // namespace shipyard::supervise
