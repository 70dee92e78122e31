#include "launcher/topology/corrections.hpp"

#include <fmt/format.h>

#include <array>

namespace shipyard::topology {
namespace {

constexpr std::string_view kEpyc9v33x = "9V33X";
constexpr std::array kReported = {8, 8, 8, 8, 8, 4};
constexpr std::array kReal = {8, 8, 8, 8, 6, 6};

/// The L3 caches of a NUMA domain in order; empty where one of its caches is no L3.
std::vector<int> l3_caches(const NodeTopology& node, int numa) {
  std::vector<int> result;
  for (std::size_t i = 0; i < node.caches.size(); ++i) {
    if (node.caches[i].numa != numa) continue;
    if (node.caches[i].level != 3) return {};
    result.push_back(static_cast<int>(i));
  }
  return result;
}

std::vector<int> cores_of_cache(const NodeTopology& node, int cache) {
  std::vector<int> result;
  for (std::size_t i = 0; i < node.cores.size(); ++i) {
    if (node.cores[i].cache == cache) result.push_back(static_cast<int>(i));
  }
  return result;
}

/// True where it had the reported shape.
bool correct_epyc_9v33x(NodeTopology& node, int numa) {
  const auto caches = l3_caches(node, numa);
  if (caches.size() != kReported.size()) return false;
  std::vector<int> cores;
  for (std::size_t i = 0; i < caches.size(); ++i) {
    const auto members = cores_of_cache(node, caches[i]);
    if (static_cast<int>(members.size()) != kReported[i]) return false;
    cores.insert(cores.end(), members.begin(), members.end());
  }
  auto core = cores.begin();
  for (std::size_t i = 0; i < caches.size(); ++i) {
    for (int n = 0; n < kReal[i]; ++n) node.cores[static_cast<std::size_t>(*core++)].cache = caches[i];
  }
  return true;
}

}  // namespace

void apply_corrections(NodeTopology& node) {
  int corrected = 0;
  for (std::size_t i = 0; i < node.numa_domains.size(); ++i) {
    const auto package = static_cast<std::size_t>(node.numa_domains[i].package);
    if (node.packages[package].model.find(kEpyc9v33x) == std::string::npos) continue;
    if (correct_epyc_9v33x(node, static_cast<int>(i))) ++corrected;
  }
  if (corrected > 0) {
    node.corrections.push_back(fmt::format(
        "L3 caches of EPYC {} in {} NUMA domain{}: {} cores as on the chip, where the virtual "
        "machine says {}",
        kEpyc9v33x, corrected, corrected == 1 ? "" : "s", fmt::join(kReal, ","), fmt::join(kReported, ",")));
  }
}

}  // namespace shipyard::topology
