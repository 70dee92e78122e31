#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "base/environment.hpp"

namespace shipyard::rank {

/// The TCP port on which Open MPI's daemon of this node serves its ranks: from PMIX_SERVER_URI…,
/// "prterun-a-55@0.0;tcp4://127.0.0.1:44899". nullopt without one.
[[nodiscard]] std::optional<std::uint16_t> pmix_server_port(const Environment& environment);

/// Which processes of this node have called MPI_Init: it connects to the daemon, and the kernel remembers a
/// connection for a minute after its end (TIME_WAIT; tcp(7)). Who connects is known by its own port; all
/// ranks of a job are in MPI_Init at the same time, so no port stands for two of them.
class PmixClients {
 public:
  explicit PmixClients(std::uint16_t server_port) : server_port_(server_port) {}

  /// `table`: /proc/net/tcp or tcp6 (proc(5)).
  void note(std::string_view table);
  /// How many were seen so far.
  [[nodiscard]] int count() const { return static_cast<int>(ports_.size()); }

 private:
  std::uint16_t server_port_;
  std::set<std::uint16_t> ports_;
};

}  // namespace shipyard::rank
