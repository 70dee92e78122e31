#include "bench/harness/traffic.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace shipyard::bench {

namespace {

std::string proc_net_dev() {
  std::ifstream file("/proc/net/dev");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::map<std::string, std::int64_t> sent_by_each(std::string_view proc_net_dev) {
  // "  eth0: RECEIVED packets errs drop fifo frame compressed multicast SENT …"
  std::istringstream lines{std::string(proc_net_dev)};
  std::map<std::string, std::int64_t> sent;
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream numbers(line.substr(colon + 1));
    std::int64_t number = 0;
    int column = 0;
    while (column < 9 && numbers >> number) ++column;
    const auto name = line.find_first_not_of(' ');
    if (column == 9) sent[line.substr(name, colon - name)] = number;
  }
  return sent;
}

std::int64_t sent_by_interfaces(std::string_view proc_net_dev) {
  std::int64_t sum = 0;
  for (const auto& [name, sent] : sent_by_each(proc_net_dev)) sum += sent;
  return sum;
}

std::map<std::string, std::int64_t> sent_so_far() { return sent_by_each(proc_net_dev()); }

Traffic traffic_so_far() {
  namespace fs = std::filesystem;
  Traffic traffic;
  traffic.interfaces = sent_by_interfaces(proc_net_dev());
  std::error_code failure;
  for (fs::directory_iterator device("/sys/class/infiniband", failure), end; !failure && device != end;
       device.increment(failure)) {
    std::error_code none;
    for (fs::directory_iterator port(device->path() / "ports", none); !none && port != end;
         port.increment(none)) {
      std::int64_t words = 0;
      if (std::ifstream(port->path() / "counters" / "port_xmit_data") >> words)
        traffic.infiniband += 4 * words;
    }
  }
  return traffic;
}

std::optional<Fabric> fabric_of(const Traffic& before, const Traffic& after, const Traffic& paused,
                                std::int64_t sent, bool same_node) {
  if (sent <= 0) return std::nullopt;
  const auto carried = [&](std::int64_t Traffic::*way) {
    return (after.*way - before.*way) - (paused.*way - after.*way) >= sent / 2;
  };
  if (carried(&Traffic::infiniband)) return Fabric::kInfiniBand;
  if (carried(&Traffic::interfaces)) return Fabric::kTcp;
  return same_node ? std::optional(Fabric::kSharedMemory) : std::nullopt;
}

const char* fabric_name(Fabric fabric) {
  switch (fabric) {
    case Fabric::kInfiniBand:
      return "ib";
    case Fabric::kTcp:
      return "tcp";
    case Fabric::kSharedMemory:
      return "shm";
  }
  return "";
}

}  // namespace shipyard::bench
