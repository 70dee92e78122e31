#pragma once

#include <string>
#include <vector>

namespace shipyard::rank {

/// The active InfiniBand ports of this node that are near one of `cpus` (all where none is), as
/// UCX_NET_DEVICES takes them: "mlx5_0:1,mlx5_1:1"; empty where there is none. A device whose place is not
/// known is near to all. `sysfs` is "/sys". The order of devices, and which of them are InfiniBand, differs
/// between nodes of one Azure pool (accelerated networking): so each node looks for itself.
[[nodiscard]] std::string nearest_infiniband_ports(const std::string& sysfs, const std::vector<int>& cpus);

}  // namespace shipyard::rank
