#include "launcher/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/cpu_list.hpp"
#include "base/signals.hpp"
#include "hostfile/hostfile.hpp"
#include "hostfile/ssh_config.hpp"
#include "launcher/mapping.hpp"
#include "launcher/rank_environment.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard::launcher {
namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr const char* kThreadsVariable = "OMP_NUM_THREADS";

/// Never given to mpirun: they would describe another machine to its hwloc, or belong to this program alone.
constexpr std::array kDropped = {"HWLOC_XMLFILE", "HWLOC_SYNTHETIC", "SHIPYARD_LIFELINE"};

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

/// Words or parameters by which the user places ranks by hand.
bool places_ranks_by_hand(mpi::Dialect dialect, const mpi::UserSettings& user) {
  constexpr std::array kFlags = {"np", "cpu-set", "cpu-list"};
  return mpi::user_places_ranks(dialect, user) ||
         std::any_of(kFlags.begin(), kFlags.end(),
                     [&](const char* name) { return user.flags.contains(name); });
}

/// One text for each rank, shared by all nodes with the same layout.
std::vector<std::shared_ptr<const std::vector<std::string>>> cpusets_of(const topology::JobLayout& layout) {
  std::vector<std::shared_ptr<const std::vector<std::string>>> result;
  for (const auto& node : layout.layouts) {
    std::vector<std::string> cpusets;
    for (const auto& rank : node.ranks) cpusets.push_back(format_cpu_list(rank.cpus));
    result.push_back(std::make_shared<const std::vector<std::string>>(std::move(cpusets)));
  }
  return result;
}

/// The layouts' reasons and notes, for --explain.
void explain_layout(const LaunchContext& context, LaunchPlan& plan) {
  const auto& layout = plan.layout;
  plan.reasons.push_back(
      {fmt::format("{} rank{}", layout.total, layout.total == 1 ? "" : "s"), layout.reason});
  std::vector<int> nodes(layout.layouts.size(), 0);
  for (int index : layout.node_layout) {
    if (index >= 0) ++nodes[static_cast<std::size_t>(index)];
  }
  for (std::size_t i = 0; i < layout.layouts.size(); ++i) {
    const auto& node = layout.layouts[i];
    plan.reasons.push_back({fmt::format("{} node{}", nodes[i], nodes[i] == 1 ? "" : "s"), node.reason});
    for (const auto& note : node.notes) plan.reasons.push_back({"note", note});
  }
  for (const auto& topology : context.topologies) {
    for (const auto& correction : topology.corrections) plan.reasons.push_back({"corrected", correction});
  }
}

/// Of ssh's three questions without an answer, in seconds: a little more than --node-timeout allows. ssh's
/// end lets mpirun end the job, and mpirun does not say why; the ranks' own signs of life come first.
int alive_interval(std::chrono::milliseconds node_timeout) {
  return static_cast<int>(node_timeout.count() / 3000 + 1);
}

Status check_shared_memory(const LaunchContext& context, const mpi::UserSettings& user, int most_ranks) {
  const std::uint64_t free = context.shared_memory_bytes;
  const std::uint64_t needed = shared_memory_needed(context.mpi.version.dialect, most_ranks, free);
  if (needed <= free || chose_transport(user)) return Ok{};
  const std::uint64_t megabytes = (needed + kMebibyte - 1) / kMebibyte;
  return Error{
      Error::Code::kSystem,
      fmt::format("/dev/shm has {} MiB free, but {} ranks on a node can need {} MiB and would {}",
                  free / kMebibyte, most_ranks, megabytes,
                  context.mpi.version.dialect == mpi::Dialect::kHydra ? "fail in MPI_Init" : "die of SIGBUS"),
      fmt::format("start the container with --shm-size={}m or --ipc=host", megabytes),
      {}};
}

