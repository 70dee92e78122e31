#include <algorithm>
#include <charconv>
#include <sstream>
#include <vector>

#include "base/file.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {
namespace {

std::optional<double> to_number(std::string_view text) {
  double value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{}) return std::nullopt;
  return value;
}

std::optional<double> first_number(const std::string& path) {
  auto text = read_file(path, 4096);
  return text ? to_number(*text) : std::nullopt;
}

/// `cpu.max` holds "QUOTA PERIOD" or "max PERIOD", in microseconds.
std::optional<double> quota_v2(const std::string& directory) {
  auto text = read_file(directory + "/cpu.max", 4096);
  if (!text) return std::nullopt;
  std::istringstream words(*text);
  std::string quota;
  double period = 0;
  words >> quota >> period;
  auto value = to_number(quota);
  return value && period > 0 ? std::optional(*value / period) : std::nullopt;
}

/// -1 microseconds means no limit.
std::optional<double> quota_v1(const std::string& directory) {
  auto quota = first_number(directory + "/cpu.cfs_quota_us");
  auto period = first_number(directory + "/cpu.cfs_period_us");
  return quota && period && *quota > 0 && *period > 0 ? std::optional(*quota / *period) : std::nullopt;
}

/// "/a/b" -> "/a/b", "/a", "".
std::vector<std::string> with_ancestors(std::string path) {
  std::vector<std::string> result;
  while (!path.empty() && path != "/") {
    result.push_back(path);
    path.erase(path.rfind('/'));
  }
  result.emplace_back();
  return result;
}

bool has_cpu_controller(std::string_view controllers) {
  while (!controllers.empty()) {
    auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu") return true;
    if (comma == std::string_view::npos) break;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& proc_self_cgroup, const std::string& mount_point) {
  std::optional<double> least;
  auto consider = [&](std::optional<double> quota) {
    if (quota) least = least ? std::min(*least, *quota) : *quota;
  };
  std::istringstream lines(proc_self_cgroup);
  for (std::string line; std::getline(lines, line);) {
    // "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers.
    auto first = line.find(':');
    auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (!path.starts_with('/')) continue;
    for (const auto& ancestor : with_ancestors(path)) {
      if (controllers.empty()) {
        consider(quota_v2(mount_point + ancestor));
      } else if (has_cpu_controller(controllers)) {
        consider(quota_v1(mount_point + "/" + controllers + ancestor));
        if (controllers != "cpu") consider(quota_v1(mount_point + "/cpu" + ancestor));
      }
    }
  }
  return least;
}

}  // namespace shipyard::topology
