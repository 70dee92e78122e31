#include "launcher/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/subprocess.hpp"
#include "launcher/rank/rank_layout.hpp"
#include "topology_samples.hpp"

namespace shipyard::launcher {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kMebibyte = 1 << 20;

IpAddress ip(std::string_view text) { return *parse_address(text); }

/// Three nodes of a Batch task with four cores each; this one, 10.0.0.5, is the second of the list.
LaunchContext batch_task() {
  LaunchContext context;
  context.hosts = *hostfile::parse_batch_host_list("10.0.0.4,10.0.0.5,10.0.0.6");
  context.addresses = {ip("10.0.0.4"), ip("10.0.0.5"), ip("10.0.0.6")};
  context.interfaces = {{"lo", ip("127.0.0.1"), 8, true},
                        {"eth0", ip("10.0.0.5"), 24, false},
                        {"docker0", ip("172.17.0.1"), 16, false}};
  context.own_host = 1;
  context.own_address = ip("10.0.0.5");
  context.topologies = {topology::samples::node({{{4}}}, 2)};
  for (int core = 0; core < 4; ++core) {
    context.topologies[0].cores[static_cast<std::size_t>(core)].hardware_threads = {core, core + 4};
  }
  context.host_topology = {0, 0, 0};
  context.mpi = {"/usr/bin/mpirun", {mpi::Dialect::kOpenMpi4, 4, 1, "4.1.4"}, {}};
  context.environment.variables = {
      {"PATH", "/usr/bin"}, {"OMP_NUM_THREADS", "1"}, {"AZ_BATCH_NODE_ID", "tvm-1"}};
  context.environment.working_directory = "/w";
  context.environment.user_id = 0;
  context.program = "/app/solve";
  context.working_directory = "/w";
  context.rank_program = "/libexec/shipyard-rank";
  context.job = "0123456789abcdef";
  context.source_program = "/libexec/shipyard-source";
  context.ssh_program = "/libexec/shipyard-ssh";
  context.run_directory = "/tmp/shipyard-mpirun.abc";
  context.shared_memory_bytes = 1024 * kMebibyte;
  return context;
}

LaunchContext this_machine() {
  LaunchContext context = batch_task();
  context.hosts = {{{.name = "localhost"}}, "this machine: no host list is set"};
  context.addresses.clear();
  context.own_host.reset();
  return context;
}

LaunchOptions program(std::vector<std::string> words = {"./solve", "in put.txt", "--"}) {
  LaunchOptions options;
  options.program = std::move(words);
  return options;
}

LaunchPlan planned(const LaunchOptions& options, const LaunchContext& context) {
  auto plan = plan_launch(options, context);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  return plan ? *plan : LaunchPlan{};
}

std::vector<std::string> hosts_of(const LaunchPlan& plan) {
  std::vector<std::string> result;
  for (const auto& node : plan.nodes) result.push_back(node.host);
  return result;
}

/// The names that the command exports.
std::vector<std::string> exported(const LaunchPlan& plan) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i + 1 < plan.command.size(); ++i) {
    if (plan.command[i] == "-x") result.push_back(plan.command[i + 1]);
  }
  return result;
}

bool says(const LaunchPlan& plan, const std::vector<std::string>& words) {
  return std::search(plan.command.begin(), plan.command.end(), words.begin(), words.end()) !=
         plan.command.end();
}

std::string reason_for(const LaunchPlan& plan, const std::string& what) {
  for (const auto& reason : plan.reasons) {
    if (reason.what == what) return reason.why;
  }
  return "no reason";
}

LaunchContext batch_task_with_mpich() {
  LaunchContext context = batch_task();
  context.mpi = {"/usr/bin/mpirun", {mpi::Dialect::kHydra, 4, 0, "4.0.2"}, {}};
  return context;
}

// mpirun of Open MPI ends the job itself.
TEST(PlanLaunch, EndsAJobOfHydrasWhereARankHasFailed) {
  EXPECT_EQ(planned(program(), batch_task_with_mpich()).failure_grace, std::chrono::seconds(10));
  EXPECT_EQ(planned(program(), batch_task()).failure_grace, std::nullopt);
  auto options = program();
  options.mpi_arguments = {"-disable-auto-cleanup"};
  EXPECT_EQ(planned(options, batch_task_with_mpich()).failure_grace, std::nullopt);
}

TEST(PlanLaunch, PutsTheSameIntoHydrasWords) {
  const auto plan = planned(program(), batch_task_with_mpich());
  EXPECT_EQ(plan.ranks, 12);
  EXPECT_THAT(*plan.nodes[0].cpusets, ElementsAre("0,4", "1,5", "2,6", "3,7"));
  EXPECT_EQ(plan.files.at("/tmp/shipyard-mpirun.abc/hostfile"), "10.0.0.5:4\n10.0.0.4:4\n10.0.0.6:4\n");
  EXPECT_TRUE(says(plan, {"-f", "/tmp/shipyard-mpirun.abc/hostfile", "-np", "12", "-bind-to", "none"}));
  EXPECT_TRUE(says(plan, {"-launcher-exec", "/libexec/shipyard-ssh", "-localhost", "10.0.0.5"}));
  EXPECT_TRUE(says(plan, {"-genv", "UCX_NET_DEVICES", "eth0"}));
  EXPECT_EQ(plan.environment.at("HYDRA_LAUNCHER_EXTRA_ARGS"), "-F /tmp/shipyard-mpirun.abc/ssh_config");
  // shipyard-rank binds them.
  EXPECT_TRUE(plan.environment.contains("SHIPYARD_LAYOUT"));
  const auto list = std::find(plan.command.begin(), plan.command.end(), "-genvlist");
  ASSERT_NE(list, plan.command.end());
  EXPECT_EQ(list[1],
            "OMP_NUM_THREADS,PATH,SHIPYARD_JOB,SHIPYARD_JOB_TOKEN,SHIPYARD_LAYOUT,SHIPYARD_REPORT_TO");
  EXPECT_EQ(reason_for(plan, "mpirun /usr/bin/mpirun"), "MPICH 4.0.2");
}

TEST(PlanLaunch, WarnsOfAnMpichThatHangsInFinalize) {
  LaunchContext context = batch_task_with_mpich();
  EXPECT_THAT(planned(program(), context).warnings, IsEmpty());
  context.mpi.version.may_hang_at_the_end = true;
  EXPECT_THAT(planned(program(), context).warnings,
              ElementsAre("MPICH 4.0.2 on UCX: programs can wait for ever in MPI_Finalize, after their last "
                          "line of output; MPICH 4.2 has it mended"));
  LaunchOptions alone = program();
  alone.layout.ranks = {1, "-n"};
  EXPECT_THAT(planned(alone, context).warnings, IsEmpty());
}

