#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "hostfile/host.hpp"

namespace shipyard::hostfile {

inline constexpr int kDefaultSshPort = 23;

struct SshConfigOptions {
  int port = kDefaultSshPort;
  std::vector<std::string> patterns = {};  ///< of the Host line; empty: host_patterns(hosts)
  std::string user = {};                   ///< empty: ssh's own choice
  std::string identity_file = {};          ///< absolute path of the private key; empty: ssh's own choice
  /// Absolute path of a file with known_hosts() in it, by which every host is checked; empty: none is
  /// checked.
  std::string known_hosts_file = {};
  /// Absolute path of shipyard-connect, which makes the connection and sets TCP_NODELAY on it: without, ssh's
  /// own handshake waits three times for a delayed acknowledgement. Empty: ssh connects by itself. For
  /// numeric addresses.
  std::string connect_program = {};
  std::string connect_arguments = {};  ///< of connect_program, as a shell reads them
  int connect_timeout_seconds = 10;
  /// A connection that answers nothing for interval × count seconds is given up.
  int alive_interval_seconds = 15;
  int alive_count_max = 3;
};

/// The patterns of an ssh config's Host line for these hosts: IPv4 addresses grouped by their first octet,
/// each group by its longest common prefix of whole octets (10.0.0.4, 10.0.0.5:
/// "10.0.0.*"; 10.0.0.4, 10.1.0.5: "10.*"); a single one of its group, an IPv6 address and a name stand for
/// themselves. In the order of their first host, and never "*".
[[nodiscard]] std::vector<std::string> host_patterns(const std::vector<Host>& hosts);

/// True where ssh would apply a Host line of these patterns to `name` (ssh_config(5), PATTERNS).
[[nodiscard]] bool matches_host_line(const std::vector<std::string>& patterns, std::string_view name);

/// An ssh config, as `ssh -F FILE` and ~/.ssh/config take it, that reaches the sshd of each node's container:
/// without a question, without a word that is no error, and in the shortest time. Fails where a value of
/// `options` cannot be written there, and where patterns of the user's leave a host out.
Result<std::string> ssh_config(const std::vector<Host>& hosts, const SshConfigOptions& options = {});

/// The known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) in which all hosts have this ed25519 key,
/// given as in a .pub file. `options` as for ssh_config().
[[nodiscard]] std::string known_hosts(const std::vector<Host>& hosts, const SshConfigOptions& options,
                                      std::string_view public_key);

}  // namespace shipyard::hostfile
