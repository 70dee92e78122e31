#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "hostfile/host.hpp"

namespace shipyard::hostfile {

/// The nodes of a job in the order of the input: at least one, none of them twice.
struct HostList {
  std::vector<Host> hosts;
  std::string origin;  ///< where they come from: "AZ_BATCH_HOST_LIST", "--hosts", a file's name
};

// Each takes the text whole and what to call it in an error, which shows the place of the first fault. A host
// that stands there twice is a fault: mpirun would count its slots twice. Linear in the text.

/// AZ_BATCH_HOST_LIST: 10.0.0.4,10.0.0.5
Result<HostList> parse_batch_host_list(std::string_view text, std::string_view origin = "AZ_BATCH_HOST_LIST");

/// AZ_BATCH_NODE_LIST: 10.0.0.4;10.0.0.5
Result<HostList> parse_batch_node_list(std::string_view text, std::string_view origin = "AZ_BATCH_NODE_LIST");

/// CCP_NODES: 2 10.0.0.4 1 10.0.0.5 1, the number of nodes and then each with its cores, which become its
/// slots.
Result<HostList> parse_ccp_nodes(std::string_view text, std::string_view origin = "CCP_NODES");

/// A list as mpirun's --host takes it: 10.0.0.4,10.0.0.5:2,[fd00::4]:2
Result<HostList> parse_host_names(std::string_view text, std::string_view origin = "--hosts");

/// A hostfile of Open MPI (`HOST slots=N max_slots=M`) or Hydra (`HOST:N`), told apart line by line. A
/// comment runs from '#' to the end of the line.
Result<HostList> parse_hostfile(std::string_view text, std::string_view origin);

}  // namespace shipyard::hostfile