LaunchContext with_infiniband(LaunchContext context) {
  context.rdma = {{{"mlx5_0:1", "Ethernet", "ACTIVE", "40 Gb/sec (4X QDR)"},
                   {"mlx5_1:1", "InfiniBand", "ACTIVE", "200 Gb/sec (4X HDR)"}},
                  true,
                  std::nullopt};
  return context;
}

TEST(PlanLaunch, GoesOverInfiniBandWhereItIs) {
  const auto plan = planned(program(), with_infiniband(batch_task()));
  EXPECT_TRUE(says(plan, {"--mca", "pml", "ucx"}));
  EXPECT_TRUE(says(plan, {"--relay-stderr", "--find-infiniband", "--"}));
  EXPECT_EQ(reason_for(plan, "InfiniBand port mlx5_1:1"), "ACTIVE, 200 Gb/sec (4X HDR)");
  EXPECT_EQ(reason_for(plan, "RDMA port mlx5_0:1"), "Ethernet, no InfiniBand: not used");
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_TRUE(says(planned(program(), with_infiniband(batch_task_with_mpich())), {"--find-infiniband"}));
  // Also where the user has told mpirun where ranks run.
  auto by_hand = program();
  by_hand.mpi_arguments = {"--map-by", "node"};
  EXPECT_TRUE(says(planned(by_hand, with_infiniband(batch_task())), {"--find-infiniband"}));
}

TEST(PlanLaunch, GoesOverTcpWhereThereIsNoneAndSaysWhy) {
  auto context = with_infiniband(batch_task());
  context.rdma.can_open = false;
  const auto plan = planned(program(), context);
  EXPECT_THAT(plan.command, Not(Contains("pml")));
  EXPECT_THAT(plan.command, Not(Contains("--find-infiniband")));
  EXPECT_EQ(reason_for(plan, "MPI goes over TCP"), "the container has no /dev/infiniband");
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("docker run --device=/dev/infiniband")));
  EXPECT_EQ(reason_for(planned(program(), batch_task()), "MPI goes over TCP"),
            "this node has no port of link layer InfiniBand");
  // On one machine no fabric matters.
  auto alone = this_machine();
  alone.rdma = context.rdma;
  EXPECT_THAT(planned(program(), alone).warnings, IsEmpty());
}

TEST(PlanLaunch, LeavesTheUsersDevicesAlone) {
  auto context = with_infiniband(batch_task());
  context.environment.variables["UCX_NET_DEVICES"] = "mlx5_7:1";
  EXPECT_THAT(planned(program(), context).command, Not(Contains("--find-infiniband")));
  auto options = program();
  options.exports = {{"UCX_NET_DEVICES", "mlx5_7:1"}};
  EXPECT_THAT(planned(options, with_infiniband(batch_task())).command, Not(Contains("--find-infiniband")));
}

LaunchContext batch_task_with_intel_mpi() {
  LaunchContext context = batch_task();
  context.mpi = {"/opt/intel/oneapi/mpi/2021.11/bin/mpiexec.hydra",
                 {mpi::Dialect::kIntelMpi, 2021, 11, "2021.11"},
                 {{"I_MPI_ROOT", "/opt/intel/oneapi/mpi/2021.11"}}};
  return context;
}

TEST(PlanLaunch, PutsTheSameIntoIntelMpisWords) {
  auto context = batch_task_with_intel_mpi();
  context.environment.variables["I_MPI_DEBUG"] = "5";
  context.environment.variables["I_MPI_HYDRA_DEBUG"] = "1";
  context.shared_memory_bytes = 0;
  const auto plan = planned(program(), context);
  EXPECT_EQ(plan.files.at("/tmp/shipyard-mpirun.abc/hostfile"), "10.0.0.5:4\n10.0.0.4:4\n10.0.0.6:4\n");
  EXPECT_TRUE(
      says(plan, {"-machinefile", "/tmp/shipyard-mpirun.abc/hostfile", "-bootstrap", "ssh", "-bootstrap-exec",
                  "/libexec/shipyard-ssh", "-localhost", "10.0.0.5", "-iface", "eth0"}));
  EXPECT_EQ(plan.environment.at("I_MPI_PIN"), "off");
  EXPECT_EQ(plan.environment.at("I_MPI_ROOT"), "/opt/intel/oneapi/mpi/2021.11");
  EXPECT_EQ(plan.environment.at("I_MPI_OFI_PROVIDER"), "tcp");
  // shipyard-rank binds them.
  EXPECT_TRUE(plan.environment.contains("SHIPYARD_LAYOUT"));
  const auto list = std::find(plan.command.begin(), plan.command.end(), "-genvlist");
  ASSERT_NE(list, plan.command.end());
  EXPECT_EQ(
      list[1],
      "FI_TCP_IFACE,I_MPI_DEBUG,I_MPI_FABRICS,I_MPI_OFI_PROVIDER,I_MPI_PIN,I_MPI_ROOT,OMP_NUM_THREADS,PATH,"
      "SHIPYARD_JOB,SHIPYARD_JOB_TOKEN,SHIPYARD_LAYOUT,SHIPYARD_REPORT_TO");
  EXPECT_EQ(planned(program(), with_infiniband(context)).environment.at("I_MPI_OFI_PROVIDER"), "mlx");
  context.environment.variables["I_MPI_FABRICS"] = "ofi";
  EXPECT_FALSE(planned(program(), context).environment.contains("I_MPI_FABRICS"));
}

TEST(PlanLaunch, KnowsWhatMpichTakesOfSharedMemory) {
  auto context = batch_task_with_mpich();
  context.shared_memory_bytes = 16 * kMebibyte;
  const auto plan = plan_launch(program(), context);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message,
            "/dev/shm has 16 MiB free, but 4 ranks on a node can need 17 MiB and would fail in MPI_Init");
  context.shared_memory_bytes = 17 * kMebibyte;
  EXPECT_TRUE(plan_launch(program(), context));
  context.shared_memory_bytes = 0;
  context.environment.variables["UCX_TLS"] = "tcp";
  EXPECT_TRUE(plan_launch(program(), context));
}

