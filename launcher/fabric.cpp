#include "launcher/fabric.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace shipyard::launcher {
namespace {

constexpr std::uint64_t kKibibyte = 1024;

bool is_infiniband(const topology::RdmaLink& link) { return link.layer == "InfiniBand"; }

std::string text_of(const topology::RdmaLink& link) {
  const std::string state = link.state.empty() ? "in a state that is not known" : link.state;
  return link.rate.empty() ? state : state + ", " + link.rate;
}

}  // namespace

Fabric choose_fabric(const RdmaFacts& seen) {
  Fabric result;
  std::vector<std::string> present;
  bool active = false;
  for (const auto& link : seen.links) {
    if (is_infiniband(link)) {
      present.push_back(link.name);
      active = active || link.state == "ACTIVE";
      result.reasons.push_back({"InfiniBand port " + link.name, text_of(link)});
    } else {
      const std::string layer = link.layer.empty() ? "its link layer is not known" : link.layer;
      result.reasons.push_back({"RDMA port " + link.name, layer + ", no InfiniBand: not used"});
    }
  }
  const auto by_tcp = [&](const std::string& why) { result.reasons.push_back({"MPI goes over TCP", why}); };
  if (present.empty()) {
    by_tcp("this node has no port of link layer InfiniBand");
    return result;
  }
  const std::string ports =
      fmt::format("InfiniBand port{} {}", present.size() == 1 ? "" : "s", fmt::join(present, ", "));
  if (!active) {
    by_tcp("no InfiniBand port is ACTIVE");
    result.warnings.push_back(fmt::format("{}: not ACTIVE on this node, so MPI goes over TCP", ports));
    return result;
  }
  if (!seen.can_open) {
    by_tcp("the container has no /dev/infiniband");
    result.warnings.push_back(
        fmt::format("{}: this node's, but not in its container, so MPI goes over TCP (docker run "
                    "--device=/dev/infiniband)",
                    ports));
    return result;
  }
  result.infiniband = true;
  result.reasons.push_back(
      {"MPI goes over InfiniBand", "each rank gets the ports that are near to it, found on its own node"});
  if (seen.locked_memory) {
    result.warnings.push_back(
        fmt::format("a process can lock {} KiB of memory, and InfiniBand locks all that it sends from "
                    "(docker run --ulimit memlock=-1)",
                    *seen.locked_memory / kKibibyte));
  }
  return result;
}

}  // namespace shipyard::launcher
