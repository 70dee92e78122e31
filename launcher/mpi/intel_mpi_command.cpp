#include "launcher/mpi/intel_mpi_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "launcher/mpi/command_composer.hpp"

namespace shipyard::mpi {
namespace {

/// Other words for the options that we set, and options that say what they would say.
constexpr std::pair<std::string_view, std::string_view> kIntelMpiSpellings[] = {
    {"machine", "machinefile"},
    {"f", "machinefile"},
    {"hostfile", "machinefile"},
    {"host", "machinefile"},
    {"hosts", "machinefile"},
    {"hosts-group", "machinefile"},
    {"launcher", "bootstrap"},
    {"r", "bootstrap"},
    {"launcher-exec", "bootstrap-exec"},
    {"l", "prepend-rank"},
    {"prepend-pattern", "prepend-rank"},
    {"gwdir", "wdir"},
    {"genvall", "genvlist"},
    {"envall", "genvlist"},
};

constexpr const char* kExtraArguments = "I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS";

UserSettings with_intels_spellings(UserSettings user) {
  for (const auto& [spelling, option] : kIntelMpiSpellings) {
    if (user.flags.contains(spelling)) user.flags.emplace(option);
  }
  return user;
}

bool any_set(const UserSettings& user, const std::vector<std::string>& variables) {
  return std::any_of(variables.begin(), variables.end(),
                     [&](const std::string& name) { return user.parameters.contains(name); });
}

/// The words, and the variables beside them.
class IntelComposer {
 public:
  IntelComposer(const MpirunRequest& request, const UserSettings& user)
      : composer(request, user), request_(request), user_(user) {
    for (const auto& variable : request.variables) names_.push_back(variable.first);
  }

  /// For mpirun alone. `same_as`: options and variables that say the same thing.
  void for_mpirun(const std::string& name, const std::string& value, const std::string& why,
                  const std::vector<std::string>& same_as = {}) {
    const bool exported = std::any_of(request_.variables.begin(), request_.variables.end(),
                                      [&](const auto& one) { return one.first == name; });
    const bool theirs = exported || user_.parameters.contains(name) || any_set(user_, same_as) ||
                        std::any_of(same_as.begin(), same_as.end(),
                                    [&](const std::string& flag) { return user_.flags.contains(flag); });
    composer.setting({}, fmt::format("{} {}", name, value), why, theirs);
    if (!theirs) environment[name] = value;
  }

  /// For mpirun and for every rank.
  void for_all(const std::string& name, const std::string& value, const std::string& why,
               const std::vector<std::string>& same_as = {}) {
    for_mpirun(name, value, why, same_as);
    if (environment.contains(name)) names_.push_back(name);
  }

  /// -genvlist's.
  [[nodiscard]] std::string names() {
    std::sort(names_.begin(), names_.end());
    return fmt::format("{}", fmt::join(names_, ","));
  }

  Composer composer;
  std::map<std::string, std::string> environment;

