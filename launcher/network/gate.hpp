#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/ip_network.hpp"

namespace shipyard::network {

/// A node whose sshd is waited for.
struct GateTarget {
  std::string name;  ///< as the user knows it
  IpAddress address;
};

/// Why a node is not ready.
enum class GateFault {
  kNotAsked,    ///< there was no time for it
  kRefused,     ///< nothing listens on the port
  kNoRoute,     ///< no way to it
  kNoAnswer,    ///< nothing came back
  kSilent,      ///< accepts the connection, but sends no banner
  kNotSsh,      ///< something else than sshd answers
  kClosed,      ///< closes the connection without a word
  kTurnedAway,  ///< its sshd refuses this node
  kLocal,       ///< this machine cannot ask: descriptors, memory
};

/// A node that is not ready, and what it answered last: "connection refused", "answers, but is no ssh
/// server: …".
struct GateFailure {
  std::string name;
  std::string last_word;
  GateFault fault = GateFault::kNotAsked;
};

/// What the wait came to.
struct GateReport {
  /// An open connection with the node's banner still unread, fit for ssh.
  struct Connection {
    IpAddress address;
    FileDescriptor fd;
    std::chrono::steady_clock::time_point since;
  };
  std::size_t ready = 0;
  std::vector<Connection> connections;  ///< no more than GateOptions::keep
  std::vector<GateFailure> failures;    ///< in the order of the targets; empty: all nodes are ready
  /// By target: what its sshd says of itself, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 WORD" (RFC 4253,
  /// section 4.2; WORD: sshd_config(5), VersionAddendum); empty: not known.
  std::vector<std::string> banners;
  bool cancelled = false;
  std::chrono::milliseconds elapsed{0};
};

/// How far the wait is.
struct GateProgress {
  std::size_t ready = 0;
  std::size_t nodes = 0;
  std::chrono::milliseconds left{0};
  /// Those that are not ready, with their last word so far; only where they are no more than `kNamed`.
  std::vector<GateFailure> missing;

  static constexpr std::size_t kNamed = 5;
};

struct GateOptions {
  std::uint16_t port = 23;
  std::chrono::milliseconds wait{120'000};  ///< for all nodes together
  std::size_t keep = 0;                     ///< connections to keep open for ssh
  std::vector<int> cancel_fds = {};         ///< readable: ask `cancelled`
  std::function<bool()> cancelled = {};     ///< true: stop waiting
  /// Called when a node has become ready, though not ten times a second, and each second; not at the end.
  std::function<void(const GateProgress&)> progress = {};
};

/// Waits until every node's sshd has sent its banner ("SSH-", RFC 4253 section 4.2). All nodes at once over
/// non-blocking TCP, as far as the limit of descriptors allows; a node that answered is left alone (OpenSSH
/// 10 punishes sources that probe: sshd_config(5), PerSourcePenalties); one that did not is tried again after
/// a pause that grows from 50 ms to 1 s.
GateReport wait_for_sshd(const std::vector<GateTarget>& targets, const GateOptions& options);

}  // namespace shipyard::network
