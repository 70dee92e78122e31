#include "batch/local/pool_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

namespace shipyard::local {
namespace {

using Json = nlohmann::json;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Docker writes `Name`, podman's networks `name`.
const Json& member(const Json& object, const char* docker, const char* podman) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  if (auto found = object.find(docker); found != object.end()) return *found;
  if (auto found = object.find(podman); found != object.end()) return *found;
  return kNone;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

Result<Json> parse_array(std::string_view text) {
  if (text.find_first_not_of(" \n\r\t") == std::string_view::npos) return Json::array();
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_array())
    return input_error("the container engine's answer to 'inspect' is not a JSON array");
  return parsed;
}

void fill(PoolRecord& pool, const Json& labels) {
  auto label = [&](const char* name) { return text_of(member(labels, name, name)); };
  pool.kind = label("shipyard.kind") == "up" ? PoolKind::kUp : PoolKind::kRun;
  pool.owner = ProcessIdentity::parse(label("shipyard.owner"));
  pool.directory = label("shipyard.directory");
  pool.node_image = label("shipyard.node-image");
  pool.image = label("shipyard.image");
  pool.subnet = label("shipyard.subnet");
  pool.nodes = number<int>(label("shipyard.nodes")).value_or(0);
  pool.cpus = parse_cpu_list(label("shipyard.cpus"));
}

}  // namespace

std::string ProcessIdentity::text() const {
  return fmt::format("{}/{}/{}/{}", machine, pid_namespace, pid, start_time);
}

std::optional<ProcessIdentity> ProcessIdentity::parse(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    auto slash = text.find('/', from);
    parts.push_back(text.substr(from, slash == std::string_view::npos ? slash : slash - from));
    if (slash == std::string_view::npos) break;
    from = slash + 1;
  }
  if (parts.size() != 4) return std::nullopt;
  auto pid = number<pid_t>(parts[2]);
  auto start = number<unsigned long long>(parts[3]);
  if (!pid || !start) return std::nullopt;
  return ProcessIdentity{std::string(parts[0]), std::string(parts[1]), *pid, *start};
}

bool PoolRecord::running() const {
  return std::any_of(containers.begin(), containers.end(), [](const auto& c) { return c.running; });
}

std::vector<std::pair<std::string, std::string>> labels_of(const PoolRecord& pool) {
  return {{"shipyard.pool", pool.name},
          {"shipyard.kind", pool.kind == PoolKind::kUp ? "up" : "run"},
          {"shipyard.owner", pool.owner ? pool.owner->text() : ""},
          {"shipyard.directory", pool.directory},
          {"shipyard.nodes", fmt::format("{}", pool.nodes)},
          {"shipyard.subnet", pool.subnet},
          {"shipyard.cpus", format_cpu_list(pool.cpus)},
          {"shipyard.image", pool.image},
          {"shipyard.node-image", pool.node_image}};
}

Result<std::vector<PoolRecord>> parse_pools(std::string_view containers_json,
                                            std::string_view networks_json) {
  auto containers = parse_array(containers_json);
  if (!containers) return containers.error();
  auto networks = parse_array(networks_json);
  if (!networks) return networks.error();

  std::map<std::string, PoolRecord> pools;
  auto record = [&](const Json& labels) -> PoolRecord* {
    const std::string name = text_of(member(labels, "shipyard.pool", "shipyard.pool"));
    if (name.empty()) return nullptr;
    auto& pool = pools[name];
    pool.name = name;
    fill(pool, labels);
    return &pool;
  };
  for (const auto& network : *networks) {
    if (auto* pool = record(member(network, "Labels", "labels"))) {
      pool->networks.push_back(text_of(member(network, "Name", "name")));
    }
  }
  for (const auto& container : *containers) {
    const Json& labels = member(member(container, "Config", "config"), "Labels", "labels");
    if (auto* pool = record(labels)) {
      const Json& running = member(member(container, "State", "state"), "Running", "running");
      std::string name = text_of(member(container, "Name", "name"));
      if (name.starts_with('/')) name.erase(0, 1);
      pool->containers.push_back(
          {name, text_of(member(labels, "shipyard.role", "shipyard.role")),
           number<int>(text_of(member(labels, "shipyard.node", "shipyard.node"))).value_or(0),
           running.is_boolean() && running.get<bool>()});
    }
  }
  std::vector<PoolRecord> result;
  result.reserve(pools.size());
  for (auto& [name, pool] : pools) result.push_back(std::move(pool));
  return result;
}

Result<std::vector<UsedSubnet>> parse_networks(std::string_view networks_json) {
  auto networks = parse_array(networks_json);
  if (!networks) return networks.error();
  std::vector<UsedSubnet> result;
  for (const auto& network : *networks) {
    const std::string owner = fmt::format("network '{}'", text_of(member(network, "Name", "name")));
    const Json& docker = member(member(network, "IPAM", "ipam"), "Config", "config");
    const Json& ranges = docker.is_array() ? docker : member(network, "Subnets", "subnets");
    if (!ranges.is_array()) continue;
    for (const auto& range : ranges) {
      // IPv6 ranges do not parse, and do not matter here.
      auto subnet = parse_subnet(text_of(member(range, "Subnet", "subnet")), owner);
      if (subnet) result.push_back({*subnet, owner});
    }
  }
  return result;
}

bool is_leftover(const PoolRecord& pool, const ProcessIdentity& self,
                 std::optional<unsigned long long> start_time_of_owner) {
  if (pool.kind != PoolKind::kRun || !pool.owner) return false;
  if (pool.owner->machine != self.machine) return !pool.running();
  if (pool.owner->pid_namespace != self.pid_namespace) return false;
  return start_time_of_owner != pool.owner->start_time;
}

}  // namespace shipyard::local
