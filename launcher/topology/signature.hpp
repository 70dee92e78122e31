#pragma once

#include <string>

#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// One word for all of a node that the layout depends on: at most 40 letters, digits and dashes, so that it
/// can travel in sshd's banner (VersionAddendum, sshd_config(5)). Equal for nodes that get the same layout,
/// so it holds the CPUs' numbers, places and kinds, limits, and what mpirun counts; the CPU's name, cache
/// sizes and devices are left out, and memory counts in GiB, since virtual machines of a size differ by some
/// pages. GPUs and InfiniBand ports can lie elsewhere on nodes of equal signatures: where they matter, ask
/// the nodes.
[[nodiscard]] std::string signature(const NodeTopology& node);

}  // namespace shipyard::topology
