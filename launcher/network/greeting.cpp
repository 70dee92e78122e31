#include "launcher/network/greeting.hpp"

#include <algorithm>

namespace shipyard::network {
namespace {

/// What a terminal shows as it is: the first line, in ASCII.
std::string printable(std::string_view received) {
  std::string text(received.substr(0, std::min<std::size_t>(received.find_first_of("\r\n"), 60)));
  for (char& c : text) {
    if (c < 0x20 || c >= 0x7F) c = '?';
  }
  return text;
}

/// sshd says these before it closes (sshd.c: MaxStartups, PerSourcePenalties).
bool is_refusal_of_sshd(std::string_view text) {
  return text.starts_with("Exceeded MaxStartups") || text.starts_with("Not allowed at this time");
}

}  // namespace

std::optional<std::string_view> find_ssh_version(std::string_view received) {
  if (!received.starts_with("SSH-")) {
    const auto line = received.find("\nSSH-");
    if (line == std::string_view::npos) return std::nullopt;
    received.remove_prefix(line + 1);
  }
  const auto end = received.find_first_of("\r\n");
  return end == std::string_view::npos ? std::string_view() : received.substr(0, end);
}

Denial describe_stranger(std::string_view received, bool closed) {
  if (closed && is_refusal_of_sshd(received)) {
    return {GateFault::kTurnedAway, "refuses: \"" + printable(received) + "\""};
  }
  // telnet's port is 23, too: its server opens with IAC (RFC 854).
  if (received.starts_with('\xFF')) return {GateFault::kNotSsh, "answers as telnet does, not as ssh"};
  return {GateFault::kNotSsh, "answers, but is no ssh server: \"" + printable(received) + "\""};
}

}  // namespace shipyard::network
