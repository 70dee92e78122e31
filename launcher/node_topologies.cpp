#include "launcher/node_topologies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "base/subprocess.hpp"
#include "launcher/topology/discover.hpp"
#include "launcher/topology/signature.hpp"

namespace shipyard::launcher {
namespace {

using topology::NodeTopology;

/// ssh processes at a time.
constexpr std::size_t kFetchedAtOnce = 32;
constexpr std::chrono::seconds kLimit{10};

Result<NodeTopology> fetch(const std::string& host, const std::string& ssh_config,
                           const Environment& environment, topology::Devices devices) {
  // By its name: the image has it on PATH, and the entrypoint hands that to ssh's logins.
  Command command{.argv = {"ssh", "-F", ssh_config, host, "shipyard-mpirun --print-topology xml"},
                  .environment = environment.as_strings()};
  auto done = run(std::move(command), kLimit);
  if (!done) return done.error();
  if (!done->exit.success()) {
    const std::string words = done->errors.substr(0, done->errors.find('\n'));
    return Error{Error::Code::kSystem, words.empty() ? "ssh failed" : words, {}, {}};
  }
  return topology::parse_topology_xml(done->output, "topology of " + host, devices);
}

std::string plural(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string named(const LaunchContext& context, const std::vector<std::size_t>& hosts) {
  const std::string& first = context.hosts.hosts[hosts[0]].name;
  return hosts.size() == 1 ? first : fmt::format("{} and {} more", first, hosts.size() - 1);
}

}  // namespace

std::string_view signature_in(std::string_view banner) {
  const auto blank = banner.rfind(' ');
  if (blank == std::string_view::npos) return {};
  const std::string_view word = banner.substr(blank + 1);
  return word.starts_with("shipyard-") ? word : std::string_view();
}

std::vector<UnlikeNodes> find_unlike_nodes(const std::string& own, const std::vector<std::size_t>& hosts,
                                           const std::vector<std::string>& banners) {
  std::vector<UnlikeNodes> result;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string_view signature = signature_in(banners[i]);
    if (signature.empty() || signature == own) continue;
    auto known = std::find_if(result.begin(), result.end(),
                              [&](const UnlikeNodes& nodes) { return nodes.signature == signature; });
    if (known == result.end()) known = result.insert(result.end(), {std::string(signature), {}});
    known->hosts.push_back(hosts[i]);
  }
  return result;
}

FetchedTopologies fetch_topologies(LaunchContext context, const LaunchOptions& options,
                                   const std::vector<UnlikeNodes>& unlike, const std::string& ssh_config) {
  const auto& per_node = options.layout.ranks_per_node;
  const bool gpus = per_node && per_node->mode == topology::RanksPerNode::Mode::kGpu;
  const auto devices = gpus ? topology::Devices::kAll : topology::Devices::kNone;
  std::vector<Result<NodeTopology>> fetched;
  for (std::size_t start = 0; start < unlike.size(); start += kFetchedAtOnce) {
    std::vector<std::future<Result<NodeTopology>>> running;
    for (std::size_t i = start; i < std::min(start + kFetchedAtOnce, unlike.size()); ++i) {
      running.push_back(std::async(std::launch::async, [&, i] {
        return fetch(context.hosts.hosts[unlike[i].hosts[0]].name, ssh_config, context.environment, devices);
      }));
    }
    for (auto& one : running) fetched.push_back(one.get());
  }
  FetchedTopologies result{std::move(context), {}, {}};
  for (std::size_t i = 0; i < unlike.size(); ++i) {
    const std::string who = named(result.context, unlike[i].hosts);
    if (!fetched[i]) {
      result.warnings.push_back(fmt::format(
          "{}: other hardware than this node's, but it could not be asked for ({}): ranks there may "
          "not be bound",
          who, fetched[i].error().message));
      continue;
    }
    const std::size_t own = result.context.topologies[0].cores.size();
    if (fetched[i]->cores.size() != own) {
      result.notes.push_back(fmt::format("{}: {}, this node {}: each gets its own layout", who,
                                         plural(fetched[i]->cores.size(), "core"), own));
    }
    for (std::size_t host : unlike[i].hosts)
      result.context.host_topology[host] = static_cast<int>(result.context.topologies.size());
    result.context.topologies.push_back(std::move(*fetched[i]));
  }
  return result;
}

}  // namespace shipyard::launcher
