#pragma once

#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "launcher/network/gate.hpp"

namespace shipyard::network {

/// Gives the connections that the gate has made to ssh, by way of shipyard-connect: a node's sshd is then
/// asked once and not twice, and its part of the start-up is done by the time mpirun calls ssh. Who asks
/// sends "ADDRESS\n" and gets one byte, with the socket beside it (unix(7), SCM_RIGHTS), or without where
/// there is none and it must connect by itself. Each is given away once. Used by one thread; `fd()` is
/// readable whenever `handle()` has work.
class ConnectionHandover {
 public:
  /// Listens at `path`, which must lie in a private directory.
  static Result<ConnectionHandover> listen(const std::string& path,
                                           std::vector<GateReport::Connection> connections);

  [[nodiscard]] int fd() const { return listener_.get(); }
  /// Nobody is served any more: who asks is refused at once and connects by itself.
  void close();
  /// Serves who is waiting; blocks for 100 ms at most on one that does not speak.
  void handle();

 private:
  ConnectionHandover() = default;
  FileDescriptor take(const std::string& address);

  FileDescriptor listener_;
  std::vector<GateReport::Connection> connections_;
};

}  // namespace shipyard::network
