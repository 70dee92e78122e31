#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/ip_network.hpp"

namespace shipyard {

/// An address with a port in the form that connect(2) and bind(2) take.
class SocketAddress {
 public:
  SocketAddress(const IpAddress& address, std::uint16_t port) {
    if (address.ipv6) {
      auto* in = reinterpret_cast<sockaddr_in6*>(&storage_);
      in->sin6_family = AF_INET6;
      in->sin6_port = htons(port);
      std::memcpy(&in->sin6_addr, address.bytes.data(), 16);
    } else {
      auto* in = reinterpret_cast<sockaddr_in*>(&storage_);
      in->sin_family = AF_INET;
      in->sin_port = htons(port);
      std::memcpy(&in->sin_addr, address.bytes.data(), 4);
    }
  }
  [[nodiscard]] int family() const { return storage_.ss_family; }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const {
    return storage_.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }

 private:
  sockaddr_storage storage_{};
};

/// nullopt for a family other than IPv4 and IPv6.
[[nodiscard]] inline std::optional<IpAddress> address_of(const sockaddr& address) {
  IpAddress result;
  if (address.sa_family == AF_INET) {
    std::memcpy(result.bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  } else if (address.sa_family == AF_INET6) {
    result.ipv6 = true;
    std::memcpy(result.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  } else {
    return std::nullopt;
  }
  return result;
}

/// In host byte order; 0 for another family.
[[nodiscard]] inline std::uint16_t port_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.sa_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

/// Takes the waits out of a dialogue of small messages, before connect(2). Two ends that both hold back small
/// packets (Nagle's algorithm) and acknowledge late stop for 40 ms each time; OpenSSH leaves it so for a
/// connection without a terminal, three times in a login: measured 137 ms for what takes 50 ms without (RFC
/// 896; RFC 1122, 4.2.3.2).
///   TCP_NODELAY  our packets are not held back.
///   TCP_MAXSEG   small segments towards us, so that nearly every message is more than one of them, which
///   Linux
///                acknowledges at once (__tcp_ack_snd_check). Not for bulk data.
/// Firewalls that drop connections with small segments exist (a remedy against CVE-2019-11477): an attempt
/// that gets no answer is to be made again without `small_segments`.
inline void hasten_dialogue(int fd, bool small_segments) {
  const int on = 1;
  const int segment_bytes = 128;  // Linux takes 88 and more
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (small_segments) ::setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment_bytes, sizeof segment_bytes);
}

/// A connection whose other machine has vanished without a word ends with ETIMEDOUT after about `limit`
/// (tcp(7)); by default it would stay for two hours.
inline void notice_dead_peer(int fd, std::chrono::milliseconds limit) {
  const int on = 1;
  const int probes = 3;
  const int seconds = std::max(static_cast<int>(limit.count() / 1000), 1);
  // Half of the time quiet, then three probes in the other half.
  const int idle_seconds = std::max(seconds / 2, 1);
  const int interval_seconds = std::max((seconds - idle_seconds) / probes, 1);
  const auto unacknowledged_milliseconds = static_cast<unsigned>(limit.count());
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_milliseconds,
               sizeof unacknowledged_milliseconds);
}

}  // namespace shipyard
