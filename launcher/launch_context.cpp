#include "launcher/launch_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <limits>
#include <random>

#include "base/subprocess.hpp"
#include "hostfile/host_source.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/network/subnet.hpp"
#include "launcher/node_probe.hpp"
#include "launcher/stage/place.hpp"
#include "launcher/stage/staged_path.hpp"
#include "launcher/topology/discover.hpp"

namespace shipyard::launcher {
namespace {

namespace fs = std::filesystem;

Refusal refuse(Error error, int status = kConfigError) { return {std::move(error), status}; }

/// Starters that would start mpirun a second time, once per rank.
std::optional<Error> refuse_nesting(const LaunchOptions& options, const Environment& environment) {
  constexpr std::array kStarters = {"mpirun",  "mpiexec", "mpiexec.hydra",  "orterun",
                                    "prterun", "srun",    "shipyard-mpirun"};
  const std::string name = fs::path(options.program[0]).filename().string();
  for (const std::string_view starter : kStarters) {
    if (name == starter) {
      return input_error(
          fmt::format("the program is '{}' itself: shipyard-mpirun starts mpirun for you", name),
          "give the program that mpirun would start; options of mpirun's go with --mpi-arg");
    }
  }
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK"}) {
    if (environment.has(variable)) {
      return input_error(
          fmt::format("started by mpirun itself ({} is set): Open MPI cannot be nested", variable),
          "run shipyard-mpirun directly, once, on the primary");
    }
  }
  return std::nullopt;
}

Result<hostfile::HostList> choose_hosts(const LaunchOptions& options, const Environment& environment) {
  if (options.hosts) return hostfile::parse_host_names(*options.hosts, "--hosts");
  if (options.hostfile) return hostfile::read_hostfile(*options.hostfile);
  auto listed = hostfile::hosts_from_environment(environment);
  if (!listed) return listed.error();
  if (listed->has_value()) return **listed;
  return hostfile::HostList{{{.name = "localhost", .kind = hostfile::Host::Kind::kName}},
                            "this machine: no host list is set"};
}

std::string random_suffix() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device device;
  std::string suffix;
  for (int i = 0; i < 8; ++i) suffix += kLetters[device() % kLetters.size()];
  return suffix;
}

std::string choose_job_mark() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

/// Below TMPDIR where that can stand in mpirun's ssh agent, which is split at blanks; else below /tmp. Not in
/// $HOME, which is read-only for Batch's own users.
std::string choose_run_directory(const Environment& environment) {
  std::string parent(environment.get("TMPDIR").value_or("/tmp"));
  if (!parent.starts_with('/') || parent.find_first_of(" \t\"'\\,;") != std::string::npos) parent = "/tmp";
  return parent + "/shipyard-mpirun." + random_suffix();
}

std::string absolute(const std::string& path, const Environment& environment) {
  return (path.starts_with('/') ? fs::path(path) : fs::path(environment.working_directory) / path)
      .lexically_normal()
      .string();
}

bool is_inside(const std::string& path, std::string_view directory) {
  return !directory.empty() && (path == directory || path.starts_with(std::string(directory) + "/"));
}

/// Batch's task directory exists on the primary alone (subtasks have others); its shared directory has the
/// same path on every node.
std::string choose_working_directory(const LaunchOptions& options, const Environment& environment,
                                     bool several_nodes) {
  if (!options.wdir.empty()) return absolute(options.wdir, environment);
  const std::string& here = environment.working_directory;
  const auto shared = environment.get("AZ_BATCH_TASK_SHARED_DIR").value_or("");
  const bool own = is_inside(here, environment.get("AZ_BATCH_TASK_WORKING_DIR").value_or("")) ||
                   is_inside(here, environment.get("AZ_BATCH_TASK_DIR").value_or(""));
  if (several_nodes && own && !shared.empty() && here != shared) return std::string(shared);
  return here;
}

/// As the ranks are to call it.
std::variant<std::string, Refusal> choose_program(const std::string& program, const LaunchContext& context) {
  const Environment& environment = context.environment;
  const auto found = find_program(program, environment);
  if (found) return stage::path_for_ranks(fs::path(*found).lexically_normal().string(), context.staged);
  if (auto there = find_program(program, environment, context.working_directory))
    return stage::path_for_ranks(fs::path(*there).lexically_normal().string(), context.staged);
  if (program.find('/') != std::string::npos) {
    const std::string there = stage::absolute_path(program, context.working_directory);
    const auto here = stage::path_before_staging(there, context.staged);
    if (here && find_program(*here, environment)) return there;
  }
  Error error = found.error();
  if (error.code != Error::Code::kNotFound) return refuse(std::move(error), kNotExecutable);
  const bool is_path = program.find('/') != std::string::npos;
  error.hint =
      is_path ? fmt::format("looked for it from {}", environment.working_directory)
              : fmt::format("it is in no directory of PATH; for one in this directory write ./{}", program);
  return refuse(std::move(error), kNotFound);
}