/// With a key of the job's own the nodes' sshd have it as their host key, and ssh checks that.
void use_job_key(const LaunchOptions& options, const LaunchContext& context,
                 const std::vector<hostfile::Host>& hosts, hostfile::SshConfigOptions& ssh,
                 LaunchPlan& plan) {
  if (!options.ssh_port_origin.empty())
    plan.reasons.push_back({fmt::format("ssh port {}", options.ssh_port), options.ssh_port_origin});
  if (!context.job_key) {
    plan.notes.push_back(fmt::format(
        "host keys are not checked, since {}: whoever answers at a node's address is taken for the node",
        options.ssh_key.empty() ? fmt::format("the job has no key of its own ({})", kJobKeyVariable)
                                : "the key that was given is not known to be the job's own"));
    plan.reasons.push_back({"note", plan.notes.back()});
    return;
  }
  const JobKey& key = *context.job_key;
  if (key.file.empty()) plan.key_file = plan.run_directory + "/id_ed25519";
  ssh.identity_file = key.file.empty() ? plan.key_file : key.file;
  ssh.known_hosts_file = plan.run_directory + "/known_hosts";
  plan.files[ssh.known_hosts_file] = hostfile::known_hosts(hosts, ssh, key.public_key);
  plan.reasons.push_back({"ssh key " + ssh.identity_file, key.origin});
  plan.reasons.push_back({"host keys are checked", "the nodes have the job's key as theirs"});
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
                                 "SHIPYARD_METADATA_URL",
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
  constexpr std::array kPrefixes = {"OMP_", "GOMP_", "KMP_", "MKL_",   "OPENBLAS_",
                                    "UCX_", "NCCL_", "FI_",  "MPICH_", "MPIR_CVAR_"};
  std::vector<std::string> result;
  for (const auto& [name, value] : environment.variables) {
    const bool named = std::find(kNames.begin(), kNames.end(), name) != kNames.end();
    const bool prefixed = std::any_of(kPrefixes.begin(), kPrefixes.end(), [&name = name](const char* prefix) {
      return name.starts_with(prefix);
    });
    // Intel MPI's own, without those that are for its mpirun.
    const bool intels = name.starts_with("I_MPI_") && !name.starts_with("I_MPI_HYDRA_");
    if (named || prefixed || intels) result.push_back(name);
  }
  return result;
}

std::uint64_t shared_memory_needed(mpi::Dialect dialect, int ranks, std::uint64_t free_bytes) {
  // btl_vader_segment_size and btl_sm_segment_size are 4 MiB, taken as messages need it, so that a job which
  // starts well can still die of SIGBUS in the middle. Open MPI 5.0 leaves a /dev/shm with less than 16 MiB
  // free alone and uses its session directory. Both measured with 4.1.4 and 5.0.7.
  // UCX under MPICH 4.0.2 takes 4,212 KiB for each rank in MPI_Init, even for one alone on its node.
  // Measured.
  if (dialect == mpi::Dialect::kHydra) return static_cast<std::uint64_t>(ranks) * 17 * kMebibyte / 4;
  // What Intel MPI takes has not been measured.
  if (dialect == mpi::Dialect::kIntelMpi) return 0;
  if (ranks < 2) return 0;
  if (dialect == mpi::Dialect::kOpenMpi5 && free_bytes < 16 * kMebibyte) return 0;
  return static_cast<std::uint64_t>(ranks) * 4 * kMebibyte + kMebibyte;
}

bool chose_transport(const mpi::UserSettings& user) {
  constexpr std::array kParameters = {"btl",
                                      "pml",
                                      "btl_vader_segment_size",
                                      "btl_vader_backing_directory",
                                      "btl_sm_segment_size",
                                      "btl_sm_backing_directory",
                                      "UCX_TLS"};
  return std::any_of(kParameters.begin(), kParameters.end(),
                     [&](const char* name) { return user.parameters.contains(name); });
}

std::string connections_socket(const LaunchPlan& plan) { return plan.run_directory + "/connections"; }

