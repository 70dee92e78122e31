#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace shipyard::local::node_docker {

/// What the program on a node and the service say to each other over a Unix socket. A message is its length
/// (four bytes, this machine's order, without themselves), a byte for its kind, and fields; a text is its
/// length and its bytes, whatever they are: arguments and variables need not be UTF-8.

/// First, and once, from the program. Beside it go (unix(7), SCM_RIGHTS) the open files 0, 1 and 2, then
/// `files` more: what files_to_read names.
struct Request {
  std::vector<std::string> arguments;  ///< without the program's name
  std::string working_directory;
  std::vector<std::string> environment;  ///< NAME=VALUE
  std::uint32_t files = 0;
  bool operator==(const Request&) const = default;
};

/// From the program: it was sent this signal.
struct Signalled {
  std::int32_t number = 0;
  bool operator==(const Signalled&) const = default;
};

/// From the service: for the program's standard error, as it is.
struct Remark {
  std::string text;
  bool operator==(const Remark&) const = default;
};

/// Last, from the service: how the engine's client ended.
struct Ended {
  bool signalled = false;
  std::int32_t value = 0;  ///< the exit status, or the signal
  bool operator==(const Ended&) const = default;
};

using Message = std::variant<Request, Signalled, Remark, Ended>;

/// Where the socket is on a node.
inline constexpr const char* kSocketDirectory =
    "/run/shipyard-docker";  // /run/shipyard is that of an sshd for MPI
inline constexpr const char* kSocketName = "docker.sock";
/// Longer ones are refused: execve(2) takes a quarter of the stack, 2 MiB, for arguments and environment.
inline constexpr std::size_t kLongestMessage = std::size_t{8} << 20;
/// Files beside one message; the kernel passes 253 (SCM_MAX_FD).
inline constexpr std::size_t kMostFiles = 64;

[[nodiscard]] std::string encode(const Message& message);

/// The message at the beginning of `bytes`, which is taken off; none where more bytes are needed. An error
/// where this is no message of ours: nothing that follows can be understood.
Result<std::optional<Message>> take_message(std::string& bytes);

}  // namespace shipyard::local::node_docker
