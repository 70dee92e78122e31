#include "launcher/rank_environment.hpp"

#include <algorithm>

#include "base/cpu_list.hpp"

namespace shipyard::launcher {
namespace {

using topology::Gpu;
using topology::JobLayout;
using topology::NodeLayout;
using topology::NodeTopology;

/// Threads are pinned to the rank's own cores only where these are all that the rank may run on: in a wider
/// set every rank's first thread would go to the same first core.
std::map<std::string, std::string> openmp_variables(const NodeLayout& layout,
                                                    const RankEnvironmentRequest& request) {
  using topology::BindTo;
  std::map<std::string, std::string> result{{"OMP_NUM_THREADS", std::to_string(layout.threads)}};
  if (layout.bound && layout.threads > 1 &&
      (request.bind_to == BindTo::kCore || request.bind_to == BindTo::kHardwareThread)) {
    const bool threads = request.smt || request.bind_to == BindTo::kHardwareThread;
    result["OMP_PLACES"] = threads ? "threads" : "cores";
    result["OMP_PROC_BIND"] = "close";
  }
  for (auto it = result.begin(); it != result.end();)
    it = request.is_users(it->first) ? result.erase(it) : std::next(it);
  return result;
}

/// The one GPU that the rank sees, counted as the vendor's library does: among its own, in PCI order
/// (CUDA: "CUDA_DEVICE_ORDER=PCI_BUS_ID"; ROCm: "ROCR_VISIBLE_DEVICES").
std::vector<std::pair<std::string, std::string>> gpu_variables(const NodeTopology& node, int gpu) {
  if (gpu < 0) return {};
  const auto vendor = node.gpus[static_cast<std::size_t>(gpu)].vendor;
  const auto number = std::count_if(node.gpus.begin(), node.gpus.begin() + gpu,
                                    [&](const Gpu& other) { return other.vendor == vendor; });
  switch (vendor) {
    case Gpu::Vendor::kNvidia:
      return {{"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}, {"CUDA_VISIBLE_DEVICES", std::to_string(number)}};
    case Gpu::Vendor::kAmd:
      return {{"ROCR_VISIBLE_DEVICES", std::to_string(number)}};
    case Gpu::Vendor::kOther:
      break;
  }
  return {};
}

std::string usable_cpus(const NodeTopology& node) {
  std::vector<int> cpus;
  for (const auto& core : node.cores)
    cpus.insert(cpus.end(), core.hardware_threads.begin(), core.hardware_threads.end());
  std::sort(cpus.begin(), cpus.end());
  return format_cpu_list(cpus);
}

}  // namespace

RankEnvironment rank_environment(const JobLayout& layout, const std::vector<NodeTopology>& topologies,
                                 const std::vector<int>& node_topology,
                                 const RankEnvironmentRequest& request) {
  RankEnvironment result;
  if (layout.layouts.empty()) return result;
  std::vector<std::map<std::string, std::string>> openmp;
  for (const auto& node : layout.layouts) openmp.push_back(openmp_variables(node, request));
  const bool uniform =
      std::all_of(openmp.begin(), openmp.end(), [&](const auto& one) { return one == openmp.front(); });
  if (uniform) result.variables = openmp.front();

  const bool gpus = std::any_of(layout.layouts.begin(), layout.layouts.end(), [](const NodeLayout& node) {
    return std::any_of(node.ranks.begin(), node.ranks.end(), [](const auto& rank) { return rank.gpu >= 0; });
  });
  if (!request.binder && !gpus && uniform) return result;

  // A layout belongs to one topology: that of the nodes that have it.
  std::vector<const NodeTopology*> topology_of(layout.layouts.size(), nullptr);
  for (std::size_t node = 0; node < layout.node_layout.size(); ++node) {
    const int index = layout.node_layout[node];
    if (index < 0) continue;
    topology_of[static_cast<std::size_t>(index)] = &topologies[static_cast<std::size_t>(node_topology[node])];
    auto& runs = result.table.runs;
    if (runs.empty() || runs.back().layout != index) runs.push_back({index, 0});
    ++runs.back().nodes;
  }
  for (std::size_t i = 0; i < layout.layouts.size(); ++i) {
    auto& entry = result.table.layouts.emplace_back();
    if (topology_of[i] == nullptr) continue;
    entry.usable = usable_cpus(*topology_of[i]);
    for (const auto& rank : layout.layouts[i].ranks) {
      rank::RankSettings settings;
      if (request.binder) settings.cpus = format_cpu_list(rank.cpus);
      settings.variables = gpu_variables(*topology_of[i], rank.gpu);
      std::erase_if(settings.variables, [&](const auto& one) { return request.is_users(one.first); });
      if (!uniform) settings.variables.insert(settings.variables.end(), openmp[i].begin(), openmp[i].end());
      entry.ranks.push_back(std::move(settings));
    }
  }
  return result;
}

}  // namespace shipyard::launcher
