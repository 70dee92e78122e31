#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/ip_network.hpp"
#include "base/result.hpp"
#include "base/terminal.hpp"
#include "launcher/topology/layout.hpp"

namespace shipyard::launcher {

/// What the user asked for, from the command line and SHIPYARD_* variables; nothing of it is looked up yet.
struct LaunchOptions {
  bool help = false;
  bool version = false;
  enum class Print { kNothing, kXml, kSignature };
  Print print_topology = Print::kNothing;  ///< what to print of this machine, in place of anything else

  topology::LayoutWish layout;  ///< without node_slots
  std::string bind_to_origin = "default";

  std::optional<std::string> hosts;     ///< --hosts
  std::optional<std::string> hostfile;  ///< --hostfile
  std::optional<int> nodes;             ///< use only the first so many

  int ssh_port = 23;
  std::string ssh_port_origin;  ///< empty: nobody has said one
  std::vector<std::string> ssh_host_patterns;
  std::string ssh_key;
  std::string ssh_user;
  std::optional<IpNetwork> subnet;

  std::string mpirun;
  std::string mpi_env;
  std::vector<std::string> mpi_arguments;
  /// -x: a name alone (value from the environment), or name and value.
  std::vector<std::pair<std::string, std::optional<std::string>>> exports;
  std::string wdir;

  /// --stage DIR[:TARGET], as the user wrote them; no target: the directory's own path.
  struct Stage {
    std::string directory;
    std::string target = {};
  };
  std::vector<Stage> stage;
  std::vector<std::string> collect;  ///< patterns of --collect
  std::string collect_to = "collected";

  /// --topology: hwloc XML or a synthetic description in place of what is found, for all nodes (`host` empty)
  /// or for one.
  struct Topology {
    std::string host;
    std::string source;
    std::string origin;
  };
  std::vector<Topology> topologies;

  std::chrono::milliseconds wait{120'000};
  std::chrono::milliseconds kill_after{5'000};
  std::chrono::milliseconds node_timeout{15'000};
  std::optional<std::chrono::milliseconds> launch_timeout;  ///< nullopt: by the number of nodes
  std::optional<std::chrono::milliseconds> timeout;         ///< of the whole job; nullopt: none
  std::optional<std::chrono::milliseconds> preflight;       ///< time for a preflight; nullopt: none
  int on_preempt = 0;  ///< the signal for the ranks where a node is about to be taken away; 0: none
  bool forward_stdin = false;
  bool lifeline = false;  ///< SHIPYARD_LIFELINE=stdin
  bool tag_output = false;

  bool dry_run = false;
  bool explain = false;
  bool json = false;
  bool show_map = false;
  bool check = false;
  std::string mpirun_log;       ///< file for what mpirun itself says; empty: none
  std::string checked_program;  ///< --check's: looked for on every node and not started; empty: none given
  std::string report;           ///< file for the account of the job; empty: none
  Verbosity verbosity = Verbosity::kNormal;

  std::vector<std::string> program;  ///< with its arguments
  bool program_is_stand_in = false;  ///< --show-map without one: nothing is started
};

[[nodiscard]] const CommandLineSpec& command_line();

/// Fails on what can be known to be wrong without looking at this machine.
Result<LaunchOptions> parse_options(const std::vector<std::string>& arguments,
                                    const Environment& environment);

/// "120", "120s", "2m", "1h", "500ms".
Result<std::chrono::milliseconds> parse_duration(const ParsedCommandLine::Value& value);

/// Bytes: "2G", "1.5GiB", "800M", "4096K"; powers of 1024. A unit is needed: nobody means bytes.
Result<std::uint64_t> parse_size(const ParsedCommandLine::Value& value);

}  // namespace shipyard::launcher
