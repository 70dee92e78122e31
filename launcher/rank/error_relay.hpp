#pragma once

#include <functional>
#include <thread>

#include "base/file_descriptor.hpp"

namespace shipyard::rank {

/// Carries what a rank writes to its standard error from a pipe to a connection, in a thread of its own: who
/// reads slowly at the other end must not keep this node from giving signs of life.
class ErrorRelay {
 public:
  /// `connect` is called once there is something to carry; where it fails, or the connection breaks,
  /// `fallback` gets the rest.
  ErrorRelay(FileDescriptor pipe, std::function<FileDescriptor()> connect, int fallback);
  ErrorRelay(const ErrorRelay&) = delete;
  ErrorRelay& operator=(const ErrorRelay&) = delete;
  /// Does not wait for a thread that is held up: to be followed by the end of the process.
  ~ErrorRelay();

  /// The rank has ended: what is in the pipe now is all that is carried, also where a process that the rank
  /// has left behind holds it open.
  void finish();
  /// Readable once everything has been carried.
  [[nodiscard]] int done_fd() const { return done_read_.get(); }

 private:
  void carry();
  void send(const char* data, std::size_t size);

  FileDescriptor pipe_;
  std::function<FileDescriptor()> connect_;
  int fallback_;
  FileDescriptor connection_;
  bool tried_ = false;
  FileDescriptor finish_read_, finish_write_;
  FileDescriptor done_read_, done_write_;
  std::thread thread_;
};

}  // namespace shipyard::rank
