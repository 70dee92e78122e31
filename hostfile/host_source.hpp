#pragma once

#include <optional>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "hostfile/host_list.hpp"

namespace shipyard::hostfile {

/// The host list that Azure Batch gave to this process: AZ_BATCH_HOST_LIST, else AZ_BATCH_NODE_LIST, else
/// CCP_NODES. Nothing where none of them is set; one that is set and wrong is an error, even where another
/// one would do.
Result<std::optional<HostList>> hosts_from_environment(const Environment& environment);

/// Reads a hostfile; "-" is standard input.
Result<HostList> read_hostfile(const std::string& path);

}  // namespace shipyard::hostfile
