#include "launcher/mpi/hydra_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "launcher/mpi/command_composer.hpp"

namespace shipyard::mpi {
namespace {

/// mpiexec.hydra's other words for the options that we set (match_table in ui/mpich/utils.c). Both together
/// it refuses: "duplicate setting".
constexpr std::pair<std::string_view, std::string_view> kHydraSpellings[] = {
    {"hostfile", "f"},
    {"machine", "f"},
    {"machines", "f"},
    {"machinelist", "f"},
    {"host", "f"},
    {"hosts", "f"},
    {"hostlist", "f"},
    {"binding", "bind-to"},
    {"bootstrap", "launcher"},
    {"bootstrap-exec", "launcher-exec"},
    {"l", "prepend-rank"},
    {"prepend-pattern", "prepend-rank"},
    {"iface", "localhost"},
    {"genvall", "genvlist"},
    {"envall", "genvlist"},
};

/// HYD_NUM_TMP_STRINGS: the words of the program go into an array of so many, without a check.
constexpr std::size_t kMostWords = 999;

UserSettings with_hydras_spellings(UserSettings user) {
  for (const auto& [spelling, option] : kHydraSpellings) {
    if (user.flags.contains(spelling)) user.flags.emplace(option);
  }
  return user;
}

bool is_set(const MpirunRequest& request, const UserSettings& user, const std::string& variable) {
  return user.parameters.contains(variable) ||
         std::any_of(request.variables.begin(), request.variables.end(),
                     [&](const auto& one) { return one.first == variable; });
}

void add_ssh(Composer& composer, const MpirunRequest& request, const UserSettings& user,
             std::map<std::string, std::string>& environment) {
  if (request.ssh_config.empty()) return;
  const std::vector<std::string> launchers{"HYDRA_LAUNCHER", "HYDRA_BOOTSTRAP"};
  composer.option({"-launcher", "ssh"}, "nodes are reached by ssh", launchers);
  const bool other_launcher = user.flags.contains("launcher") ||
                              std::any_of(launchers.begin(), launchers.end(), [&](const std::string& name) {
                                return user.parameters.contains(name);
                              });
  if (other_launcher) return;
  composer.option({"-launcher-exec", request.ssh_program},
                  "ssh; mpirun, which would wait for ever for a node that it cannot reach, is told",
                  {"HYDRA_LAUNCHER_EXEC", "HYDRA_BOOTSTRAP_EXEC"});
  // ssh takes the last of several -F, and options before what a config says: the user's, behind ours, win.
  std::string& arguments = environment["HYDRA_LAUNCHER_EXTRA_ARGS"];
  arguments = "-F " + request.ssh_config;
  if (!user.ssh_arguments.empty()) arguments += " " + user.ssh_arguments;
}

void add_network(Composer& composer, const MpirunRequest& request, const UserSettings& user) {
  if (!request.own_address.empty()) {
    composer.option({"-localhost", request.own_address},
                    "where this node's mpirun is reached, whatever its host name resolves to",
                    {"HYDRA_IFACE"});
  }
  // Not -iface: it takes the nodes' addresses, which are in the hostfile, from the ranks again, and only the
  // old nemesis device sends its data by it. UCX and libfabric would try docker0, too.
  if (request.interface.empty() || request.infiniband) return;
  for (const char* variable : {"UCX_NET_DEVICES", "FI_TCP_IFACE"}) {
    composer.setting(
        {"-genv", variable, request.interface}, fmt::format("{} {}", variable, request.interface),
        "every node has bridges of its own (docker0) that lead nowhere", is_set(request, user, variable));
  }
}

}  // namespace

Status check_variable_lists(const UserSettings& user) {
  for (const char* flag : {"genvlist", "genvnone", "envlist", "envnone"}) {
    if (user.flags.contains(flag)) {
      return input_error(fmt::format("--mpi-arg -{}: shipyard-mpirun itself says which variables go to the "
                                     "ranks, and mpirun takes only one such option",
                                     flag),
                         "-x NAME adds a variable; --mpi-arg -genvall takes all of them");
    }
  }
  return Ok{};
}

bool user_places_hydra_ranks(const UserSettings& user) {
  const UserSettings all = with_hydras_spellings(user);
  const auto says = [&](const char* flag) { return all.flags.contains(flag); };
  return says("bind-to") || says("map-by") || says("ppn") || says("order-nodes") ||
         says("skip-launch-node") || all.parameters.contains("HYDRA_BINDING") ||
         all.parameters.contains("HYDRA_MAPPING");
}

bool user_directs_hydra_output(const UserSettings& user) {
  const UserSettings all = with_hydras_spellings(user);
  return all.flags.contains("prepend-rank") || all.flags.contains("outfile-pattern") ||
         all.flags.contains("errfile-pattern") || all.flags.contains("outfile") ||
         all.flags.contains("errfile") || all.parameters.contains("HYDRA_PREPEND_RANK") ||
         all.parameters.contains("HYDRA_OUTFILE_PATTERN") || all.parameters.contains("HYDRA_ERRFILE_PATTERN");
}

Status check_hydra_request(const MpirunRequest& request, const UserSettings& user) {
  if (auto checked = check_variable_lists(user); !checked) return checked.error();
  const std::size_t words = request.program.size() + request.daemon_wrapper.size();
  if (words > kMostWords) {
    return input_error(
        fmt::format("the program has more than some {} arguments, which MPICH's mpirun cannot hold",
                    kMostWords - 9),
        "put them into a file, or into a script that is the program");
  }
  return Ok{};
}

MpirunCommand hydra_command(const MpirunRequest& request, const UserSettings& given) {
  const UserSettings user = with_hydras_spellings(given);
  Composer composer(request, user);
  std::map<std::string, std::string> environment;
  composer.option({"-f", request.hostfile}, "addresses with the number of ranks on each",
                  {"HYDRA_HOST_FILE"});
  composer.option({"-np", std::to_string(request.ranks)}, "all ranks of the plan");
  const std::string why =
      request.placement_reason.empty() ? "mpirun binds no rank" : request.placement_reason;
  composer.option({"-bind-to", request.bind_to}, why, {"HYDRA_BINDING"});
  if (request.map_by != "slot") composer.option({"-map-by", request.map_by}, why, {"HYDRA_MAPPING"});
  // The ranks enter their directory themselves: where it is missing on a node, that node is named.
  composer.option({"-wdir", "/"}, "each rank enters its working directory itself");
  add_ssh(composer, request, user, environment);
  add_network(composer, request, user);
  if (request.tag_output) composer.option({"-prepend-rank"}, "--tag-output");
  // Standard input goes to rank 0 without a word.
  std::vector<std::string> names;
  for (const auto& variable : request.variables) names.push_back(variable.first);
  if (!names.empty()) {
    // 4.0.2 does not find the last variable of mpirun's environment (HYDU_env_lookup stops before it): one
    // that nobody needs, whose name comes last in order.
    environment["zzzz_last_for_hydra"] = "1";
    composer.setting({"-genvlist", fmt::format("{}", fmt::join(names, ","))}, "-genvlist",
                     "the ranks get these of this node's variables; without it they would get all, "
                     "those of this node alone included",
                     user.flags.contains("genvlist"));
  }
  composer.words(request.arguments);
  // Hydra has no way to put something in front of its proxies.
  composer.words(request.daemon_wrapper);
  composer.words(request.program);
  MpirunCommand command = composer.finish();
  command.environment = std::move(environment);
  return command;
}

}  // namespace shipyard::mpi
