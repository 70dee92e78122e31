#include "launcher/topology/infiniband.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"

namespace shipyard::topology {
namespace {

/// IB_PORT_ACTIVE, which sysfs writes as "4: ACTIVE" and hwloc as "4".
bool is_down(const std::string& state) { return !state.empty() && !state.starts_with('4'); }

bool is_infiniband(const RdmaPort& port) {
  if (!port.link_layer.empty()) return port.link_layer == "InfiniBand";
  return std::strtoul(port.lid.c_str(), nullptr, 16) != 0;
}

/// Of a file of sysfs; empty where it cannot be read.
std::string first_line(const std::string& path) {
  auto text = read_file(path, 4096);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

}  // namespace

std::map<int, std::string> link_layers(const std::string& directory, const std::string& device) {
  std::map<int, std::string> result;
  std::error_code failure;
  const std::filesystem::path ports = std::filesystem::path(directory) / device / "ports";
  for (std::filesystem::directory_iterator entry(ports, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    int number = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc{}) continue;
    auto text = read_file((entry->path() / "link_layer").string(), 4096);
    if (text) result[number] = text->substr(0, text->find('\n'));
  }
  return result;
}

std::vector<RdmaLink> rdma_links(const std::string& directory) {
  std::vector<std::string> devices;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    devices.push_back(entry->path().filename().string());
  }
  std::sort(devices.begin(), devices.end());
  std::vector<RdmaLink> result;
  for (const auto& device : devices) {
    for (const auto& [number, layer] : link_layers(directory, device)) {
      const std::string port = directory + "/" + device + "/ports/" + std::to_string(number);
      // "4: ACTIVE"
      const std::string state = first_line(port + "/state");
      const auto blank = state.find(' ');
      result.push_back({device + ":" + std::to_string(number), layer,
                        blank == std::string::npos ? state : state.substr(blank + 1),
                        first_line(port + "/rate")});
    }
  }
  return result;
}

std::vector<InfiniBandLink> infiniband_links(const std::string& directory) {
  std::vector<InfiniBandLink> result;
  for (const auto& link : rdma_links(directory)) {
    if (link.layer == "InfiniBand") result.push_back({link.name, link.state, link.rate});
  }
  return result;
}

std::vector<int> infiniband_ports(const std::map<int, RdmaPort>& ports, bool pci_class_is_infiniband) {
  if (ports.empty()) return pci_class_is_infiniband ? std::vector{1} : std::vector<int>{};
  std::vector<int> result;
  for (const auto& [number, port] : ports) {
    if (!is_down(port.state) && is_infiniband(port)) result.push_back(number);
  }
  return result;
}

}  // namespace shipyard::topology
