#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launcher/mpi/mpirun_command.hpp"
#include "launcher/topology/infiniband.hpp"

namespace shipyard::launcher {

/// What this node has of RDMA, as its container sees it. The other nodes are taken to be like it; which of
/// its ports a rank uses is found out on the rank's own node (rank/infiniband.hpp), since the order of
/// devices, and which of them is InfiniBand, differs between nodes of one Azure pool.
struct RdmaFacts {
  std::vector<topology::RdmaLink> links = {};
  bool can_open = false;                            ///< node_probe's can_open_rdma_devices
  std::optional<std::uint64_t> locked_memory = {};  ///< bytes; nullopt: no limit
};

/// What becomes of it.
struct Fabric {
  bool infiniband = false;                 ///< a port of that link layer is ACTIVE, and can be opened
  std::vector<mpi::Reason> reasons = {};   ///< what was seen, and what follows
  std::vector<std::string> warnings = {};  ///< InfiniBand that is there, and of no use; of several nodes only
};

/// Pure.
[[nodiscard]] Fabric choose_fabric(const RdmaFacts& seen);

}  // namespace shipyard::launcher
