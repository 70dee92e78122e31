#pragma once

#include <optional>

#include "base/environment.hpp"
#include "launcher/rank/pmix_clients.hpp"

namespace shipyard::rank {

/// Who of this node's ranks has called MPI_Init. Under another mpirun than Open MPI's nothing is known.
class Attendance {
 public:
  /// `environment`: a rank's, from mpirun.
  explicit Attendance(const Environment& environment);

  /// Asks the kernel, until all of them were seen.
  void look();
  [[nodiscard]] bool any() const { return clients_ && clients_->count() > 0; }
  /// To be asked where a rank has ended well: it has left MPI together with all others, who have been there
  /// then, or it has never entered it.
  [[nodiscard]] bool someone_missing() const { return clients_ && !complete(); }

 private:
  [[nodiscard]] bool complete() const { return clients_->count() >= ranks_; }

  int ranks_ = 0;
  std::optional<PmixClients> clients_;
};

}  // namespace shipyard::rank