TEST(PlanLaunch, LeavesRanksAloneThatTheUserPlacesByHydra) {
  auto options = program();
  options.mpi_arguments = {"-bind-to", "core"};
  const auto plan = planned(options, batch_task_with_mpich());
  EXPECT_FALSE(plan.environment.contains("SHIPYARD_LAYOUT"));
  EXPECT_FALSE(plan.places_known);
}

TEST(PlanLaunch, RefusesWhatHydraCannotTake) {
  auto options = program();
  options.mpi_arguments = {"-genvnone"};
  auto plan = plan_launch(options, batch_task_with_mpich());
  ASSERT_FALSE(plan);
  EXPECT_TRUE(plan.error().message.starts_with("--mpi-arg -genvnone: ")) << plan.error().message;

  auto context = batch_task_with_mpich();
  context.hosts.hosts[2] = {.name = "fd00::4", .kind = hostfile::Host::Kind::kIpv6};
  plan = plan_launch(program(), context);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message, "a Hydra hostfile cannot hold the IPv6 address fd00::4");
}

TEST(PlanLaunch, DecidesEverythingForABatchTask) {
  const auto plan = planned(program(), batch_task());
  EXPECT_EQ(plan.ranks, 12);
  EXPECT_EQ(plan.run_directory, "/tmp/shipyard-mpirun.abc");
  ASSERT_EQ(plan.nodes.size(), 3u);
  EXPECT_EQ(plan.nodes[0].ranks, 4);
  EXPECT_EQ(plan.nodes[0].threads, 1);
  EXPECT_THAT(*plan.nodes[0].cpusets, ElementsAre("0,4", "1,5", "2,6", "3,7"));
  EXPECT_EQ(plan.command, (std::vector<std::string>{"/usr/bin/mpirun",
                                                    "--allow-run-as-root",
                                                    "--hostfile",
                                                    "/tmp/shipyard-mpirun.abc/hostfile",
                                                    "-np",
                                                    "12",
                                                    "--map-by",
                                                    "slot",
                                                    "--bind-to",
                                                    "core",
                                                    "--mca",
                                                    "hwloc_base_mem_bind_failure_action",
                                                    "silent",
                                                    "--wdir",
                                                    "/",
                                                    "--mca",
                                                    "plm_rsh_agent",
                                                    "ssh -F /tmp/shipyard-mpirun.abc/ssh_config",
                                                    "--mca",
                                                    "oob_tcp_if_include",
                                                    "10.0.0.0/24",
                                                    "--mca",
                                                    "oob_tcp_disable_ipv6_family",
                                                    "1",
                                                    "--mca",
                                                    "btl_tcp_if_include",
                                                    "10.0.0.0/24",
                                                    "--mca",
                                                    "orte_launch_agent",
                                                    "env SHIPYARD_JOB=0123456789abcdef orted",
                                                    "-x",
                                                    "OMP_NUM_THREADS",
                                                    "-x",
                                                    "PATH",
                                                    "-x",
                                                    "SHIPYARD_JOB",
                                                    "-x",
                                                    "SHIPYARD_JOB_TOKEN",
                                                    "-x",
                                                    "SHIPYARD_REPORT_TO",
                                                    "/libexec/shipyard-rank",
                                                    "--directory",
                                                    "/w",
                                                    "--relay-stderr",
                                                    "--",
                                                    "/app/solve",
                                                    "in put.txt",
                                                    "--"}));
  EXPECT_EQ(plan.environment, (std::map<std::string, std::string>{{"SHIPYARD_JOB", "0123456789abcdef"},
                                                                  {"SHIPYARD_JOB_TOKEN", ""},
                                                                  {"SHIPYARD_REPORT_TO", ""}}));
  EXPECT_THAT(plan.dropped_variables, IsEmpty());
  EXPECT_EQ(plan.report_address, ip("10.0.0.5"));
  ASSERT_EQ(plan.files.size(), 2u);
  const std::string& config = plan.files.at("/tmp/shipyard-mpirun.abc/ssh_config");
  EXPECT_THAT(config, HasSubstr("Host 10.0.0.*\n"));
  EXPECT_THAT(config, HasSubstr("Port 23\n"));
}

// mpirun would start a second program at it.
TEST(PlanLaunch, HidesAColonFromMpirunBehindAWordThatTheProgramDoesNotUse) {
  EXPECT_TRUE(
      says(planned(program({"./solve", ":", "a:b", "%:", ":"}), batch_task()),
           {"/w", "--relay-stderr", "--colon", "%%:", "--", "/app/solve", "%%:", "a:b", "%:", "%%:"}));
  EXPECT_THAT(planned(program({"./solve", "a:b", "%:"}), batch_task()).command, Not(Contains("--colon")));
}

TEST(PlanLaunch, RanksWatchForAPreemptionWhereASignalIsGivenForIt) {
  EXPECT_THAT(planned(program(), batch_task()).command, Not(Contains("--watch-preemption")));
  LaunchOptions options = program();
  options.on_preempt = 10;
  const auto plan = planned(options, batch_task());
  EXPECT_TRUE(says(plan, {"--relay-stderr", "--watch-preemption", "--", "/app/solve"}));
  EXPECT_EQ(reason_for(plan, "SIGUSR1 to all ranks before a node is taken away"), "--on-preempt");
  options.check = true;
  EXPECT_THAT(planned(options, batch_task()).command, Not(Contains("--watch-preemption")));
}

// Batch uploads the primary's files, and rank 0 writes them; the list's order is no promise.
TEST(PlanLaunch, PutsThePrimaryFirstWhereTheListIsBatchs) {
  const auto plan = planned(program(), batch_task());
  EXPECT_THAT(hosts_of(plan), ElementsAre("10.0.0.5", "10.0.0.4", "10.0.0.6"));
  EXPECT_EQ(plan.files.at("/tmp/shipyard-mpirun.abc/hostfile"),
            "10.0.0.5 slots=4\n10.0.0.4 slots=4\n10.0.0.6 slots=4\n");
  EXPECT_THAT(plan.remote_hosts, ElementsAre(0u, 2u));
  EXPECT_EQ(reason_for(plan, "rank 0 on 10.0.0.5"), "the primary, whose files Batch uploads");
}

TEST(PlanLaunch, KeepsTheOrderOfAListThatTheUserGave) {
  LaunchContext context = batch_task();
  context.hosts.origin = "--hosts";
  EXPECT_THAT(hosts_of(planned(program(), context)), ElementsAre("10.0.0.4", "10.0.0.5", "10.0.0.6"));
}

