#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "batch/local/node_docker/message.hpp"

namespace shipyard::local::node_docker {

/// One end of a connection between a program on a node and the service. For one thread.
class Channel {
 public:
  explicit Channel(FileDescriptor socket) : socket_(std::move(socket)) {}

  /// To the socket at `path`, of any length. kNotFound where nobody listens there.
  static Result<Channel> connect(const std::string& path);

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// The whole message, with `files` (which stay the caller's) beside its first byte. Waits where the other
  /// end does not read; at most `limit_ms` for each part, where that is not negative.
  Status send(const Message& message, const std::vector<int>& files = {}, int limit_ms = -1);

  enum class Arrival { kSomething, kNothing, kEnd };
  /// Takes in what has arrived, without waiting. kEnd: the other end is closed, or has failed.
  Arrival receive();
  /// A message that has arrived whole. An error ends the conversation.
  Result<std::optional<Message>> next() { return take_message(bytes_); }
  /// The open files that have come so far; close-on-exec.
  std::vector<FileDescriptor> take_files() { return std::move(files_); }

 private:
  FileDescriptor socket_;
  std::string bytes_;
  std::vector<FileDescriptor> files_;
};

/// A socket that listens at `path`, of any length; what was there is removed. Does not block.
Result<FileDescriptor> listen_at(const std::string& path);

}  // namespace shipyard::local::node_docker
