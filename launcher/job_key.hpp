#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard::launcher {

/// The variable with the job's private key: the base64 of an OpenSSH key file.
inline constexpr const char* kJobKeyVariable = "SHIPYARD_SSH_KEY";

/// The job's own ed25519 key. One key for all: it is the user's, and the host key of every node's sshd, so
/// that ssh can check whom it has reached.
struct JobKey {
  std::string public_key;  ///< as in a .pub file, without comment: "ssh-ed25519 AAAA…"
  std::string origin;      ///< where it was found, for --explain
  /// The private key as a file that ssh can read; empty where it was in the environment alone.
  std::string file;
  Secret private_key;  ///< what has to be written to a file then
};

/// Where the image's entrypoint puts the key for a user: a directory of the user's own with id_ed25519,
/// id_ed25519.pub and port.
[[nodiscard]] std::vector<std::string> job_key_directories(unsigned user_id);

/// The key that the entrypoint has installed in the first of these directories that has one, else the one of
/// `environment`'s secrets, where no entrypoint of ours has run. nullopt: the job has no key of its own. With
/// `user_file`, the user's choice of a private key, that file where it holds the same key, else nullopt: what
/// host keys the nodes have is not known then. Fails where there is a key that cannot be used. A directory or
/// key that somebody else could have put there is ignored.
Result<std::optional<JobKey>> find_job_key(const std::vector<std::string>& directories,
                                           const Environment& environment, const std::string& user_file = {});

/// The port of sshd that the entrypoint has written down in the first of the directories that it has made.
[[nodiscard]] std::optional<int> installed_ssh_port(const std::vector<std::string>& directories,
                                                    unsigned user_id);

/// True for the command line (/proc/PID/cmdline) of an entrypoint that has not become sshd or a command yet.
[[nodiscard]] bool is_entrypoint(std::string_view command_line);

/// Waits until this container's entrypoint, PID 1 or a child of it, has installed key and port: `docker run
/// -d` returns before that, and the launcher may be called at once.
void wait_for_entrypoint(std::chrono::milliseconds limit);

/// The public half of an OpenSSH private key file (PROTOCOL.key), which stands in it in the clear. Fails
/// where it is another kind of file, of key, or has a passphrase; `origin` is what the message calls it.
Result<std::string> public_half(std::string_view private_key, std::string_view origin);

}  // namespace shipyard::launcher