TEST(PlanLaunch, UsesTheFirstNodesOnly) {
  LaunchOptions options = program();
  options.nodes = 2;
  const auto plan = planned(options, batch_task());
  EXPECT_THAT(hosts_of(plan), ElementsAre("10.0.0.5", "10.0.0.4"));
  EXPECT_THAT(plan.remote_hosts, ElementsAre(0u));
  options.nodes = 4;
  auto refused = plan_launch(options, batch_task());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "--nodes 4: the job has 3 (AZ_BATCH_HOST_LIST)");
}

TEST(PlanLaunch, LeavesOutNodesWithoutRanks) {
  LaunchOptions options = program();
  options.layout.ranks = {2, "-n"};
  const auto plan = planned(options, batch_task());
  EXPECT_THAT(hosts_of(plan), ElementsAre("10.0.0.5", "10.0.0.4"));
  EXPECT_EQ(plan.files.at("/tmp/shipyard-mpirun.abc/hostfile"), "10.0.0.5 slots=1\n10.0.0.4 slots=1\n");
  EXPECT_THAT(plan.remote_hosts, ElementsAre(0u));
}

TEST(PlanLaunch, OfASingleRankOnThePrimaryNeedsNoNetwork) {
  LaunchOptions options = program();
  options.layout.ranks = {1, "-n"};
  const auto plan = planned(options, batch_task());
  EXPECT_THAT(plan.remote_hosts, IsEmpty());
  EXPECT_FALSE(plan.report_address);
  EXPECT_EQ(plan.files.size(), 1u);
  EXPECT_THAT(plan.command, Not(Contains("plm_rsh_agent")));
}

TEST(PlanLaunch, OnThisMachineNeedsNoNetwork) {
  const auto plan = planned(program(), this_machine());
  EXPECT_THAT(hosts_of(plan), ElementsAre("localhost"));
  EXPECT_THAT(plan.remote_hosts, IsEmpty());
  EXPECT_FALSE(plan.report_address);
  EXPECT_EQ(
      plan.files,
      (std::map<std::string, std::string>{{"/tmp/shipyard-mpirun.abc/hostfile", "localhost slots=4\n"}}));
  EXPECT_EQ(reason_for(plan, "1 node"), "this machine: no host list is set");
}

TEST(PlanLaunch, TakesSlotsOfAHostfileButNotBatchsCoreCounts) {
  LaunchContext context = batch_task();
  context.hosts =
      *hostfile::parse_hostfile("10.0.0.4 slots=1\n10.0.0.5 slots=2 max_slots=8\n10.0.0.6 slots=3\n", "h");
  EXPECT_EQ(planned(program(), context).files.at("/tmp/shipyard-mpirun.abc/hostfile"),
            "10.0.0.4 slots=1\n10.0.0.5 slots=2\n10.0.0.6 slots=3\n");
  // Batch writes 1 for every node, whatever its size.
  context.hosts = *hostfile::parse_ccp_nodes("3 10.0.0.4 1 10.0.0.5 1 10.0.0.6 1");
  EXPECT_EQ(planned(program(), context).ranks, 12);
}

TEST(PlanLaunch, SpeaksOpenMpi5) {
  LaunchContext context = batch_task();
  context.mpi.version = {mpi::Dialect::kOpenMpi5, 5, 0, "5.0.7"};
  const auto plan = planned(program(), context);
  EXPECT_TRUE(says(plan, {"--prtemca", "plm_ssh_agent", "ssh -F /tmp/shipyard-mpirun.abc/ssh_config"}));
  EXPECT_TRUE(says(plan, {"--prtemca", "prte_if_include", "eth0"}));
  EXPECT_EQ(reason_for(plan, "mpirun /usr/bin/mpirun"), "Open MPI 5.0.7");
}

TEST(PlanLaunch, AllowsRootOnlyToRoot) {
  LaunchContext context = batch_task();
  EXPECT_THAT(planned(program(), context).command, Contains("--allow-run-as-root"));
  context.environment.user_id = 1000;
  EXPECT_THAT(planned(program(), context).command, Not(Contains("--allow-run-as-root")));
}

TEST(PlanLaunch, NeverSaysSlash32) {
  LaunchContext context = batch_task();
  context.interfaces[1].prefix_length = 32;
  EXPECT_TRUE(says(planned(program(), context), {"btl_tcp_if_include", "10.0.0.4/30"}));
  LaunchOptions options = program();
  options.subnet = parse_network("10.0.0.5/32");
  for (const auto& word : planned(options, context).command) EXPECT_THAT(word, Not(HasSubstr("/32")));
}

TEST(PlanLaunch, HandsTheUsersConnectionToTheSshConfig) {
  LaunchOptions options = program();
  options.ssh_port = 2222;
  options.ssh_user = "mpi";
  options.ssh_key = "/keys/id";
  options.ssh_host_patterns = {"10.*"};
  const auto plan = planned(options, batch_task());
  const std::string& config = plan.files.at("/tmp/shipyard-mpirun.abc/ssh_config");
  EXPECT_THAT(config, HasSubstr("Host 10.*\n"));
  EXPECT_THAT(config, HasSubstr("Port 2222\n"));
  EXPECT_THAT(config, HasSubstr("User mpi\n"));
  EXPECT_THAT(config, HasSubstr("/keys/id"));
}

JobKey job_key() {
  return {.public_key = "ssh-ed25519 AAAA",
          .origin = "the entrypoint's",
          .file = "/run/shipyard/id_ed25519",
          .private_key = {}};
}

TEST(PlanLaunch, ChecksTheNodesWithTheJobsKey) {
  LaunchContext context = batch_task();
  context.job_key = job_key();
  LaunchOptions options = program();
  options.ssh_port = 2323;
  options.ssh_port_origin = "of this container's sshd";
  const auto plan = planned(options, context);
  const std::string& config = plan.files.at("/tmp/shipyard-mpirun.abc/ssh_config");
  EXPECT_THAT(config, HasSubstr("IdentityFile \"/run/shipyard/id_ed25519\"\n  IdentitiesOnly yes\n"));
  EXPECT_THAT(config, HasSubstr("StrictHostKeyChecking yes\n"));
  EXPECT_THAT(config, HasSubstr("UserKnownHostsFile \"/tmp/shipyard-mpirun.abc/known_hosts\"\n"));
  EXPECT_EQ(plan.files.at("/tmp/shipyard-mpirun.abc/known_hosts"), "[10.0.0.*]:2323 ssh-ed25519 AAAA\n");
  EXPECT_EQ(plan.key_file, "");
  EXPECT_THAT(plan.notes, IsEmpty());
  EXPECT_EQ(reason_for(plan, "ssh key /run/shipyard/id_ed25519"), "the entrypoint's");
  EXPECT_EQ(reason_for(plan, "host keys are checked"), "the nodes have the job's key as theirs");
  EXPECT_EQ(reason_for(plan, "ssh port 2323"), "of this container's sshd");
}