Result<LaunchPlan> plan_launch(const LaunchOptions& options, const LaunchContext& context) {
  LaunchPlan plan;
  plan.run_directory = context.run_directory;
  plan.forward_stdin = options.forward_stdin;
  plan.staged = context.staged;
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

  if (options.preflight) {
    plan.reasons.push_back({fmt::format("before that the nodes are checked and allpairs runs, within {:g} s",
                                        std::chrono::duration<double>(*options.preflight).count()),
                            "--preflight; the first of those that are fit are used"});
  }

  topology::LayoutWish wish = options.layout;
  const bool slots_count = context.hosts.origin != "CCP_NODES";  // Batch writes 1 for every node there
  for (std::size_t index : order) {
    wish.node_slots.push_back(slots_count ? context.hosts.hosts[index].slots : std::nullopt);
    plan.job_hosts.push_back(context.hosts.hosts[index].name);
    plan.node_topology.push_back(context.host_topology.empty() ? 0 : context.host_topology[index]);
  }
  auto layout = topology::plan_layout(wish, context.topologies, plan.node_topology);
  const bool by_variable = wish.threads && wish.threads->origin == kThreadsVariable;
  if (!layout && by_variable) {
    // The variable may be the image's, or meant for something else: it is no reason to start nothing.
    const int threads = wish.threads->value;
    wish.threads.reset();
    layout = topology::plan_layout(wish, context.topologies, plan.node_topology);
    plan.warnings.push_back(fmt::format("{}={} threads a rank do not fit beside each other: they share cores",
                                        kThreadsVariable, threads));
  } else if (layout && by_variable) {
    plan.reasons.push_back({fmt::format("{} threads a rank", wish.threads->value), kThreadsVariable});
  }
  if (!layout) return layout.error();
  plan.layout = std::move(*layout);
  plan.ranks = plan.layout.total;
  explain_layout(context, plan);
  if (context.mpi.version.may_hang_at_the_end && plan.ranks > 1) {
    plan.warnings.push_back(
        fmt::format("{} on UCX: programs can wait for ever in MPI_Finalize, after their last line of output; "
                    "MPICH 4.2 has it mended",
                    to_string(context.mpi.version)));
  }

  std::vector<hostfile::Host> used;
  std::vector<IpAddress> used_addresses;
  const auto cpusets = cpusets_of(plan.layout);
  int most = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (plan.layout.node_layout[i] < 0) continue;
    const auto index = static_cast<std::size_t>(plan.layout.node_layout[i]);
    const auto& its = plan.layout.layouts[index];
    hostfile::Host host = context.hosts.hosts[order[i]];
    host.slots = static_cast<int>(its.ranks.size());
    host.max_slots.reset();
    most = std::max(most, *host.slots);
    plan.nodes.push_back({host.name, *host.slots, its.threads, cpusets[index]});
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
  const mpi::UserSettings user = mpi::user_settings(context.environment, options.mpi_arguments);
  plan.ranks_known = !user.flags.contains("np");
  if (auto enough = check_shared_memory(context, user, most); !enough) return enough.error();

  Mapping mapping =
      choose_mapping(context.mpi.version.dialect, plan.layout, context.topologies, plan.node_topology);
  const bool by_hand = places_ranks_by_hand(context.mpi.version.dialect, user);
  plan.places_known = !by_hand;
  if (by_hand) mapping = {"slot", plan.layout.layouts.at(0).bound ? "core" : "none", false, {}};
  mpi::MpirunRequest request{.mpirun = context.mpi.mpirun,
                             .as_root = context.environment.user_id == 0,
                             .nodes = static_cast<int>(used.size()),
                             .ranks = plan.ranks,
                             .hostfile = plan.run_directory + "/hostfile",
                             .map_by = mapping.map_by,
                             .bind_to = mapping.bind_to,
                             .placement_reason = mapping.why,
                             .oversubscribe = plan.layout.shares_cores,
                             .yield_when_idle = plan.layout.shares_cores,
                             .single_copy = context.single_copy,
                             .tag_output = options.tag_output,
                             .forward_stdin = options.forward_stdin,
                             .arguments = options.mpi_arguments};
  if (mpi::is_hydra(context.mpi.version.dialect)) {
    auto text = hostfile::hydra_hostfile(used, 1);
    if (!text) return text.error();
    plan.files[request.hostfile] = *text;
  } else {
    plan.files[request.hostfile] = hostfile::openmpi_hostfile(used, 1);
  }
  const Fabric fabric = choose_fabric(context.rdma);
  if (!plan.remote_hosts.empty()) {
    request.ssh_config = plan.run_directory + "/ssh_config";
    request.ssh_program = context.ssh_program;
    const bool all_numeric = std::none_of(used.begin(), used.end(), [](const hostfile::Host& host) {
      return host.kind == hostfile::Host::Kind::kName;
    });
    hostfile::SshConfigOptions ssh{.port = options.ssh_port,
                                   .patterns = options.ssh_host_patterns,
                                   .user = options.ssh_user,
                                   .identity_file = options.ssh_key,
                                   .connect_program = all_numeric ? context.connect_program : std::string(),
                                   .connect_arguments = "--from " + connections_socket(plan),
                                   .alive_interval_seconds = alive_interval(options.node_timeout)};
    use_job_key(options, context, used, ssh, plan);
    auto config = hostfile::ssh_config(used, ssh);
    if (!config) return config.error();
    plan.files[request.ssh_config] = *config;
    auto subnet =
        network::choose_subnet(used_addresses, context.own_address, context.interfaces, options.subnet);
    if (!subnet) return subnet.error();
    request.subnet = to_string(subnet->network);
    request.interface = subnet->interface;
    request.own_address = to_string(context.own_address);
    request.infiniband = fabric.infiniband;
    plan.reasons.insert(plan.reasons.end(), fabric.reasons.begin(), fabric.reasons.end());
    plan.warnings.insert(plan.warnings.end(), fabric.warnings.begin(), fabric.warnings.end());
    request.ipv6 = context.own_address.ipv6;
    plan.report_address = context.own_address;
    request.daemon_mark = fmt::format("{}={}", supervise::kJobVariable, context.job);
    plan.reasons.push_back({"network " + request.subnet, subnet->reason});
  }

  // Variables: what the installation needs, then the user's own.
  for (const auto& [name, value] : context.mpi.variables) {
    plan.environment[name] = value;
    request.variables.emplace_back(name, "the place of this " + to_string(context.mpi.version));
  }
  for (const auto& name : forwarded_variables(context.environment))
    request.variables.emplace_back(name, "forwarded");
  for (const auto& [name, value] : options.exports) {
    if (name == kJobKeyVariable) {
      return input_error(fmt::format("-x {}: the job's key is not for the ranks", name),
                         "the nodes have it from their containers' environment");
    }
    if (value) plan.environment[name] = *value;
    if (!value && !context.environment.get(name)) {
      return input_error(fmt::format("-x {}: not set here", name),
                         fmt::format("give a value: -x {}=VALUE", name));
    }
    request.variables.emplace_back(name, "-x");
  }
  const auto is_users = [&](std::string_view name) {
    return context.environment.has(name) || std::any_of(options.exports.begin(), options.exports.end(),
                                                        [&](const auto& one) { return one.first == name; });
  };
  if (!by_hand) {
    const RankEnvironment of_ranks = rank_environment(plan.layout, context.topologies, plan.node_topology,
                                                      {.binder = mapping.binder,
                                                       .smt = options.layout.smt,
                                                       .bind_to = options.layout.bind_to,
                                                       .is_users = is_users});
    for (const auto& [name, value] : of_ranks.variables) {
      plan.environment[name] = value;
      request.variables.emplace_back(name, "layout");
    }
    if (!of_ranks.table.layouts.empty()) {
      plan.environment[rank::kLayoutVariable] = rank::format_layout_table(of_ranks.table);
      request.variables.emplace_back(rank::kLayoutVariable, "layout");
    }
  }
  plan.environment[supervise::kJobVariable] = context.job;
  request.variables.emplace_back(supervise::kJobVariable, "the job's mark");
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
  if (auto root = context.mpi.variables.find("I_MPI_ROOT"); root != context.mpi.variables.end()) {
    plan.reasons.push_back({"I_MPI_ROOT " + root->second, "nobody has sourced its env/vars.sh"});
  }
  for (const char* name : kDropped) {
    if (context.environment.get(name)) plan.dropped_variables.emplace_back(name);
  }
  // Gone from here already; the printed command runs where it is still set.
  for (const auto& [name, secret] : context.environment.secrets) plan.dropped_variables.push_back(name);
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
  // Of a rank that has failed by itself Hydra only takes note, and the others may wait for it for ever.
  if (mpi::is_hydra(context.mpi.version.dialect) && !user.flags.contains("disable-auto-cleanup"))
    plan.failure_grace = std::chrono::seconds(10);
  plan.relays_stderr = !mpi::user_directs_output(context.mpi.version.dialect, user);
  if (plan.relays_stderr) request.program.emplace_back("--relay-stderr");
  if (fabric.infiniband && !is_users("UCX_NET_DEVICES")) request.program.emplace_back("--find-infiniband");
  if (options.on_preempt != 0 && !options.check) {
    request.program.emplace_back("--watch-preemption");
    plan.reasons.push_back(
        {fmt::format("{} to all ranks before a node is taken away", signal_name(options.on_preempt)),
         "--on-preempt"});
  }
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

  if (auto checked = mpi::check_request(context.mpi.version.dialect, request, user); !checked)
    return checked.error();
  auto command = mpi::mpirun_command(context.mpi.version.dialect, request, user);
  plan.command = std::move(command.argv);
  plan.environment.insert(command.environment.begin(), command.environment.end());
  plan.reasons.push_back({"mpirun " + context.mpi.mpirun, to_string(context.mpi.version)});
  if (context.mpi.version.dialect == mpi::Dialect::kIntelMpi) {
    plan.reasons.push_back(
        {"note",
         "what is said to Intel MPI is what its reference asks for; it was tried with a stand-in only"});
  }
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
