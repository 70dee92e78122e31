#include "launcher/topology/cgroup.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/file.hpp"

namespace shipyard::topology {
namespace {

/// The number at the beginning of `text`.
template <typename T>
std::optional<T> to_number(std::string_view text) {
  T value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{}) return std::nullopt;
  return value;
}

template <typename T>
std::optional<T> number_in(const std::string& path) {
  auto text = read_file(path, 4096);
  return text ? to_number<T>(*text) : std::nullopt;
}

/// `cpu.max` holds "QUOTA PERIOD" or "max PERIOD", in microseconds.
std::optional<double> quota_v2(const std::string& directory) {
  auto text = read_file(directory + "/cpu.max", 4096);
  if (!text) return std::nullopt;
  std::istringstream words(*text);
  std::string quota;
  double period = 0;
  words >> quota >> period;
  auto value = to_number<double>(quota);
  return value && *value > 0 && period > 0 ? std::optional(*value / period) : std::nullopt;
}

/// -1 microseconds means no limit.
std::optional<double> quota_v1(const std::string& directory) {
  auto quota = number_in<double>(directory + "/cpu.cfs_quota_us");
  auto period = number_in<double>(directory + "/cpu.cfs_period_us");
  return quota && period && *quota > 0 && *period > 0 ? std::optional(*quota / *period) : std::nullopt;
}

/// `memory.max` holds bytes or "max".
std::optional<std::uint64_t> memory_v2(const std::string& directory) {
  return number_in<std::uint64_t>(directory + "/memory.max");
}

/// No limit is the greatest number of whole pages in 63 bits: with pages of 64 KiB 2^63 - 2^16.
std::optional<std::uint64_t> memory_v1(const std::string& directory) {
  constexpr std::uint64_t kNone = 1ULL << 62U;
  auto limit = number_in<std::uint64_t>(directory + "/memory.limit_in_bytes");
  return limit && *limit < kNone ? limit : std::nullopt;
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

bool has_controller(std::string_view controllers, std::string_view name) {
  while (!controllers.empty()) {
    auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == name) return true;
    if (comma == std::string_view::npos) break;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

/// The least limit that `read_v2` and `read_v1` find in the directories of this process's groups and their
/// ancestors.
template <typename T>
std::optional<T> least_limit(const std::string& proc_self_cgroup, const std::string& mount_point,
                             const std::string& controller,
                             std::optional<T> (*read_v2)(const std::string& directory),
                             std::optional<T> (*read_v1)(const std::string& directory)) {
  std::optional<T> least;
  auto consider = [&](std::optional<T> limit) {
    if (limit) least = least ? std::min(*least, *limit) : *limit;
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
        consider(read_v2(mount_point + ancestor));
      } else if (has_controller(controllers, controller)) {
        consider(read_v1(mount_point + "/" + controllers + ancestor));
        if (controllers != controller) consider(read_v1(mount_point + "/" + controller + ancestor));
      }
    }
  }
  return least;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& proc_self_cgroup, const std::string& mount_point) {
  return least_limit<double>(proc_self_cgroup, mount_point, "cpu", quota_v2, quota_v1);
}

std::optional<std::uint64_t> memory_limit(const std::string& proc_self_cgroup,
                                          const std::string& mount_point) {
  return least_limit<std::uint64_t>(proc_self_cgroup, mount_point, "memory", memory_v2, memory_v1);
}

}  // namespace shipyard::topology