TEST(PlanLaunch, SaysOnceThatNodesAreNotChecked) {
  const auto plan = planned(program(), batch_task());
  EXPECT_THAT(
      plan.notes,
      ElementsAre("host keys are not checked, since the job has no key of its own (SHIPYARD_SSH_KEY): "
                  "whoever answers at a node's address is taken for the node"));
  EXPECT_THAT(plan.files.at("/tmp/shipyard-mpirun.abc/ssh_config"), HasSubstr("StrictHostKeyChecking no\n"));
  LaunchOptions options = program();
  options.ssh_key = "/keys/id";
  EXPECT_THAT(planned(options, batch_task()).notes,
              ElementsAre("host keys are not checked, since the key that was given is not known to be the "
                          "job's own: whoever answers at a node's address is taken for the node"));
  EXPECT_THAT(planned(program(), this_machine()).notes, IsEmpty());
}

TEST(PlanLaunch, PrintsNothingOfAKeyThatIsInTheEnvironmentAlone) {
  LaunchContext context = batch_task();
  context.job_key = {
      .public_key = "ssh-ed25519 AAAA", .origin = kJobKeyVariable, .file = "", .private_key = Secret("hush")};
  context.environment.secrets[kJobKeyVariable] = Secret("aHVzaA==");
  const auto plan = planned(program(), context);
  EXPECT_EQ(plan.key_file, "/tmp/shipyard-mpirun.abc/id_ed25519");
  EXPECT_THAT(plan.files.at("/tmp/shipyard-mpirun.abc/ssh_config"),
              HasSubstr("IdentityFile \"/tmp/shipyard-mpirun.abc/id_ed25519\"\n"));
  EXPECT_THAT(plan.dropped_variables, Contains("SHIPYARD_SSH_KEY"));
  for (const std::string& text : {plan_as_script(plan), plan_as_json(plan, {}), plan_explained(plan, 80)}) {
    EXPECT_THAT(text, Not(HasSubstr("hush")));
    EXPECT_THAT(text, Not(HasSubstr("aHVzaA")));
  }
}

TEST(PlanLaunch, GivesTheKeyToNoRank) {
  LaunchOptions options = program();
  options.exports = {{"SHIPYARD_SSH_KEY", "x"}};
  auto plan = plan_launch(options, batch_task());
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message, "-x SHIPYARD_SSH_KEY: the job's key is not for the ranks");
}

// 10,000 nodes with 120 cores would be 1.2 million texts.
TEST(PlanLaunch, WritesTheCpuSetsOfAlikeNodesOnce) {
  LaunchOptions options = program();
  options.layout.ranks = {5, "-n"};
  const auto plan = planned(options, batch_task());
  ASSERT_EQ(plan.nodes.size(), 3u);
  EXPECT_EQ(plan.nodes[0].cpusets, plan.nodes[1].cpusets);
  EXPECT_THAT(*plan.nodes[1].cpusets, ElementsAre("0-1,4-5", "2-3,6-7"));
  EXPECT_THAT(*plan.nodes[2].cpusets, ElementsAre("0-1,4-5"));
}

TEST(PlanLaunch, BindsOnlyWhatIsToBeBound) {
  LaunchContext context = batch_task();
  EXPECT_TRUE(says(planned(program(), context), {"--bind-to", "core"}));

  LaunchOptions options = program();
  options.layout.bind_to = topology::BindTo::kNone;
  auto plan = planned(options, context);
  EXPECT_TRUE(says(plan, {"--bind-to", "none"}));
  EXPECT_FALSE(plan.environment.contains("SHIPYARD_LAYOUT"));
  EXPECT_THAT(*plan.nodes[0].cpusets, testing::Each("0-7"));

  options = program();
  options.layout.ranks_per_node = {topology::RanksPerNode::Mode::kNumber, 5, "--ppn"};
  options.layout.oversubscribe = true;
  plan = planned(options, context);
  EXPECT_TRUE(says(plan, {"--bind-to", "none"}));
  EXPECT_TRUE(says(plan, {"--mca", "mpi_yield_when_idle", "1"}));
}

TEST(PlanLaunch, LetsTheBinderBindWhereMpirunDoesNotSeeTheMask) {
  // taskset: mpirun would bind to cores that this process may not use.
  LaunchContext context = batch_task();
  context.topologies[0].masked = true;
  context.topologies[0].allowed_cores = 8;
  const auto plan = planned(program(), context);
  EXPECT_TRUE(says(plan, {"--bind-to", "none"}));
  EXPECT_TRUE(says(plan, {"-x", "SHIPYARD_LAYOUT"}));
  auto last = shipyard::rank::find_rank_settings(plan.environment.at("SHIPYARD_LAYOUT"), 11);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->cpus, "3,7");
}

TEST(PlanLaunch, LeavesPlacesToTheUserWhoNamesThem) {
  LaunchContext context = batch_task();
  context.topologies[0].masked = true;
  LaunchOptions options = program();
  options.mpi_arguments = {"--map-by", "node"};
  const auto plan = planned(options, context);
  EXPECT_FALSE(plan.places_known);
  EXPECT_FALSE(plan.environment.contains("SHIPYARD_LAYOUT"));
  EXPECT_FALSE(plan.environment.contains("OMP_NUM_THREADS"));
}

TEST(PlanLaunch, GivesThreadsToHybridJobsUnlessTheUserHas) {
  LaunchContext context = batch_task();
  LaunchOptions options = program();
  options.layout.ranks_per_node = {topology::RanksPerNode::Mode::kNumber, 2, "--ppn"};
  EXPECT_FALSE(planned(options, context).environment.contains("OMP_NUM_THREADS"));
  context.environment.variables.erase("OMP_NUM_THREADS");
  const auto plan = planned(options, context);
  EXPECT_EQ(plan.environment.at("OMP_NUM_THREADS"), "2");
  EXPECT_EQ(plan.environment.at("OMP_PLACES"), "cores");
  EXPECT_EQ(plan.environment.at("OMP_PROC_BIND"), "close");
  EXPECT_TRUE(says(plan, {"-x", "OMP_NUM_THREADS"}));
  // In a wider set every rank's first thread would go to the same first core.
  options.layout.bind_to = topology::BindTo::kNuma;
  EXPECT_FALSE(planned(options, context).environment.contains("OMP_PLACES"));
}

