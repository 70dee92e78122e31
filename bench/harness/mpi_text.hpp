#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// The name and version out of what MPI_Get_library_version says, which is one line (Open MPI, Intel MPI) or
/// a page (MPICH): `Open MPI 4.1.4`, `MPICH 4.0.2`, `Intel(R) MPI Library 2021.8`.
std::string library_name(const std::string& library_version);

/// MPICH's `MPICH Device:` line, such as `ch4:ofi`; empty for others.
std::string mpich_device(const std::string& library_version);

/// What can be found out about how messages travel, from inside an MPI process.
struct TransportFacts {
  std::vector<std::string> pml =
      {};  ///< Open MPI: point-to-point layers with live variables; one, when all is well.
  std::vector<std::string> btl = {};  ///< Open MPI: byte transfer layers loaded, without `self`.
  std::string tcp_interfaces = {};    ///< Open MPI: btl_tcp_if_include; empty if not set.
  std::string ucx_settings = {};      ///< UCX_TLS and UCX_NET_DEVICES as they are set; empty if not set.
  std::string mpich_device = {};
};

/// What is known and no more. Which byte transfer layer carries a message cannot be asked for; it follows
/// where a single loaded one reaches beyond the node, or goes by the fabric that carried the bytes. Says
/// `unknown` where nothing is known.
std::string describe_transport(const TransportFacts& facts, bool between_nodes,
                               std::optional<Fabric> fabric = {});

}  // namespace shipyard::bench
