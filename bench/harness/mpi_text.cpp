#include "bench/harness/mpi_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <string_view>

namespace shipyard::bench {
namespace {

/// The rest of the line after `key`, without blanks around it; empty if there is no such line.
std::string value_of(const std::string& text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string::npos) return {};
  const auto first = text.find_first_not_of(" \t", at + key.size());
  if (first == std::string::npos) return {};
  const auto last = text.find_first_of("\r\n", first);
  std::string value = text.substr(first, last == std::string::npos ? last : last - first);
  value.erase(value.find_last_not_of(" \t") + 1);
  return value;
}

bool stays_on_the_node(const std::string& btl) {
  return btl == "self" || btl == "sm" || btl == "vader" || btl == "smcuda";
}

}  // namespace

std::string library_name(const std::string& library_version) {
  if (const std::string version = value_of(library_version, "MPICH Version:"); !version.empty()) {
    return "MPICH " + version;
  }
  std::string name = library_version.substr(0, library_version.find_first_of(",\n"));
  if (const std::string_view prefix = "Open MPI v"; name.starts_with(prefix))
    name.erase(prefix.size() - 1, 1);
  if (const auto platform = name.find(" for Linux"); platform != std::string::npos) name.erase(platform);
  return name;
}

std::string mpich_device(const std::string& library_version) {
  return value_of(library_version, "MPICH Device:");
}

std::string describe_transport(const TransportFacts& facts, bool between_nodes,
                               std::optional<Fabric> fabric) {
  if (!facts.mpich_device.empty()) {
    return facts.ucx_settings.empty() ? facts.mpich_device
                                      : fmt::format("{} ({})", facts.mpich_device, facts.ucx_settings);
  }
  if (facts.pml.size() != 1) return "unknown";
  const std::string& pml = facts.pml.front();
  if (pml == "ucx") {
    return facts.ucx_settings.empty() ? "UCX (pml ucx)"
                                      : fmt::format("UCX (pml ucx, {})", facts.ucx_settings);
  }
  if (pml != "ob1") return "pml " + pml;

  std::vector<std::string> candidates;
  for (const std::string& btl : facts.btl) {
    // In Open MPI 5, vader is another name of sm.
    const bool other_name = btl == "vader" && std::count(facts.btl.begin(), facts.btl.end(), "sm") > 0;
    const bool cannot_reach = btl == "self" || (between_nodes && stays_on_the_node(btl));
    if (!other_name && !cannot_reach) candidates.push_back(btl);
  }
  const auto carried = [&](const std::string& btl) {
    if (fabric == Fabric::kSharedMemory) return btl != "tcp";
    return fabric != Fabric::kTcp || !stays_on_the_node(btl);
  };
  if (std::any_of(candidates.begin(), candidates.end(), carried))
    std::erase_if(candidates, std::not_fn(carried));
  if (candidates.empty()) return "pml ob1";
  std::string text = fmt::format("btl {} (pml ob1", fmt::join(candidates, " or "));
  const bool tcp = std::find(candidates.begin(), candidates.end(), "tcp") != candidates.end();
  if (tcp && !facts.tcp_interfaces.empty()) text += ", btl_tcp_if_include " + facts.tcp_interfaces;
  return text + ")";
}

}  // namespace shipyard::bench
