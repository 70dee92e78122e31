#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "base/file_descriptor.hpp"
#include "base/ip_network.hpp"
#include "base/result.hpp"
#include "launcher/check/node_facts.hpp"

namespace shipyard::launcher::check {

// The way that the ranks' reports take, tried in advance, and the difference of two clocks over it. A node
// sends "CLOCK token\n" and gets the launcher's time, nanoseconds since 1970, as a line; so often it wants.

/// The launcher's end. Used by one thread; `fd()` is readable whenever `handle()` has work.
class ConnectBackListener {
 public:
  /// Listens on a port of the kernel's choice, as the job's own RankMonitor does. A peer that shows another
  /// token is dropped.
  static Result<ConnectBackListener> listen(const IpAddress& address, const std::string& token);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Never blocks.
  void handle();

 private:
  struct Connection {
    FileDescriptor fd;
    std::string received;
  };

  ConnectBackListener() = default;
  void accept_all();
  /// False: the connection is over.
  bool answer(Connection& connection);

  FileDescriptor listener_;
  FileDescriptor epoll_;
  std::uint16_t port_ = 0;
  std::string question_;
  std::map<int, Connection> connections_;  // by descriptor
};

/// A node's end: what comes of it within `limit`. The clocks' difference is taken in the shortest of a few
/// round trips, as the midpoint of it (RFC 5905, section 8).
[[nodiscard]] ConnectBack connect_back(const IpAddress& address, std::uint16_t port, const std::string& token,
                                       std::chrono::milliseconds limit);

}  // namespace shipyard::launcher::check
