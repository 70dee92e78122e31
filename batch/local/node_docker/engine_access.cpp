#include "batch/local/node_docker/engine_access.hpp"

#include <sys/resource.h>

#include <chrono>

#include "base/subprocess.hpp"
#include "batch/local/node_docker/rewrite.hpp"

namespace shipyard::local::node_docker {
namespace {

using Table = std::map<std::string, std::string, std::less<>>;

void point_to(Table& table, const EngineAccess& access, const std::string& credentials) {
  // A context of the user's lies in the configuration that is not read.
  table.erase("DOCKER_CONTEXT");
  table["DOCKER_CONFIG"] = credentials;
  if (!access.host.empty()) table["DOCKER_HOST"] = access.host;
  if (access.podman) table["REGISTRY_AUTH_FILE"] = credentials + "/auth.json";
  // Of docker's own advertisements.
  table["DOCKER_CLI_HINTS"] = "false";
}

std::vector<std::string> strings(const Table& table) {
  std::vector<std::string> result;
  for (const auto& [name, value] : table) result.push_back(name + "=" + value);
  return result;
}

}  // namespace

Result<EngineAccess> find_access(const std::string& engine, const std::string& image,
                                 const Environment& environment) {
  EngineAccess access;
  auto program = find_program(engine, environment);
  if (!program) return program.error();
  access.program = std::move(*program);
  access.podman = engine == "podman";
  if (!access.podman) {
    Command command;
    command.argv = {access.program, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"};
    command.environment = environment.as_strings();
    auto said = run(std::move(command), std::chrono::seconds(20));
    if (!said) return said.error();
    // Clients before 19.03 know no contexts: they go by DOCKER_HOST alone, which stays.
    if (said->exit.success()) access.host = said->output.substr(0, said->output.find('\n'));
  }
  rlimit own{};
  if (::getrlimit(RLIMIT_MEMLOCK, &own) != 0)
    return system_error("cannot read the limit of locked memory", errno);
  if (own.rlim_max == RLIM_INFINITY) return access;
  Command probe;
  probe.argv = {access.program,        "run",          "--rm", "--pull=never", "--network=none",
                "--ulimit=memlock=-1", "--entrypoint", "true", image};
  probe.environment = environment.as_strings();
  auto ran = run(std::move(probe), std::chrono::seconds(60));
  if (!ran) return ran.error();
  if (!ran->exit.success()) access.memlock_limit = own.rlim_max;
  return access;
}

std::vector<std::string> client_environment(const EngineAccess& access, const Environment& machine,
                                            const std::string& credentials) {
  Table table = machine.variables;
  point_to(table, access, credentials);
  return strings(table);
}

std::vector<std::string> client_environment_with(const EngineAccess& access, const Environment& machine,
                                                 const std::string& credentials, const Table& node) {
  Table table;
  for (const auto& [name, value] : node) {
    if (!belongs_to_the_client(name, access.podman)) table.emplace(name, value);
  }
  for (const auto& [name, value] : machine.variables) {
    if (belongs_to_the_client(name, access.podman)) table[name] = value;
  }
  point_to(table, access, credentials);
  return strings(table);
}

}  // namespace shipyard::local::node_docker