 private:
  const MpirunRequest& request_;
  const UserSettings& user_;
  std::vector<std::string> names_;
};

void add_ssh(IntelComposer& intel, const MpirunRequest& request, const UserSettings& user) {
  if (request.ssh_config.empty()) return;
  intel.composer.option({"-bootstrap", "ssh"}, "nodes are reached by ssh", {"I_MPI_HYDRA_BOOTSTRAP"});
  if (user.flags.contains("bootstrap") || user.parameters.contains("I_MPI_HYDRA_BOOTSTRAP")) return;
  intel.composer.option({"-bootstrap-exec", request.ssh_program},
                        "ssh; mpirun is told where it fails, so that it does not wait",
                        {"I_MPI_HYDRA_BOOTSTRAP_EXEC"});
  // ssh takes the last of several -F, and options before what a config says: the user's, behind ours, win.
  std::string& arguments = intel.environment[kExtraArguments];
  arguments = "-F " + request.ssh_config;
  if (!user.bootstrap_arguments.empty()) arguments += " " + user.bootstrap_arguments;
  intel.for_mpirun("I_MPI_HYDRA_BRANCH_COUNT", std::to_string(request.nodes),
                   "all nodes are reached from this one, which alone has the ssh config", {"branch-count"});
}

void add_network(IntelComposer& intel, const MpirunRequest& request) {
  if (request.own_address.empty()) return;
  intel.composer.option({"-localhost", request.own_address},
                        "where this node's mpirun is reached, whatever its host name resolves to");
  if (!request.interface.empty()) {
    intel.composer.option({"-iface", request.interface},
                          "every node has bridges of its own (docker0) that lead nowhere",
                          {"I_MPI_HYDRA_IFACE"});
  }
  intel.for_all("I_MPI_FABRICS", "shm:ofi", "shared memory on a node, libfabric between nodes");
  const std::vector<std::string> same{"FI_PROVIDER"};
  if (request.infiniband) {
    intel.for_all("I_MPI_OFI_PROVIDER", "mlx", "the nodes have InfiniBand: libfabric goes by UCX", same);
    return;
  }
  intel.for_all("I_MPI_OFI_PROVIDER", "tcp", "no InfiniBand here that could be used", same);
  if (!request.interface.empty()) {
    intel.for_all("FI_TCP_IFACE", request.interface,
                  "every node has bridges of its own (docker0) that lead nowhere");
  }
}

}  // namespace

bool user_places_intel_mpi_ranks(const UserSettings& user) {
  constexpr std::string_view kFlags[] = {"ppn",     "perhost", "grr",     "rr",          "binding",
                                         "bind-to", "map-by",  "nolocal", "hosts-group", "use-app-topology"};
  return std::any_of(std::begin(kFlags), std::end(kFlags),
                     [&](std::string_view flag) { return user.flags.contains(flag); }) ||
         user.parameters.contains("I_MPI_PERHOST") ||
         std::any_of(user.parameters.begin(), user.parameters.end(), [](const std::string& name) {
           return name == "I_MPI_PIN" || name.starts_with("I_MPI_PIN_");
         });
}

bool user_directs_intel_mpi_output(const UserSettings& user) {
  constexpr std::string_view kFlags[] = {"prepend-rank", "outfile-pattern", "errfile-pattern",
                                         "ordered-output"};
  const UserSettings all = with_intels_spellings(user);
  return std::any_of(std::begin(kFlags), std::end(kFlags),
                     [&](std::string_view flag) { return all.flags.contains(flag); });
}

Status check_intel_mpi_request(const UserSettings& user) {
  if (auto checked = check_variable_lists(user); !checked) return checked.error();
  if (user.flags.contains("bootstrap-exec-args")) {
    return input_error("--mpi-arg -bootstrap-exec-args: shipyard-mpirun itself says what ssh gets",
                       fmt::format("the variable {} adds arguments to its own", kExtraArguments));
  }
  return Ok{};
}

MpirunCommand intel_mpi_command(const MpirunRequest& request, const UserSettings& given) {
  const UserSettings user = with_intels_spellings(given);
  IntelComposer intel(request, user);
  Composer& composer = intel.composer;
  composer.option({"-machinefile", request.hostfile}, "addresses with the number of ranks on each",
                  {"I_MPI_HYDRA_HOST_FILE", "I_MPI_HYDRA_HOSTS_GROUP"});
  if (request.bind_to == "none") {
    const std::string why =
        request.placement_reason.empty() ? "mpirun binds no rank" : request.placement_reason;
    if (user_places_intel_mpi_ranks(user)) {
      composer.setting({}, "I_MPI_PIN off", why, true);
    } else {
      intel.for_all("I_MPI_PIN", "off", why);
    }
  }
  add_ssh(intel, request, user);
  add_network(intel, request);
  intel.for_mpirun("I_MPI_JOB_SIGNAL_PROPAGATION", "on",
                   "ranks get SIGTERM before SIGKILL when the job is to end");
  if (request.tag_output) composer.option({"-prepend-rank"}, "--tag-output");
  // Standard input goes to rank 0 without a word.
  if (const std::string names = intel.names(); !names.empty()) {
    // Of MPICH 4.0.2's Hydra, from which this one comes: it does not find the last variable in order.
    intel.environment["zzzz_last_for_hydra"] = "1";
    composer.setting({"-genvlist", names}, "-genvlist",
                     "the ranks get these of this node's variables; without it they would get all, "
                     "those of this node alone included",
                     user.flags.contains("genvlist"));
  }
  // What the user says may be global options as well, and those stand before local ones.
  composer.words(request.arguments);
  composer.option({"-np", std::to_string(request.ranks)}, "all ranks of the plan");
  // The ranks enter their directory themselves: where it is missing on a node, that node is named.
  composer.option({"-wdir", "/"}, "each rank enters its working directory itself");
  // Hydra has no way to put something in front of its proxies.
  composer.words(request.daemon_wrapper);
  composer.words(request.program);
  MpirunCommand command = composer.finish();
  command.environment = std::move(intel.environment);
  return command;
}

}  // namespace shipyard::mpi