TEST(PlanLaunch, StartsTheJobWhereThreadsByVariableDoNotFit) {
  LaunchContext context = batch_task();
  context.environment.variables["OMP_NUM_THREADS"] = "7";
  LaunchOptions options = program();
  options.layout.ranks_per_node = {topology::RanksPerNode::Mode::kNumber, 1, "--ppn"};
  options.layout.threads = {7, "OMP_NUM_THREADS"};
  const auto plan = planned(options, context);
  EXPECT_EQ(plan.nodes[0].threads, 4);
  EXPECT_FALSE(plan.environment.contains("OMP_NUM_THREADS"));
  EXPECT_THAT(plan.warnings,
              ElementsAre("OMP_NUM_THREADS=7 threads a rank do not fit beside each other: they share cores"));
  options.layout.threads->origin = "--threads";
  EXPECT_FALSE(plan_launch(options, context));
}

TEST(PlanLaunch, PlansEachNodeByItsOwnTopology) {
  LaunchContext context = batch_task();
  context.topologies.push_back(topology::samples::node({{{1, 1}}}));
  context.host_topology = {0, 0, 1};
  context.environment.variables.erase("OMP_NUM_THREADS");
  LaunchOptions options = program();
  options.layout.ranks_per_node = {topology::RanksPerNode::Mode::kL3, 0, "--ppn"};
  const auto plan = planned(options, context);
  EXPECT_THAT(*plan.nodes[0].cpusets, ElementsAre("0-7"));
  EXPECT_THAT(*plan.nodes[2].cpusets, ElementsAre("0", "1"));
  const std::string& table = plan.environment.at("SHIPYARD_LAYOUT");
  EXPECT_EQ(shipyard::rank::find_rank_settings(table, 1)->cpus, "0-7");
  EXPECT_EQ(shipyard::rank::find_rank_settings(table, 3)->cpus, "1");
  // Threads differ: each rank gets its own.
  EXPECT_FALSE(plan.environment.contains("OMP_NUM_THREADS"));
  EXPECT_THAT(shipyard::rank::find_rank_settings(table, 1)->variables,
              Contains(testing::Pair("OMP_NUM_THREADS", "4")));
  EXPECT_THAT(shipyard::rank::find_rank_settings(table, 3)->variables,
              Contains(testing::Pair("OMP_NUM_THREADS", "1")));
}

TEST(PlanLaunch, GivesEachRankItsGpu) {
  LaunchContext context = batch_task();
  for (auto vendor :
       {topology::Gpu::Vendor::kNvidia, topology::Gpu::Vendor::kAmd, topology::Gpu::Vendor::kNvidia}) {
    context.topologies[0].gpus.push_back({"0000:00:00.0", vendor, {}});
  }
  LaunchOptions options = program();
  options.layout.ranks_per_node = {topology::RanksPerNode::Mode::kGpu, 0, "--ppn"};
  const auto plan = planned(options, context);
  const std::string& table = plan.environment.at("SHIPYARD_LAYOUT");
  EXPECT_THAT(shipyard::rank::find_rank_settings(table, 1)->variables,
              ElementsAre(testing::Pair("ROCR_VISIBLE_DEVICES", "0")));
  EXPECT_THAT(shipyard::rank::find_rank_settings(table, 2)->variables,
              ElementsAre(testing::Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
                          testing::Pair("CUDA_VISIBLE_DEVICES", "1")));
}

TEST(PlanLaunch, SaysHowMuchSharedMemoryIsMissing) {
  LaunchContext context = batch_task();
  context.shared_memory_bytes = 16 * kMebibyte;
  auto plan = plan_launch(program(), context);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message,
            "/dev/shm has 16 MiB free, but 4 ranks on a node can need 17 MiB and would die of SIGBUS");
  EXPECT_EQ(plan.error().hint, "start the container with --shm-size=17m or --ipc=host");

  context.shared_memory_bytes = 17 * kMebibyte;
  EXPECT_TRUE(plan_launch(program(), context));
  context.shared_memory_bytes = 0;
  LaunchOptions alone = program();
  alone.layout.ranks_per_node = {topology::RanksPerNode::Mode::kNumber, 1, "--ppn"};
  EXPECT_TRUE(plan_launch(alone, context));
}

TEST(PlanLaunch, LeavesSharedMemoryToAUserWhoChoseTheTransport) {
  LaunchContext context = batch_task();
  context.shared_memory_bytes = 0;
  LaunchOptions options = program();
  options.mpi_arguments = {"--mca", "btl", "self,tcp"};
  EXPECT_TRUE(plan_launch(options, context));
  context.environment.variables["OMPI_MCA_btl_vader_backing_directory"] = "/tmp";
  EXPECT_TRUE(plan_launch(program(), context));
}

TEST(SharedMemoryNeeded, FollowsTheDialect) {
  using mpi::Dialect;
  EXPECT_EQ(shared_memory_needed(Dialect::kOpenMpi4, 1, 0), 0u);
  EXPECT_EQ(shared_memory_needed(Dialect::kOpenMpi4, 2, 0), 9 * kMebibyte);
  EXPECT_EQ(shared_memory_needed(Dialect::kOpenMpi4, 120, 0), 481 * kMebibyte);
  // It uses its session directory where /dev/shm has less than 16 MiB.
  EXPECT_EQ(shared_memory_needed(Dialect::kOpenMpi5, 120, 16 * kMebibyte - 1), 0u);
  EXPECT_EQ(shared_memory_needed(Dialect::kOpenMpi5, 120, 16 * kMebibyte), 481 * kMebibyte);
}

TEST(PlanLaunch, ExportsWhatTheUserNames) {
  LaunchContext context = batch_task();
  context.environment.variables["MINE"] = "here";
  LaunchOptions options = program();
  options.exports = {{"MINE", std::nullopt}, {"GIVEN", "a b=c,d"}, {"OMP_NUM_THREADS", "8"}};
  const auto plan = planned(options, context);
  EXPECT_THAT(exported(plan), ElementsAre("GIVEN", "MINE", "OMP_NUM_THREADS", "PATH", "SHIPYARD_JOB",
                                          "SHIPYARD_JOB_TOKEN", "SHIPYARD_REPORT_TO"));
  EXPECT_EQ(plan.environment.at("GIVEN"), "a b=c,d");
  EXPECT_EQ(plan.environment.at("OMP_NUM_THREADS"), "8");
  EXPECT_FALSE(plan.environment.contains("MINE"));
}

