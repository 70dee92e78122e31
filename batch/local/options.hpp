#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/terminal.hpp"
#include "batch/local/pool_plan.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

/// A directory of this machine that nodes show as well.
struct ServedMount {
  std::string here;
  std::string there;
};

/// What `serve` was asked for; what is empty has its default.
struct ServeOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 10077;
  std::string account;
  std::string key_file;
  std::string state;    ///< directory
  std::string storage;  ///< directory
  std::vector<ServedMount> mounts;
  std::string node_image = kDefaultNodeImage;
};

/// A command line of shipyard-local, understood.
struct Request {
  enum class Verb { kHelp, kVersion, kRun, kUp, kExec, kDown, kStatus, kServe };

  Verb verb = Verb::kHelp;
  std::string help;  ///< kHelp: the text
  Verbosity verbosity = Verbosity::kNormal;
  std::optional<std::string> engine;
  bool dry_run = false;

  PoolOptions pool;                  ///< run, up; `pool.name` of run is empty
  std::optional<Subnet> subnet;      ///< run, up
  std::optional<int> cpus_per_node;  ///< run, up

  std::optional<std::string> name;  ///< up, exec, down
  int node = 0;                     ///< exec
  bool interactive = false;         ///< exec
  bool all = false;                 ///< down
  std::chrono::seconds kill_after{15};
  std::vector<std::string> command;  ///< run, exec
  ServeOptions serve;                ///< serve
};

/// Of each command, in the order of the overview.
[[nodiscard]] std::vector<CommandLineSpec> command_lines();

/// `arguments` without the program's name.
Result<Request> parse_request(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace shipyard::local
