#include "batch/local/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <tuple>

#include "base/file.hpp"

namespace shipyard::local {
namespace {

std::string first_line(const std::string& path) {
  auto content = read_file(path);
  return content ? content->substr(0, content->find('\n')) : std::string();
}

Cpus affinity() {
  // The kernel wants a mask as large as its own, which may be larger than cpu_set_t (sched_getaffinity(2)).
  for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(cpus),
                                                               [](cpu_set_t* s) { CPU_FREE(s); });
    const std::size_t size = CPU_ALLOC_SIZE(cpus);
    if (::sched_getaffinity(0, size, set.get()) != 0) continue;
    Cpus result;
    for (int cpu = 0; cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(cpu, size, set.get())) result.push_back(cpu);
    }
    return result;
  }
  return {0};
}

}  // namespace

std::vector<Cpus> usable_cores() {
  // Package, then the core's first hardware thread: numbers of cores alone repeat from package to package.
  std::map<std::pair<int, int>, Cpus> cores;
  for (int cpu : affinity()) {
    const std::string topology = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
    const Cpus package = parse_cpu_list(first_line(topology + "physical_package_id"));
    const Cpus siblings = parse_cpu_list(first_line(topology + "thread_siblings_list"));
    cores[{package.empty() ? 0 : package[0], siblings.empty() ? cpu : siblings[0]}].push_back(cpu);
  }
  std::vector<Cpus> result;
  result.reserve(cores.size());
  for (auto& [place, cpus] : cores) result.push_back(std::move(cpus));
  return result;
}

std::vector<UsedSubnet> host_routes() {
  auto routes = read_file("/proc/net/route");
  return routes ? parse_routes(*routes) : std::vector<UsedSubnet>{};
}

std::optional<unsigned long long> process_start_time(pid_t pid) {
  auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  // Field 2 is the program's name in parentheses, and may hold anything.
  const auto end_of_name = stat->rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(stat->substr(end_of_name + 1));
  std::string skip;
  for (int field = 3; field < 22; ++field) fields >> skip;
  unsigned long long start = 0;
  if (!(fields >> start)) return std::nullopt;
  return start;
}

ProcessIdentity own_identity() {
  std::error_code ignored;
  const pid_t pid = ::getpid();
  return {first_line("/proc/sys/kernel/random/boot_id"),
          std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string(), pid,
          process_start_time(pid).value_or(0)};
}

std::string random_word() { return fmt::format("{:08x}", std::random_device{}()); }

}  // namespace shipyard::local