Result<std::vector<IpAddress>> resolve_hosts(const hostfile::HostList& list) {
  std::vector<IpAddress> result;
  result.reserve(list.hosts.size());
  for (const auto& host : list.hosts) {
    if (auto address = parse_address(host.name)) {
      result.push_back(*address);
      continue;
    }
    auto addresses = network::resolve_name(host.name);
    if (!addresses) return addresses.error();
    result.push_back(addresses->front());
  }
  return result;
}

/// This machine's hardware, or what --topology says; PCI devices are asked for where they matter.
std::optional<Error> find_topologies(const LaunchOptions& options, LaunchContext& context) {
  using topology::Devices;
  const auto& per_node = options.layout.ranks_per_node;
  const bool wants_devices =
      options.show_map || (per_node && per_node->mode == topology::RanksPerNode::Mode::kGpu);
  const Devices devices = wants_devices ? Devices::kAll : Devices::kNone;
  context.host_topology.assign(context.hosts.hosts.size(), 0);
  const auto everywhere = std::find_if(options.topologies.rbegin(), options.topologies.rend(),
                                       [](const auto& one) { return one.host.empty(); });
  auto own = everywhere == options.topologies.rend()
                 ? topology::discover(devices)
                 : topology::load_topology(everywhere->source, everywhere->origin, devices);
  if (!own) return own.error();
  context.topologies = {std::move(*own)};
  for (const auto& one : options.topologies) {
    if (one.host.empty()) continue;
    const auto& hosts = context.hosts.hosts;
    const auto host =
        std::find_if(hosts.begin(), hosts.end(), [&](const auto& other) { return other.name == one.host; });
    if (host == hosts.end()) {
      return input_error(
          fmt::format("{}: '{}' is no node of this job ({})", one.origin, one.host, context.hosts.origin),
          "write a node's name or address as the list has it");
    }
    auto its = topology::load_topology(one.source, one.origin, devices);
    if (!its) return its.error();
    context.host_topology[static_cast<std::size_t>(host - hosts.begin())] =
        static_cast<int>(context.topologies.size());
    context.topologies.push_back(std::move(*its));
  }
  return std::nullopt;
}

/// Which of the nodes this one is, and by which address the others reach it.
Result<Ok> find_own_place(LaunchContext& context) {
  for (std::size_t i = 0; i < context.addresses.size(); ++i) {
    for (const auto& interface : context.interfaces) {
      if (interface.address == context.addresses[i]) {
        context.own_host = i;
        context.own_address = context.addresses[i];
        return Ok{};
      }
    }
  }
  auto source = network::source_address_towards(context.addresses[0]);
  if (!source) {
    return Error{Error::Code::kSystem,
                 fmt::format("there is no route to {}", context.hosts.hosts[0].name),
                 "is the container on the host network (docker run --net=host)?",
                 {}};
  }
  context.own_address = *source;
  return Ok{};
}

/// Beside our other programs, in bench/; in a build directory beside bin/. An installation may have been
/// built without the benchmarks, which need MPI.
Result<std::string> find_allpairs(std::vector<std::string> places, const Environment& environment) {
  places.push_back(environment.executable_directory + "/..");
  for (const auto& place : places) {
    if (auto found = find_program(place + "/bench/allpairs", environment))
      return fs::path(*found).lexically_normal().string();
  }
  return Error{
      Error::Code::kNotFound,
      "--preflight: allpairs, which measures the nodes, is not installed",
      "it is one of the benchmarks, in libexec/shipyard/bench of the prefix that shipyard-mpirun is in",
      {}};
}

}  // namespace

LaunchContext before_staging(LaunchContext context) {
  const auto comes = [&](const std::string& path) {
    return stage::path_before_staging(path, context.staged).has_value();
  };
  if (comes(context.program)) context.program.clear();
  if (comes(context.checked_program)) context.checked_program.clear();
  if (comes(context.working_directory)) context.working_directory = "/";
  return context;
}

LaunchContext for_another_job(LaunchContext context, const Environment& environment) {
  context.run_directory = choose_run_directory(environment);
  context.job = choose_job_mark();
  return context;
}