TEST(PlanLaunch, RefusesToExportWhatIsNotSet) {
  LaunchOptions options = program();
  options.exports = {{"NOT_HERE", std::nullopt}};
  auto plan = plan_launch(options, batch_task());
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message, "-x NOT_HERE: not set here");
  EXPECT_EQ(plan.error().hint, "give a value: -x NOT_HERE=VALUE");
}

TEST(PlanLaunch, DropsWhatDescribesAnotherMachine) {
  LaunchContext context = batch_task();
  context.environment.variables["HWLOC_XMLFILE"] = "/x.xml";
  context.environment.variables["HWLOC_SYNTHETIC"] = "pu:2";
  context.environment.variables["SHIPYARD_LIFELINE"] = "stdin";
  EXPECT_THAT(planned(program(), context).dropped_variables,
              ElementsAre("HWLOC_XMLFILE", "HWLOC_SYNTHETIC", "SHIPYARD_LIFELINE"));
}

TEST(PlanLaunch, GivesAMovedOpenMpiItsVariables) {
  LaunchContext context = batch_task();
  context.mpi.mpirun = "/opt/mpi/bin/mpirun";
  context.mpi.variables = {
      {"OPAL_PREFIX", "/opt/mpi"}, {"PATH", "/opt/mpi/bin:/usr/bin"}, {"LD_LIBRARY_PATH", "/opt/mpi/lib"}};
  const auto plan = planned(program(), context);
  EXPECT_THAT(exported(plan), testing::IsSupersetOf({"OPAL_PREFIX", "PATH", "LD_LIBRARY_PATH"}));
  EXPECT_EQ(plan.environment.at("OPAL_PREFIX"), "/opt/mpi");
  EXPECT_EQ(plan.environment.at("PATH"), "/opt/mpi/bin:/usr/bin");
  EXPECT_EQ(reason_for(plan, "OPAL_PREFIX /opt/mpi"), "an Open MPI outside of the system's directories");
}

TEST(PlanLaunch, NamesTheScriptForDaemonsByItsWholePath) {
  LaunchOptions options = program();
  options.mpi_env = "/opt/init.sh";
  EXPECT_TRUE(says(planned(options, batch_task()),
                   {"--mca", "orte_launch_agent",
                    "env SHIPYARD_JOB=0123456789abcdef /libexec/shipyard-source /opt/init.sh orted"}));
  // A daemon stands in its user's home directory.
  options.mpi_env = "env/../init.sh";
  EXPECT_TRUE(says(planned(options, batch_task()),
                   {"--mca", "orte_launch_agent",
                    "env SHIPYARD_JOB=0123456789abcdef /libexec/shipyard-source /w/init.sh orted"}));
}

TEST(PlanLaunch, RefusesAScriptForDaemonsThatMpirunWouldSplit) {
  LaunchOptions options = program();
  options.mpi_env = "/opt/my mpi/init.sh";
  auto plan = plan_launch(options, batch_task());
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message,
            "--mpi-env: '/opt/my mpi/init.sh' has a blank in it, at which mpirun splits its "
            "daemon's command");
  // Without daemons there is nothing to split.
  EXPECT_TRUE(plan_launch(options, this_machine()));
}

TEST(PlanLaunch, SaysWhyTheRanksStandWhereTheyDo) {
  LaunchContext context = batch_task();
  EXPECT_EQ(reason_for(planned(program(), context), "working directory /w"),
            "where shipyard-mpirun was started");
  context.working_directory = "/shared";
  EXPECT_EQ(reason_for(planned(program(), context), "working directory /shared"),
            "AZ_BATCH_TASK_SHARED_DIR: the task's own directory is on this node alone");
  LaunchOptions options = program();
  options.wdir = "/shared";
  EXPECT_EQ(reason_for(planned(options, context), "working directory /shared"), "--wdir");
}

TEST(ForwardedVariables, AreThoseThatMeanTheSameOnEveryNode) {
  Environment environment;
  for (const char* name : {"PATH",
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
                           "AZ_BATCH_NODE_ROOT_DIR",
                           "OMP_NUM_THREADS",
                           "GOMP_X",
                           "KMP_X",
                           "MKL_NUM_THREADS",
                           "OPENBLAS_X",
                           "UCX_TLS",
                           "NCCL_DEBUG",
                           "FI_PROVIDER"}) {
    environment.variables = {{name, "x"}};
    EXPECT_THAT(forwarded_variables(environment), ElementsAre(name));
  }
}

TEST(ForwardedVariables, AreNeverThoseOfOneNodeNorSecrets) {
  Environment environment;
  for (const char* name : {"AZ_BATCH_NODE_ID",
                           "AZ_BATCH_TASK_WORKING_DIR",
                           "AZ_BATCH_TASK_DIR",
                           "AZ_BATCH_IS_CURRENT_NODE_MASTER",
                           "AZ_BATCH_NODE_STARTUP_DIR",
                           "AZ_BATCH_AUTHENTICATION_TOKEN",
                           "AZ_BATCH_ACCOUNT_KEY",
                           "AZ_BATCH_NODE_IS_DEDICATED",
                           "AZ_BATCH_CERTIFICATES_DIR",
                           "AZURE_CLIENT_SECRET",
                           "SHIPYARD_SSH_KEY",
                           "SHIPYARD_SSH_KEY_FILE",
                           "SHIPYARD_LIFELINE",
                           "HOME",
                           "PWD",
                           "HOSTNAME",
                           "USER",
                           "TMPDIR",
                           "SSH_AUTH_SOCK",
                           "HWLOC_XMLFILE",
                           "OMP",
                           "XOMP_NUM_THREADS",
                           "PATHS"}) {
    environment.variables = {{name, "x"}};
    EXPECT_THAT(forwarded_variables(environment), IsEmpty()) << name;
  }
}

