// serve_node_docker ENGINE IMAGE DIRECTORY CONTAINER...: answers the docker of nodes, as a service does that
// has made them: the Nth container, of the network's Nth node, with DIRECTORY/node-N as its tasks. Writes the
// options of the nodes' `run` to DIRECTORY/options-N and a line to standard output, and serves until its
// standard input ends; then all that the nodes have made is removed. With --keep before ENGINE it stays.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <limits>

#include "base/environment.hpp"
#include "base/terminal.hpp"
#include "batch/local/node_docker/broker.hpp"

using namespace shipyard;
using namespace shipyard::local::node_docker;

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const Environment environment = Environment::capture();
  const Messages messages(std::cerr, "serve_node_docker", environment);
  if (arguments.size() < 4) return 2;
  const std::string directory = arguments[2];
  auto access = find_access(arguments[0], arguments[1], environment);
  if (!access) {
    messages.error(access.error());
    return 1;
  }
  std::vector<BrokerSettings> nodes;
  std::vector<std::unique_ptr<Broker>> brokers;
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    BrokerSettings settings;
    settings.node.container = arguments[i];
    settings.node.prefix = arguments[i] + "-";
    settings.node.labels = {{"shipyard.test.node", arguments[i]}};
    settings.node.directory = fmt::format("{}/node-{}", directory, i - 3);
    settings.node.mounts = {{"/shared", directory + "/shared"}};
    settings.access = *access;
    settings.environment = environment;
    settings.directory = fmt::format("{}/broker-{}", directory, i - 3);
    auto broker = Broker::start(settings);
    if (!broker) {
      messages.error(broker.error());
      return 1;
    }
    std::ofstream options(fmt::format("{}/options-{}", directory, i - 3));
    for (const auto& word :
         node_options(settings.directory, environment.executable_directory + "/../bin/shipyard-node-docker"))
      options << word << '\n';
    brokers.push_back(std::move(*broker));
    nodes.push_back(std::move(settings));
  }
  std::cout << "ready" << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  brokers.clear();
  int status = 0;
  for (const auto& node : nodes) {
    if (auto removed = remove_containers(node); !removed) {
      messages.error(removed.error());
      status = 1;
    }
  }
  return status;
}
