#include "launcher/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "hostfile/hostfile.hpp"
#include "hostfile/ssh_config.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard::launcher {
namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;

/// Never given to mpirun: they would describe another machine to its hwloc, or belong to this program alone.
constexpr std::array kDropped = {"HWLOC_XMLFILE", "HWLOC_SYNTHETIC", "SHIPYARD_LIFELINE"};

std::string cpuset_text(std::vector<int> cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += text.empty() ? "" : ",";
    text += last == i ? std::to_string(cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

std::shared_ptr<const std::vector<std::string>> cpusets(const topology::NodeTopology& node, int ranks,
                                                        bool bound) {
  std::vector<int> all;
  for (const auto& core : node.cores)
    all.insert(all.end(), core.hardware_threads.begin(), core.hardware_threads.end());
  std::vector<std::string> result;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto index = static_cast<std::size_t>(rank);
    result.push_back(
        cpuset_text(bound && index < node.cores.size() ? node.cores[index].hardware_threads : all));
  }
  return std::make_shared<const std::vector<std::string>>(std::move(result));
}

/// The primary first where the list is Batch's: rank 0 writes results, and Batch uploads the primary's files.
/// A list that the user gave keeps its order.
std::vector<std::size_t> host_order(const LaunchContext& context) {
  std::vector<std::size_t> order(context.hosts.hosts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const bool from_batch =
      context.hosts.origin.starts_with("AZ_BATCH_") || context.hosts.origin == "CCP_NODES";
  if (from_batch && context.own_host) {
    const auto own = order.begin() + static_cast<long>(*context.own_host);
    std::rotate(order.begin(), own, own + 1);
  }
  return order;
}

/// Does a user's --mpi-arg say so, or must we?
struct Binding {
  bool core = true;
  std::string why;
};

Binding choose_binding(const LaunchOptions& options, const LaunchContext& context,
                       const topology::Layout& layout) {
  if (options.bind_to.value == "none") return {false, options.bind_to.origin};
  if (layout.shares_cores) return {false, "ranks share cores"};
  // mpirun 4.1 and 5.0 look at the cgroup and not at the affinity mask of their parent (taskset).
  if (static_cast<int>(context.node.cores.size()) < context.node.allowed_cores) {
    return {false, "mpirun does not see this process' CPU affinity: ranks inherit it instead"};
  }
  return {true, options.bind_to.origin == "default" ? "a rank keeps its core and its cache"
                                                    : options.bind_to.origin};
}

/// The user has taken the shared-memory transport into their own hands.
bool chose_transport(const mpi::UserSettings& user) {
  constexpr std::array kParameters = {"btl",
                                      "pml",
                                      "btl_vader_segment_size",
                                      "btl_vader_backing_directory",
                                      "btl_sm_segment_size",
                                      "btl_sm_backing_directory"};
  return std::any_of(kParameters.begin(), kParameters.end(),
                     [&](const char* name) { return user.parameters.contains(name); });
}

Status check_shared_memory(const LaunchContext& context, const mpi::UserSettings& user, int most_ranks) {
  const std::uint64_t free = context.shared_memory_bytes;
  const std::uint64_t needed = shared_memory_needed(context.mpi.version.dialect, most_ranks, free);
  if (needed <= free || chose_transport(user)) return Ok{};
  const std::uint64_t megabytes = (needed + kMebibyte - 1) / kMebibyte;
  return Error{
      Error::Code::kSystem,
      fmt::format("/dev/shm has {} MiB free, but {} ranks on a node can need {} MiB and would die of SIGBUS",
                  free / kMebibyte, most_ranks, megabytes),
      fmt::format("start the container with --shm-size={}m or --ipc=host", megabytes),
      {}};
}

}  // namespace

std::vector<std::string> forwarded_variables(const Environment& environment) {
  // Azure Batch's names: learn.microsoft.com/azure/batch/batch-compute-node-environment-variables. Those that
  // differ between the nodes are not among them.
  constexpr std::array kNames = {"PATH",
                                 "LD_LIBRARY_PATH",
                                 "PYTHONPATH",
                                 "LANG",
                                 "LC_ALL",
                                 "TZ",
                                 "SHIPYARD_ATTEMPT",
                                 "AZ_BATCH_ACCOUNT_NAME",
                                 "AZ_BATCH_ACCOUNT_URL",
                                 "AZ_BATCH_POOL_ID",
                                 "AZ_BATCH_JOB_ID",
                                 "AZ_BATCH_TASK_ID",
                                 "AZ_BATCH_HOST_LIST",
                                 "AZ_BATCH_NODE_LIST",
                                 "AZ_BATCH_MASTER_NODE",
                                 "AZ_BATCH_TASK_SHARED_DIR",
                                 "AZ_BATCH_NODE_ROOT_DIR"};
  constexpr std::array kPrefixes = {"OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "UCX_", "NCCL_", "FI_"};
  std::vector<std::string> result;
  for (const auto& [name, value] : environment.variables) {
    const bool named = std::find(kNames.begin(), kNames.end(), name) != kNames.end();
    const bool prefixed = std::any_of(kPrefixes.begin(), kPrefixes.end(), [&name = name](const char* prefix) {
      return name.starts_with(prefix);
    });
    if (named || prefixed) result.push_back(name);
  }
  return result;
}

std::uint64_t shared_memory_needed(mpi::Dialect dialect, int ranks, std::uint64_t free_bytes) {
  // btl_vader_segment_size and btl_sm_segment_size are 4 MiB, taken as messages need it, so that a job which
  // starts well can still die of SIGBUS in the middle. Open MPI 5.0 leaves a /dev/shm with less than 16 MiB
  // free alone and uses its session directory. Both measured with 4.1.4 and 5.0.7.
  if (ranks < 2) return 0;
  if (dialect == mpi::Dialect::kOpenMpi5 && free_bytes < 16 * kMebibyte) return 0;
  return static_cast<std::uint64_t>(ranks) * 4 * kMebibyte + kMebibyte;
}

std::string connections_socket(const LaunchPlan& plan) { return plan.run_directory + "/connections"; }

Result<LaunchPlan> plan_launch(const LaunchOptions& options, const LaunchContext& context) {
  LaunchPlan plan;
  plan.run_directory = context.run_directory;
  plan.forward_stdin = options.forward_stdin;
  std::vector<std::size_t> order = host_order(context);
  if (options.nodes) {
    if (*options.nodes > static_cast<int>(order.size())) {
      return input_error(
          fmt::format("--nodes {}: the job has {} ({})", *options.nodes, order.size(), context.hosts.origin));
    }
    order.resize(static_cast<std::size_t>(*options.nodes));
  }
  plan.reasons.push_back(
      {fmt::format("{} node{}", order.size(), order.size() == 1 ? "" : "s"), context.hosts.origin});

  topology::LayoutWish wish = options.ranks;
  const bool slots_count = context.hosts.origin != "CCP_NODES";  // Batch writes 1 for every node there
  for (std::size_t index : order) {
    wish.node_slots.push_back(slots_count ? context.hosts.hosts[index].slots : std::nullopt);
  }
  auto layout = topology::plan_layout(wish, static_cast<int>(order.size()), context.node);
  if (!layout) return layout.error();
  plan.ranks = layout->total;
  plan.reasons.push_back(
      {fmt::format("{} rank{}", layout->total, layout->total == 1 ? "" : "s"), layout->reason});

  const Binding binding = choose_binding(options, context, *layout);
  std::vector<hostfile::Host> used;
  std::vector<IpAddress> used_addresses;
  std::map<int, std::shared_ptr<const std::vector<std::string>>> cpusets_by_ranks;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (layout->ranks[i] == 0) continue;
    hostfile::Host host = context.hosts.hosts[order[i]];
    host.slots = layout->ranks[i];
    host.max_slots.reset();
    auto& shared = cpusets_by_ranks[layout->ranks[i]];
    if (!shared) shared = cpusets(context.node, layout->ranks[i], binding.core);
    plan.nodes.push_back({host.name, layout->ranks[i], 1, shared});
    used.push_back(host);
    if (context.addresses.empty()) continue;
    used_addresses.push_back(context.addresses[order[i]]);
    if (order[i] != context.own_host) plan.remote_hosts.push_back(order[i]);
  }
  if (context.own_host && !order.empty() && order[0] == *context.own_host && order.size() > 1 &&
      *context.own_host != 0) {
    plan.reasons.push_back(
        {fmt::format("rank 0 on {}", used[0].name), "the primary, whose files Batch uploads"});
  }
  const int most = *std::max_element(layout->ranks.begin(), layout->ranks.end());
  const mpi::UserSettings user = mpi::user_settings(context.environment, options.mpi_arguments);
  plan.ranks_known = !user.flags.contains("np");
  if (auto enough = check_shared_memory(context, user, most); !enough) return enough.error();

  mpi::MpirunRequest request{.mpirun = context.mpi.mpirun,
                             .as_root = context.environment.user_id == 0,
                             .nodes = static_cast<int>(used.size()),
                             .ranks = plan.ranks,
                             .hostfile = plan.run_directory + "/hostfile",
                             .bind_to_core = binding.core,
                             .oversubscribe = layout->shares_cores,
                             .yield_when_idle = layout->shares_cores,
                             .single_copy = context.single_copy,
                             .tag_output = options.tag_output,
                             .forward_stdin = options.forward_stdin,
                             .arguments = options.mpi_arguments};
  plan.files[request.hostfile] = hostfile::openmpi_hostfile(used, 1);
  if (!plan.remote_hosts.empty()) {
    request.ssh_config = plan.run_directory + "/ssh_config";
    const bool all_numeric = std::none_of(used.begin(), used.end(), [](const hostfile::Host& host) {
      return host.kind == hostfile::Host::Kind::kName;
    });
    auto config =
        hostfile::ssh_config(used, {.port = options.ssh_port,
                                    .patterns = options.ssh_host_patterns,
                                    .user = options.ssh_user,
                                    .identity_file = options.ssh_key,
                                    .connect_program = all_numeric ? context.connect_program : std::string(),
                                    .connect_arguments = "--from " + connections_socket(plan)});
    if (!config) return config.error();
    plan.files[request.ssh_config] = *config;
    auto subnet =
        network::choose_subnet(used_addresses, context.own_address, context.interfaces, options.subnet);
    if (!subnet) return subnet.error();
    request.subnet = to_string(subnet->network);
    request.interface = subnet->interface;
    request.ipv6 = context.own_address.ipv6;
    plan.report_address = context.own_address;
    plan.reasons.push_back({"network " + request.subnet, subnet->reason});
  }

  // Variables: what the installation needs, then the user's own.
  for (const auto& [name, value] : context.mpi.variables) {
    plan.environment[name] = value;
    request.variables.emplace_back(name, "Open MPI's own place");
  }
  for (const auto& name : forwarded_variables(context.environment))
    request.variables.emplace_back(name, "forwarded");
  for (const auto& [name, value] : options.exports) {
    if (value) plan.environment[name] = *value;
    if (!value && !context.environment.get(name)) {
      return input_error(fmt::format("-x {}: not set here", name),
                         fmt::format("give a value: -x {}=VALUE", name));
    }
    request.variables.emplace_back(name, "-x");
  }
  for (const char* name : {supervise::kReportVariable, supervise::kTokenVariable}) {
    plan.environment[name] = "";  // filled at the start; an empty one makes shipyard-rank step aside
    request.variables.emplace_back(name, "rank reports");
  }
  std::stable_sort(request.variables.begin(), request.variables.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  request.variables.erase(
      std::unique(request.variables.begin(), request.variables.end(),
                  [](const auto& left, const auto& right) { return left.first == right.first; }),
      request.variables.end());
  if (auto prefix = context.mpi.variables.find("OPAL_PREFIX"); prefix != context.mpi.variables.end()) {
    plan.reasons.push_back(
        {"OPAL_PREFIX " + prefix->second, "an Open MPI outside of the system's directories"});
  }
  for (const char* name : kDropped) {
    if (context.environment.get(name)) plan.dropped_variables.emplace_back(name);
  }
  if (!options.mpi_env.empty() && !plan.remote_hosts.empty()) {
    // A daemon starts in its user's home directory.
    const std::string script =
        (std::filesystem::path(context.environment.working_directory) / options.mpi_env)
            .lexically_normal()
            .string();
    if (script.find_first_of(" \t") != std::string::npos) {
      return input_error(
          fmt::format("--mpi-env: '{}' has a blank in it, at which mpirun splits its daemon's command",
                      script),
          "put the script where no directory has a blank in its name");
    }
    request.daemon_wrapper = {context.source_program, script};
  }

  request.program = {context.rank_program, "--directory", context.working_directory};
  std::vector<std::string> arguments(options.program.begin() + 1, options.program.end());
  // mpirun takes a ":" for the start of another program, wherever it stands, and knows no way to quote it.
  if (std::find(arguments.begin(), arguments.end(), ":") != arguments.end()) {
    std::string colon = "%:";
    while (std::find(arguments.begin(), arguments.end(), colon) != arguments.end()) colon.insert(0, "%");
    std::replace(arguments.begin(), arguments.end(), std::string(":"), colon);
    request.program.insert(request.program.end(), {"--colon", colon});
  }
  request.program.insert(request.program.end(), {"--", context.program});
  request.program.insert(request.program.end(), arguments.begin(), arguments.end());

  auto command = mpi::mpirun_command(context.mpi.version.dialect, request, user);
  plan.command = std::move(command.argv);
  plan.reasons.push_back({"mpirun " + context.mpi.mpirun, "Open MPI " + context.mpi.version.text});
  if (!binding.core) command.reasons.push_back({"no binding", binding.why});
  plan.reasons.insert(plan.reasons.end(), command.reasons.begin(), command.reasons.end());
  const char* directory_reason = "where shipyard-mpirun was started";
  if (!options.wdir.empty()) {
    directory_reason = "--wdir";
  } else if (context.working_directory != context.environment.working_directory) {
    directory_reason = "AZ_BATCH_TASK_SHARED_DIR: the task's own directory is on this node alone";
  }
  plan.reasons.push_back({"working directory " + context.working_directory, directory_reason});
  return plan;
}

}  // namespace shipyard::launcher
