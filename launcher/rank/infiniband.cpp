#include "launcher/rank/infiniband.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/cpu_list.hpp"
#include "base/file_descriptor.hpp"

namespace shipyard::rank {
namespace {

/// Without "." and "..", numbers in numeric order: mlx5_2 before mlx5_10.
std::vector<std::string> entries(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (!stream) return names;
  while (const dirent* entry = ::readdir(stream.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end(), [](const std::string& left, const std::string& right) {
    return ::strverscmp(left.c_str(), right.c_str()) < 0;
  });
  return names;
}

/// A file of sysfs, without its line's end; empty where it cannot be read. One page is the most they hold.
std::string read_attribute(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  const ssize_t got = file ? ::read(file.get(), buffer, sizeof buffer) : 0;
  std::string text(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
  return text;
}

bool is_near(const std::string& device, const std::vector<int>& cpus) {
  const auto local = parse_cpu_list(read_attribute(device + "/device/local_cpulist"));
  if (!local || local->empty()) return true;
  return std::any_of(cpus.begin(), cpus.end(),
                     [&](int cpu) { return std::binary_search(local->begin(), local->end(), cpu); });
}

}  // namespace

std::string nearest_infiniband_ports(const std::string& sysfs, const std::vector<int>& cpus) {
  std::string near;
  std::string all;
  const std::string devices = sysfs + "/class/infiniband/";
  for (const auto& name : entries(devices)) {
    const std::string device = devices + name;
    std::string ports;
    for (const auto& port : entries(device + "/ports")) {
      const std::string directory = device + "/ports/" + port;
      if (read_attribute(directory + "/link_layer") != "InfiniBand") continue;
      // "4: ACTIVE", Documentation/ABI/stable/sysfs-class-infiniband.
      if (!read_attribute(directory + "/state").starts_with("4:")) continue;
      ports += "," + name + ":" + port;
    }
    if (ports.empty()) continue;
    all += ports;
    if (is_near(device, cpus)) near += ports;
  }
  const std::string& chosen = near.empty() ? all : near;
  return chosen.empty() ? chosen : chosen.substr(1);
}

}  // namespace shipyard::rank