std::variant<LaunchContext, Refusal> gather_context(const LaunchOptions& options,
                                                    const Environment& environment) {
  if (auto error = refuse_nesting(options, environment)) return refuse(*error);
  if (environment.get("AZ_BATCH_IS_CURRENT_NODE_MASTER") == std::string_view("false")) {
    return refuse(
        input_error("this node is not the primary of the task (AZ_BATCH_IS_CURRENT_NODE_MASTER=false)",
                    "shipyard-mpirun belongs into the application command, which Batch runs on the primary "
                    "alone; the coordination command only starts the container"));
  }
  LaunchContext context;
  auto hosts = choose_hosts(options, environment);
  if (!hosts) return refuse(hosts.error());
  context.hosts = std::move(*hosts);
  const bool several = context.hosts.hosts.size() > 1;

  context.environment = environment;
  if (!options.mpi_env.empty()) {
    auto sourced = mpi::source_script(absolute(options.mpi_env, environment), environment);
    if (!sourced) return refuse(sourced.error());
    context.environment = std::move(*sourced);
  }
  auto mpirun = mpi::find_mpirun(options.mpirun, context.environment);
  if (!mpirun) return refuse(mpirun.error());
  // Asking mpirun takes as long as everything else together: meanwhile the rest.
  auto inspected =
      std::async(std::launch::async, [&] { return mpi::inspect_mpirun(*mpirun, context.environment); });

  context.working_directory = choose_working_directory(options, environment, several);
  context.staged = stage::staged_paths(options, environment.working_directory, context.working_directory);
  auto program = choose_program(options.program[0], context);
  std::variant<std::string, Refusal> checked;
  if (!options.checked_program.empty()) checked = choose_program(options.checked_program, context);
  auto topologies = find_topologies(options, context);
  context.rdma = {topology::rdma_links("/sys/class/infiniband"), can_open_rdma_devices(), locked_memory()};
  context.single_copy = single_copy_allowed();
  // A plan for another machine says nothing about this one's memory.
  const bool elsewhere = options.dry_run && !options.topologies.empty();
  context.shared_memory_bytes = elsewhere ? std::numeric_limits<std::uint64_t>::max() : shared_memory().free;
  context.run_directory = choose_run_directory(environment);
  auto job_key = find_job_key(job_key_directories(environment.user_id), environment, options.ssh_key);
  context.job = choose_job_mark();
  auto interfaces = network::interfaces_of_this_machine();
  auto installation = inspected.get();

  if (auto* refusal = std::get_if<Refusal>(&program)) return std::move(*refusal);
  context.program = std::get<std::string>(program);
  if (auto* refusal = std::get_if<Refusal>(&checked)) return std::move(*refusal);
  context.checked_program = std::get<std::string>(checked);
  if (topologies) return refuse(std::move(*topologies));
  if (!installation) return refuse(installation.error());
  context.mpi = std::move(*installation);
  if (!interfaces) return refuse(interfaces.error());
  context.interfaces = std::move(*interfaces);
  if (!job_key) return refuse(job_key.error());
  context.job_key = std::move(*job_key);

  const std::string libexec(environment.get("SHIPYARD_LIBEXEC").value_or(""));
  std::vector<std::string> places{environment.executable_directory,
                                  environment.executable_directory + "/../libexec/shipyard"};
  if (!libexec.empty()) places.insert(places.begin(), libexec);
  for (auto [name, target] : {std::pair{"shipyard-rank", &context.rank_program},
                              std::pair{"shipyard-connect", &context.connect_program},
                              std::pair{"shipyard-source", &context.source_program},
                              std::pair{"shipyard-ssh", &context.ssh_program}}) {
    for (const auto& place : places) {
      auto found = find_program(place + "/" + name, environment);
      if (found && target->empty()) *target = fs::path(*found).lexically_normal().string();
    }
    if (target->empty()) {
      return refuse(Error{Error::Code::kNotFound,
                          fmt::format("{} is missing beside shipyard-mpirun", name),
                          "the installation is incomplete: install it again whole",
                          {}});
    }
  }

  if (options.preflight) {
    auto allpairs = find_allpairs(places, environment);
    if (!allpairs) return refuse(allpairs.error());
    context.allpairs_program = std::move(*allpairs);
  }

  const bool this_machine = context.hosts.origin.starts_with("this machine");
  if (!this_machine) {
    auto addresses = resolve_hosts(context.hosts);
    if (!addresses) return refuse(addresses.error());
    context.addresses = std::move(*addresses);
    if (auto found = find_own_place(context); !found) return refuse(found.error());
  }
  // --check brings nothing.
  return options.check ? before_staging(std::move(context)) : std::move(context);
}

}  // namespace shipyard::launcher