TEST(PlanAsJson, HasTheDocumentedShape) {
  LaunchOptions options = program();
  options.exports = {{"GIVEN", "\xff\"x"}};
  LaunchContext context = batch_task();
  context.staged = {{"/task/wd/case", "/task/shared/case"}, {"/task/wd/bin", "/mnt/bin"}};
  const auto plan = planned(options, context);
  auto json = nlohmann::ordered_json::parse(plan_as_json(plan, options));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("nodes", "command", "environment", "files", "stage", "collect", "reasons"));
  EXPECT_EQ(json["nodes"].size(), 3u);
  EXPECT_EQ(json["nodes"][0].dump(),
            R"({"host":"10.0.0.5","ranks":4,"threads":1,"cpuset":["0,4","1,5","2,6","3,7"]})");
  EXPECT_EQ(json["command"].get<std::vector<std::string>>(), plan.command);
  EXPECT_EQ(json["environment"]["SHIPYARD_REPORT_TO"], "");
  EXPECT_EQ(json["environment"]["GIVEN"], "\xef\xbf\xbd\"x");
  EXPECT_EQ(json["files"]["/tmp/shipyard-mpirun.abc/hostfile"],
            plan.files.at("/tmp/shipyard-mpirun.abc/hostfile"));
  EXPECT_EQ(json["stage"].dump(), R"([{"directory":"/task/wd/case","target":"/task/shared/case"},)"
                                  R"({"directory":"/task/wd/bin","target":"/mnt/bin"}])");
  EXPECT_EQ(json["collect"], nullptr);
  options.collect = {"out*"};
  json = nlohmann::ordered_json::parse(plan_as_json(plan, options));
  EXPECT_EQ(json["collect"].dump(), R"({"patterns":["out*"],"directory":"collected"})");
  EXPECT_EQ(json["reasons"][0], "3 nodes: AZ_BATCH_HOST_LIST");
  EXPECT_EQ(json["reasons"].size(), plan.reasons.size());
}

TEST(PlanExplained, HasALineForEachReasonWithinTheColumns) {
  const auto plan = planned(program(), batch_task());
  const std::string text = plan_explained(plan, 60);
  EXPECT_THAT(text, HasSubstr("# 12 ranks: one on each of this node's 4 cores\n"));
  std::istringstream lines(text);
  std::size_t items = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("# ")) << line;  // the script of --dry-run stays one
    if (!line.starts_with("#     ")) ++items;
    EXPECT_LE(line.size(), 60u) << line;
  }
  EXPECT_EQ(items, plan.reasons.size());
}

/// What --dry-run prints, carried out by a real shell with an mpirun that writes down what it got.
class PlanAsScript : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "plan as script.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    mpirun_ = root_ + "/mpirun";
    std::ofstream(mpirun_) << "#!/bin/sh\n"
                              "here=${0%/*}\n"
                              "for word in \"$0\" \"$@\"; do printf '%s\\0' \"$word\"; done >\"$here/argv\"\n"
                              "env -0 >\"$here/env\"\n"
                              "cat >\"$here/stdin\"\n"
                              "cp \"$here/run directory/hostfile\" \"$here/hostfile\"\n"
                              "stat -c %a \"$here/run directory\" >\"$here/mode\"\n"
                              "exit 7\n";
    fs::permissions(mpirun_, fs::perms(0755));
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string content(const std::string& name) const {
    std::ifstream file(root_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> words(const std::string& name) const {
    std::vector<std::string> result;
    std::istringstream stream(content(name));
    for (std::string word; std::getline(stream, word, '\0');) result.push_back(word);
    return result;
  }

  std::string root_;
  std::string mpirun_;
};

TEST_F(PlanAsScript, WritesTheKeyThatIsInTheEnvironmentOfWhoeverRunsIt) {
  LaunchContext context = batch_task();
  context.mpi.mpirun = mpirun_;
  context.run_directory = root_ + "/run directory";
  context.job_key = {.public_key = "ssh-ed25519 AAAA",
                     .origin = kJobKeyVariable,
                     .file = "",
                     .private_key = Secret("hush\n")};
  context.environment.secrets[kJobKeyVariable] = Secret("aHVzaAo=");
  std::ofstream(mpirun_) << "#!/bin/sh\n"
                            "here=${0%/*}\n"
                            "cat \"$here/run directory/id_ed25519\" >\"$here/key\"\n"
                            "stat -c %a \"$here/run directory/id_ed25519\" >\"$here/mode\"\n"
                            "env >\"$here/env\"\n";
  auto done = run({.argv = {"/bin/sh"},
                   .environment = {"PATH=/usr/bin:/bin", "SHIPYARD_SSH_KEY=aHVzaAo="},
                   .working_directory = "/"},
                  std::chrono::seconds(30), plan_as_script(planned(program(), context)));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->errors, "");
  EXPECT_EQ(content("key"), "hush\n");
  EXPECT_EQ(content("mode"), "600\n");
  EXPECT_THAT(content("env"), Not(HasSubstr("SHIPYARD_SSH_KEY")));
}

TEST_F(PlanAsScript, DoesExactlyWhatThePlanSays) {
  LaunchContext context = batch_task();
  context.mpi.mpirun = mpirun_;
  context.run_directory = root_ + "/run directory";
  context.environment.variables["HWLOC_XMLFILE"] = "/x.xml";
  context.environment.variables["HWLOC_SYNTHETIC"] = "pu:2";
  LaunchOptions options = program({"./solve", "", "a b", "it's", "\"quoted\"", "$HOME `id` \\", "two\nlines",
                                   "--", "*", "END", "<in", "&", "~", "-x=y", "\xff", "#no"});
  options.exports = {{"GIVEN", "it's $HOME\nand more"}, {"EMPTY", ""}};
  const auto plan = planned(options, context);

  auto done = run({.argv = {"/bin/sh"},
                   .environment = {"PATH=/usr/bin:/bin", "HWLOC_XMLFILE=/x.xml", "HWLOC_SYNTHETIC=pu:2"},
                   .working_directory = "/"},
                  std::chrono::seconds(30), plan_as_script(plan));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->errors, "");
  EXPECT_EQ(done->output, "");
  EXPECT_EQ(words("argv"), plan.command);
  const auto environment = words("env");
  EXPECT_THAT(environment, Contains("GIVEN=it's $HOME\nand more"));
  EXPECT_THAT(environment, Contains("EMPTY="));
  EXPECT_THAT(environment, Contains("SHIPYARD_REPORT_TO="));
  EXPECT_THAT(environment, Not(Contains(HasSubstr("HWLOC_"))));
  EXPECT_EQ(content("hostfile"), plan.files.at(context.run_directory + "/hostfile"));
  EXPECT_EQ(content("mode"), "700\n");
  EXPECT_EQ(content("stdin"), "");
  EXPECT_FALSE(fs::exists(context.run_directory));
}

}  // namespace
}  // namespace shipyard::launcher
