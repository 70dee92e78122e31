#include "launcher/mpi/mpirun_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "launcher/mpi/command_composer.hpp"
#include "launcher/mpi/hydra_command.hpp"
#include "launcher/mpi/intel_mpi_command.hpp"

namespace shipyard::mpi {
namespace {

/// mpirun(1)'s other words for the options that we set. Both together it refuses, or takes the one and not
/// the other.
constexpr std::pair<std::string_view, std::string_view> kOpenMpiSpellings[] = {
    {"n", "np"},
    {"c", "np"},
    {"machinefile", "hostfile"},
    {"default-hostfile", "hostfile"},
    {"N", "map-by"},
    {"npernode", "map-by"},
    {"npersocket", "map-by"},
    {"ppr", "map-by"},
    {"bynode", "map-by"},
    {"byslot", "map-by"},
    {"bycore", "map-by"},
    {"bysocket", "map-by"},
    {"rankfile", "map-by"},
    {"rf", "map-by"},
    {"bind-to-core", "bind-to"},
    {"bind-to-socket", "bind-to"},
    {"bind-to-none", "bind-to"},
    {"wd", "wdir"},
};

constexpr const char* kTransports[] = {"pml", "btl", "mtl"};

/// What differs between the two by name alone.
struct Vocabulary {
  std::string daemon_flag;  ///< how a parameter of the run-time is set
  std::string ssh_agent;
  std::string no_tree;
  std::string concurrency;
  std::string daemon_command;
  std::string daemon;
  std::vector<std::string> mapping_parameters;
  std::vector<std::string> binding_parameters;
  std::vector<std::string> tag_output;
};

const Vocabulary& vocabulary(Dialect dialect) {
  static const Vocabulary kOpenMpi4{"--mca",
                                    "plm_rsh_agent",
                                    "plm_rsh_no_tree_spawn",
                                    "plm_rsh_num_concurrent",
                                    "orte_launch_agent",
                                    "orted",
                                    {"rmaps_base_mapping_policy"},
                                    {"hwloc_base_binding_policy"},
                                    {"--tag-output"}};
  static const Vocabulary kOpenMpi5{"--prtemca",
                                    "plm_ssh_agent",
                                    "plm_ssh_no_tree_spawn",
                                    "plm_ssh_num_concurrent",
                                    "prte_launch_agent",
                                    "prted",
                                    {"rmaps_default_mapping_policy"},
                                    {"hwloc_default_binding_policy"},
                                    {"--output", "tag"}};
  return dialect == Dialect::kOpenMpi5 ? kOpenMpi5 : kOpenMpi4;
}

void add_network(Composer& composer, Dialect dialect, const MpirunRequest& request, const Vocabulary& names) {
  if (!request.ssh_config.empty()) {
    composer.parameter(names.daemon_flag, names.ssh_agent, "ssh -F " + request.ssh_config,
                       "mpirun's ssh reads our config alone: port, key, nodes' addresses");
  }
  if (request.nodes > kTreeRadix) {
    const char* why = "all daemons are started from this node, which alone has the ssh config";
    composer.parameter(names.daemon_flag, names.no_tree, "1", why);
    composer.parameter(names.daemon_flag, names.concurrency, std::to_string(request.nodes), why);
  }
  if (!request.subnet.empty()) {
    const char* why = "every node has bridges of its own (docker0) that lead nowhere";
    if (dialect == Dialect::kOpenMpi5) {
      // By name: PRRTE 3.0 does not find a network by its CIDR (open-mpi/ompi#13155).
      composer.parameter("--prtemca", "prte_if_include", request.interface, why);
    } else {
      composer.parameter("--mca", "oob_tcp_if_include", request.subnet, why);
      if (!request.ipv6) {
        composer.parameter("--mca", "oob_tcp_disable_ipv6_family", "1",
                           "all nodes are listed by IPv4 addresses");
      }
    }
    composer.parameter("--mca", "btl_tcp_if_include", request.subnet, why);
  }
}

/// Debian's openmpi-mca-params.conf leaves UCX out: `pml = ^ucx`, `osc = ^ucx,pt2pt`.
void add_infiniband(Composer& composer, Dialect dialect, const UserSettings& user) {
  // Whoever has chosen one of these has chosen what messages go by.
  const bool theirs = std::any_of(std::begin(kTransports), std::end(kTransports),
                                  [&](const char* name) { return user.parameters.contains(name); });
  const auto parameter = [&](const std::string& name, const std::string& value, const char* why) {
    composer.setting({"--mca", name, value}, name + " " + value, why,
                     theirs || user.parameters.contains(name));
  };
  parameter("pml", "ucx", "InfiniBand is reached by UCX, which the distribution may leave out");
  parameter("osc", "^pt2pt", "one-sided communication may go by UCX as well");
  if (dialect == Dialect::kOpenMpi4)
    parameter("btl", "^openib,uct,ofi", "other ways to the same devices, which warn or are older");
}

}  // namespace

UserSettings user_settings(const Environment& environment, const std::vector<std::string>& mpi_arguments) {
  UserSettings result;
  for (const auto& [name, value] : environment.variables) {
    for (std::string_view prefix : {"OMPI_MCA_", "PRTE_MCA_", "PMIX_MCA_"}) {
      if (name.starts_with(prefix)) result.parameters.insert(name.substr(prefix.size()));
    }
    for (std::string_view prefix : {"HYDRA_", "I_MPI_", "UCX_", "FI_"}) {
      if (name.starts_with(prefix)) result.parameters.insert(name);
    }
    if (name == "HYDRA_LAUNCHER_EXTRA_ARGS") result.ssh_arguments = value;
    if (name == "I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS") result.bootstrap_arguments = value;
    if ((name == "HYDRA_ENV" || name == "I_MPI_HYDRA_ENV") && value == "all") result.flags.emplace("genvall");
  }
  for (std::size_t i = 0; i < mpi_arguments.size(); ++i) {
    if (!mpi_arguments[i].starts_with('-')) continue;
    std::string_view flag = without_dashes(mpi_arguments[i]);
    flag = flag.substr(0, flag.find('='));  // Hydra takes -np=4, too
    result.flags.emplace(flag);
    const bool sets_parameter =
        flag == "mca" || flag == "gmca" || flag == "omca" || flag == "prtemca" || flag == "pmixmca";
    if (sets_parameter && i + 1 < mpi_arguments.size()) result.parameters.insert(mpi_arguments[i + 1]);
    if ((flag == "genv" || flag == "env") && i + 1 < mpi_arguments.size()) {
      result.parameters.insert(mpi_arguments[i + 1].substr(0, mpi_arguments[i + 1].find('=')));
    }
  }
  for (const auto& [spelling, option] : kOpenMpiSpellings) {
    if (result.flags.contains(spelling)) result.flags.emplace(option);
  }
  return result;
}

Status check_request(Dialect dialect, const MpirunRequest& request, const UserSettings& user) {
  if (dialect == Dialect::kIntelMpi) return check_intel_mpi_request(user);
  return dialect == Dialect::kHydra ? check_hydra_request(request, user) : Ok{};
}

bool user_places_ranks(Dialect dialect, const UserSettings& user) {
  if (dialect == Dialect::kHydra) return user_places_hydra_ranks(user);
  if (dialect == Dialect::kIntelMpi) return user_places_intel_mpi_ranks(user);
  const Vocabulary& names = vocabulary(dialect);
  const auto is_set = [&](const std::string& name) { return user.parameters.contains(name); };
  return user.flags.contains("map-by") || user.flags.contains("bind-to") ||
         std::any_of(names.mapping_parameters.begin(), names.mapping_parameters.end(), is_set) ||
         std::any_of(names.binding_parameters.begin(), names.binding_parameters.end(), is_set);
}

bool user_directs_output(Dialect dialect, const UserSettings& user) {
  if (dialect == Dialect::kHydra) return user_directs_hydra_output(user);
  if (dialect == Dialect::kIntelMpi) return user_directs_intel_mpi_output(user);
  constexpr std::string_view kFlags[] = {"output",
                                         "output-filename",
                                         "output-directory",
                                         "tag-output",
                                         "timestamp-output",
                                         "merge-stderr-to-stdout",
                                         "output-proctable",
                                         "xml",
                                         "xterm",
                                         "stream-buffering"};
  return std::any_of(std::begin(kFlags), std::end(kFlags),
                     [&](std::string_view flag) { return user.flags.contains(flag); }) ||
         std::any_of(user.parameters.begin(), user.parameters.end(), [](const std::string& name) {
           return name.starts_with("iof_") || name.starts_with("orte_tag_output") ||
                  name.starts_with("orte_output_") || name.starts_with("prte_output") ||
                  name == "orte_timestamp_output" || name == "orte_xterm";
         });
}

MpirunCommand mpirun_command(Dialect dialect, const MpirunRequest& request, const UserSettings& user) {
  if (dialect == Dialect::kHydra) return hydra_command(request, user);
  if (dialect == Dialect::kIntelMpi) return intel_mpi_command(request, user);
  const Vocabulary& names = vocabulary(dialect);
  Composer composer(request, user);
  if (request.as_root) composer.option({"--allow-run-as-root"}, "the user in a container is root");
  composer.option({"--hostfile", request.hostfile},
                  "addresses with slots: what both Open MPI 4 and 5 count right");
  composer.option({"-np", std::to_string(request.ranks)}, "all ranks of the plan");
  const auto placement_reason = [&](const char* otherwise) {
    return request.placement_reason.empty() ? std::string(otherwise) : request.placement_reason;
  };
  composer.option({"--map-by", request.map_by},
                  request.map_by == "slot" ? "ranks fill the nodes in the hostfile's order"
                                           : placement_reason("as planned"),
                  names.mapping_parameters);
  composer.option({"--bind-to", request.bind_to},
                  placement_reason(request.bind_to == "none" ? "mpirun binds no rank"
                                                             : "a rank keeps its core and cache"),
                  names.binding_parameters);
  if (dialect == Dialect::kOpenMpi4 && request.bind_to != "none") {
    composer.parameter(
        "--mca", "hwloc_base_mem_bind_failure_action", "silent",
        "a container's seccomp profile refuses to bind memory; pages go to the rank's domain anyway");
  }
  if (request.oversubscribe) composer.option({"--oversubscribe"}, "--oversubscribe");
  // The ranks enter their directory themselves: where it is missing on a node, that node is named.
  composer.option({"--wdir", "/"}, "each rank enters its working directory itself");
  add_network(composer, dialect, request, names);
  if (!request.daemon_wrapper.empty() || !request.daemon_mark.empty()) {
    std::vector<std::string> words = request.daemon_wrapper;
    if (!request.daemon_mark.empty()) words.insert(words.begin(), {"env", request.daemon_mark});
    composer.parameter(
        names.daemon_flag, names.daemon_command, fmt::format("{} {}", fmt::join(words, " "), names.daemon),
        request.daemon_wrapper.empty() ? "what is left of the job after a failure is found by this mark"
                                       : "--mpi-env is sourced on every node before mpirun's daemon");
  }
  if (request.infiniband) add_infiniband(composer, dialect, user);
  if (!request.single_copy) {
    const char* why = "the kernel refuses process_vm_readv here (seccomp or ptrace scope)";
    if (dialect == Dialect::kOpenMpi5) {
      composer.parameter("--mca", "smsc", "^cma", why);
    } else {
      composer.parameter("--mca", "btl_vader_single_copy_mechanism", "none", why);
    }
  }
  if (request.yield_when_idle) {
    composer.parameter("--mca", "mpi_yield_when_idle", "1",
                       "ranks share cores: waiting ones must not hold them");
  }
  if (request.tag_output) composer.option(names.tag_output, "--tag-output");
  if (request.forward_stdin) composer.option({"--stdin", "0"}, "--stdin");
  for (const auto& [name, origin] : request.variables) {
    composer.words({"-x", name});
    (void)origin;
  }
  composer.words(request.arguments);
  composer.words(request.program);
  return composer.finish();
}

}  // namespace shipyard::mpi
