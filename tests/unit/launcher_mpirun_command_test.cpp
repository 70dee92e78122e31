#include "launcher/mpi/mpirun_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::mpi {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

using Words = std::vector<std::string>;

Environment environment_with(std::map<std::string, std::string, std::less<>> variables) {
  Environment environment;
  environment.variables = std::move(variables);
  return environment;
}

MpirunRequest two_nodes() {
  return {.mpirun = "/usr/bin/mpirun",
          .as_root = true,
          .nodes = 2,
          .ranks = 8,
          .hostfile = "/tmp/r/hostfile",
          .ssh_config = "/tmp/r/ssh_config",
          .subnet = "10.0.0.0/24",
          .interface = "eth0",
          .variables = {{"OMP_NUM_THREADS", "forwarded"}, {"PATH", "forwarded"}},
          .program = {"/libexec/shipyard-rank", "--directory", "/w", "--", "/app", "-n", "a b"}};
}

/// Are these words, in this order and side by side, in the command?
bool says(const MpirunCommand& command, const Words& words) {
  return std::search(command.argv.begin(), command.argv.end(), words.begin(), words.end()) !=
         command.argv.end();
}

std::string reason_for(const MpirunCommand& command, const std::string& what) {
  for (const auto& reason : command.reasons) {
    if (reason.what == what) return reason.why;
  }
  return "no reason";
}

constexpr const char* kLeftAlone = "left alone: you have set it yourself";

TEST(MpirunCommand, IsGoldenForOpenMpi4) {
  const auto command = mpirun_command(Dialect::kOpenMpi4, two_nodes(), {});
  EXPECT_EQ(command.argv, (Words{"/usr/bin/mpirun",
                                 "--allow-run-as-root",
                                 "--hostfile",
                                 "/tmp/r/hostfile",
                                 "-np",
                                 "8",
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
                                 "ssh -F /tmp/r/ssh_config",
                                 "--mca",
                                 "oob_tcp_if_include",
                                 "10.0.0.0/24",
                                 "--mca",
                                 "oob_tcp_disable_ipv6_family",
                                 "1",
                                 "--mca",
                                 "btl_tcp_if_include",
                                 "10.0.0.0/24",
                                 "-x",
                                 "OMP_NUM_THREADS",
                                 "-x",
                                 "PATH",
                                 "/libexec/shipyard-rank",
                                 "--directory",
                                 "/w",
                                 "--",
                                 "/app",
                                 "-n",
                                 "a b"}));
}

TEST(MpirunCommand, IsGoldenForOpenMpi5) {
  const auto command = mpirun_command(Dialect::kOpenMpi5, two_nodes(), {});
  EXPECT_EQ(command.argv, (Words{"/usr/bin/mpirun",
                                 "--allow-run-as-root",
                                 "--hostfile",
                                 "/tmp/r/hostfile",
                                 "-np",
                                 "8",
                                 "--map-by",
                                 "slot",
                                 "--bind-to",
                                 "core",
                                 "--wdir",
                                 "/",
                                 "--prtemca",
                                 "plm_ssh_agent",
                                 "ssh -F /tmp/r/ssh_config",
                                 "--prtemca",
                                 "prte_if_include",
                                 "eth0",
                                 "--mca",
                                 "btl_tcp_if_include",
                                 "10.0.0.0/24",
                                 "-x",
                                 "OMP_NUM_THREADS",
                                 "-x",
                                 "PATH",
                                 "/libexec/shipyard-rank",
                                 "--directory",
                                 "/w",
                                 "--",
                                 "/app",
                                 "-n",
                                 "a b"}));
}

TEST(MpirunCommand, OnOneMachineSaysNothingOfNetworksAndSsh) {
  const MpirunRequest request{.mpirun = "/usr/bin/mpirun", .ranks = 2, .hostfile = "/h", .program = {"/app"}};
  EXPECT_EQ(mpirun_command(Dialect::kOpenMpi5, request, {}).argv,
            (Words{"/usr/bin/mpirun", "--hostfile", "/h", "-np", "2", "--map-by", "slot", "--bind-to", "core",
                   "--wdir", "/", "/app"}));
  EXPECT_EQ(mpirun_command(Dialect::kOpenMpi4, request, {}).argv,
            (Words{"/usr/bin/mpirun", "--hostfile", "/h", "-np", "2", "--map-by", "slot", "--bind-to", "core",
                   "--mca", "hwloc_base_mem_bind_failure_action", "silent", "--wdir", "/", "/app"}));
}

TEST(MpirunCommand, HasAReasonForEachOption) {
  const auto command = mpirun_command(Dialect::kOpenMpi4, two_nodes(), {});
  for (const char* what :
       {"--allow-run-as-root", "--hostfile /tmp/r/hostfile", "-np 8", "--map-by slot", "--bind-to core",
        "--wdir /", "plm_rsh_agent ssh -F /tmp/r/ssh_config", "oob_tcp_if_include 10.0.0.0/24",
        "oob_tcp_disable_ipv6_family 1", "btl_tcp_if_include 10.0.0.0/24"}) {
    EXPECT_THAT(reason_for(command, what), Not(testing::AnyOf("no reason", ""))) << what;
  }
}

TEST(MpirunCommand, StartsAllDaemonsItselfAboveTheTreesRadix) {
  MpirunRequest request = two_nodes();
  request.nodes = 64;
  for (auto dialect : {Dialect::kOpenMpi4, Dialect::kOpenMpi5}) {
    const auto& argv = mpirun_command(dialect, request, {}).argv;
    EXPECT_THAT(argv, Not(Contains("plm_rsh_no_tree_spawn")));
    EXPECT_THAT(argv, Not(Contains("plm_ssh_no_tree_spawn")));
  }
  request.nodes = 65;
  const auto four = mpirun_command(Dialect::kOpenMpi4, request, {});
  EXPECT_TRUE(says(four, {"--mca", "plm_rsh_no_tree_spawn", "1"}));
  EXPECT_TRUE(says(four, {"--mca", "plm_rsh_num_concurrent", "65"}));
  const auto five = mpirun_command(Dialect::kOpenMpi5, request, {});
  EXPECT_TRUE(says(five, {"--prtemca", "plm_ssh_no_tree_spawn", "1"}));
  EXPECT_TRUE(says(five, {"--prtemca", "plm_ssh_num_concurrent", "65"}));
}

TEST(MpirunCommand, KeepsIpv6WhereTheNodesHaveIt) {
  MpirunRequest request = two_nodes();
  request.ipv6 = true;
  request.subnet = "fd00::/64";
  const auto command = mpirun_command(Dialect::kOpenMpi4, request, {});
  EXPECT_THAT(command.argv, Not(Contains("oob_tcp_disable_ipv6_family")));
  EXPECT_TRUE(says(command, {"--mca", "btl_tcp_if_include", "fd00::/64"}));
}

TEST(MpirunCommand, GoesByUcxWhereThereIsInfiniBand) {
  MpirunRequest request = two_nodes();
  EXPECT_THAT(mpirun_command(Dialect::kOpenMpi4, request, {}).argv, Not(Contains("pml")));
  request.infiniband = true;
  const auto four = mpirun_command(Dialect::kOpenMpi4, request, {});
  EXPECT_TRUE(
      says(four, {"--mca", "pml", "ucx", "--mca", "osc", "^pt2pt", "--mca", "btl", "^openib,uct,ofi"}));
  const auto five = mpirun_command(Dialect::kOpenMpi5, request, {});
  EXPECT_TRUE(says(five, {"--mca", "pml", "ucx", "--mca", "osc", "^pt2pt"}));
  EXPECT_THAT(five.argv, Not(Contains("btl")));
}

TEST(MpirunCommand, LeavesTheTransportToWhoHasChosenOne) {
  MpirunRequest request = two_nodes();
  request.infiniband = true;
  for (const char* name : {"pml", "btl", "mtl"}) {
    const auto user = user_settings(environment_with({{std::string("OMPI_MCA_") + name, "ob1"}}), {});
    const auto command = mpirun_command(Dialect::kOpenMpi4, request, user);
    for (const char* silent : {"pml", "osc", "btl"}) EXPECT_THAT(command.argv, Not(Contains(silent))) << name;
    EXPECT_EQ(reason_for(command, "pml ucx"), kLeftAlone) << name;
  }
  const auto osc = mpirun_command(Dialect::kOpenMpi5, request, user_settings({}, {"--mca", "osc", "rdma"}));
  EXPECT_TRUE(says(osc, {"--mca", "pml", "ucx"}));
  EXPECT_THAT(osc.argv, Not(Contains("osc")));
}

TEST(MpirunCommand, TurnsOffSingleCopyWhereTheKernelRefusesIt) {
  MpirunRequest request = two_nodes();
  request.single_copy = false;
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi4, request, {}),
                   {"--mca", "btl_vader_single_copy_mechanism", "none"}));
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi5, request, {}), {"--mca", "smsc", "^cma"}));
}

TEST(MpirunCommand, LetsRanksShareCores) {
  MpirunRequest request = two_nodes();
  request.bind_to = "none";
  request.oversubscribe = true;
  request.yield_when_idle = true;
  const auto command = mpirun_command(Dialect::kOpenMpi4, request, {});
  EXPECT_TRUE(says(command, {"--bind-to", "none"}));
  EXPECT_THAT(command.argv, Contains("--oversubscribe"));
  EXPECT_TRUE(says(command, {"--mca", "mpi_yield_when_idle", "1"}));
}

TEST(MpirunCommand, PlacesRanksAsTheRequestSays) {
  MpirunRequest request = two_nodes();
  request.map_by = "ppr:2:numa:pe=2";
  request.bind_to = "hwthread";
  request.placement_reason = "two ranks on each of 2 NUMA domains";
  for (auto dialect : {Dialect::kOpenMpi4, Dialect::kOpenMpi5}) {
    const auto command = mpirun_command(dialect, request, {});
    EXPECT_TRUE(says(command, {"--map-by", "ppr:2:numa:pe=2", "--bind-to", "hwthread"}));
    EXPECT_EQ(reason_for(command, "--map-by ppr:2:numa:pe=2"), request.placement_reason);
    EXPECT_EQ(reason_for(command, "--bind-to hwthread"), request.placement_reason);
  }
  request.map_by = "slot";
  request.bind_to = "none";
  const auto command = mpirun_command(Dialect::kOpenMpi4, request, {});
  EXPECT_EQ(reason_for(command, "--map-by slot"), "ranks fill the nodes in the hostfile's order");
  EXPECT_EQ(reason_for(command, "--bind-to none"), request.placement_reason);
}

TEST(MpirunCommand, StartsDaemonsThroughTheWrapper) {
  MpirunRequest request = two_nodes();
  request.daemon_wrapper = {"/libexec/shipyard-source", "/opt/init.sh"};
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi4, request, {}),
                   {"--mca", "orte_launch_agent", "/libexec/shipyard-source /opt/init.sh orted"}));
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi5, request, {}),
                   {"--prtemca", "prte_launch_agent", "/libexec/shipyard-source /opt/init.sh prted"}));
}

TEST(MpirunCommand, TagsOutputAndForwardsStandardInputWhenAsked) {
  MpirunRequest request = two_nodes();
  request.tag_output = true;
  request.forward_stdin = true;
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi4, request, {}), {"--tag-output", "--stdin", "0"}));
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi5, request, {}), {"--output", "tag", "--stdin", "0"}));
}

TEST(MpirunCommand, PutsTheUsersArgumentsLastBeforeTheProgram) {
  MpirunRequest request = two_nodes();
  request.arguments = {"--report-bindings", "--mca", "btl", "self,tcp"};
  EXPECT_TRUE(
      says(mpirun_command(Dialect::kOpenMpi4, request, {}),
           {"-x", "PATH", "--report-bindings", "--mca", "btl", "self,tcp", "/libexec/shipyard-rank"}));
}

TEST(MpirunCommand, LeavesAloneWhatTheUserSetByVariable) {
  const auto user = user_settings(environment_with({{"OMPI_MCA_plm_rsh_agent", "rsh"},
                                                    {"OMPI_MCA_oob_tcp_if_include", "ib0"},
                                                    {"OMPI_MCA_btl_tcp_if_include", "ib0"},
                                                    {"OMPI_MCA_hwloc_base_binding_policy", "socket"},
                                                    {"OMPI_MCA_rmaps_base_mapping_policy", "node"}}),
                                  {});
  const auto command = mpirun_command(Dialect::kOpenMpi4, two_nodes(), user);
  for (const char* word :
       {"plm_rsh_agent", "oob_tcp_if_include", "btl_tcp_if_include", "--bind-to", "--map-by"}) {
    EXPECT_THAT(command.argv, Not(Contains(word)));
  }
  EXPECT_THAT(command.argv, Contains("oob_tcp_disable_ipv6_family"));
  EXPECT_EQ(reason_for(command, "plm_rsh_agent ssh -F /tmp/r/ssh_config"), kLeftAlone);
  EXPECT_EQ(reason_for(command, "--bind-to core"), kLeftAlone);
  EXPECT_EQ(reason_for(command, "--map-by slot"), kLeftAlone);
}

TEST(MpirunCommand, LeavesAloneWhatTheUserSetForPrrte) {
  const auto user = user_settings(environment_with({{"PRTE_MCA_plm_ssh_agent", "rsh"},
                                                    {"PRTE_MCA_prte_if_include", "ib0"},
                                                    {"PRTE_MCA_hwloc_default_binding_policy", "package"},
                                                    {"PRTE_MCA_rmaps_default_mapping_policy", "node"}}),
                                  {});
  const auto command = mpirun_command(Dialect::kOpenMpi5, two_nodes(), user);
  for (const char* word : {"plm_ssh_agent", "prte_if_include", "--bind-to", "--map-by"}) {
    EXPECT_THAT(command.argv, Not(Contains(word)));
  }
  // 5.0 does not read the name that 4.1 has for the same thing, so that is no word of the user's on it.
  EXPECT_TRUE(says(mpirun_command(Dialect::kOpenMpi5, two_nodes(),
                                  user_settings(environment_with({{"OMPI_MCA_plm_rsh_agent", "rsh"}}), {})),
                   {"--prtemca", "plm_ssh_agent", "ssh -F /tmp/r/ssh_config"}));
}

TEST(MpirunCommand, LeavesAloneWhatTheUserSetByArgument) {
  MpirunRequest request = two_nodes();
  request.arguments = {"--mca", "plm_rsh_agent", "rsh", "-bind-to",  "socket", "--map-by", "node", "-np",
                       "4",     "--wd",          "/w",  "-hostfile", "/mine"};
  const auto command = mpirun_command(Dialect::kOpenMpi4, request, user_settings({}, request.arguments));
  EXPECT_EQ(std::count(command.argv.begin(), command.argv.end(), "plm_rsh_agent"), 1);
  for (const char* word : {"--bind-to", "--wdir", "--hostfile"}) {
    EXPECT_THAT(command.argv, Not(Contains(word)));
  }
  EXPECT_EQ(std::count(command.argv.begin(), command.argv.end(), "-np"), 1);
  EXPECT_EQ(std::count(command.argv.begin(), command.argv.end(), "--map-by"), 1);
  EXPECT_EQ(reason_for(command, "-np 8"), kLeftAlone);
  EXPECT_EQ(reason_for(command, "--bind-to core"), kLeftAlone);
}

// Other spellings that mpirun has for the same thing: with ours beside them it would refuse to start.
TEST(MpirunCommand, KnowsTheOtherSpellingsOfMpirunsOptions) {
  struct Case {
    Words arguments;
    const char* silent;
  };
  for (const Case& one : {Case{{"-n", "4"}, "-np"}, Case{{"-c", "4"}, "-np"}, Case{{"--n", "4"}, "-np"},
                          Case{{"-machinefile", "/mine"}, "--hostfile"}, Case{{"-N", "2"}, "--map-by"},
                          Case{{"--npernode", "2"}, "--map-by"}, Case{{"--bynode"}, "--map-by"},
                          Case{{"--rankfile", "/mine"}, "--map-by"}, Case{{"-rf", "/mine"}, "--map-by"},
                          Case{{"--bind-to-none"}, "--bind-to"}, Case{{"-wd", "/w"}, "--wdir"}}) {
    MpirunRequest request = two_nodes();
    request.arguments = one.arguments;
    const auto command = mpirun_command(Dialect::kOpenMpi4, request, user_settings({}, one.arguments));
    EXPECT_THAT(command.argv, Not(Contains(one.silent))) << one.arguments[0];
  }
}

TEST(UserPlacesRanks, SeesEachWayToSaySo) {
  const auto places = [](Dialect dialect, const char* variable, const Words& arguments) {
    return user_places_ranks(
        dialect,
        user_settings(variable == nullptr ? Environment() : environment_with({{variable, "x"}}), arguments));
  };
  EXPECT_FALSE(places(Dialect::kOpenMpi4, nullptr, {}));
  EXPECT_FALSE(places(Dialect::kOpenMpi4, "OMPI_MCA_btl", {"--report-bindings", "-np", "2"}));
  EXPECT_TRUE(places(Dialect::kOpenMpi4, "OMPI_MCA_rmaps_base_mapping_policy", {}));
  EXPECT_TRUE(places(Dialect::kOpenMpi4, "OMPI_MCA_hwloc_base_binding_policy", {}));
  EXPECT_TRUE(places(Dialect::kOpenMpi4, nullptr, {"--mca", "hwloc_base_binding_policy", "none"}));
  EXPECT_TRUE(places(Dialect::kOpenMpi4, nullptr, {"-bind-to-none"}));
  EXPECT_TRUE(places(Dialect::kOpenMpi5, nullptr, {"--rankfile", "f"}));
  EXPECT_TRUE(places(Dialect::kOpenMpi5, "PRTE_MCA_hwloc_default_binding_policy", {}));
  EXPECT_FALSE(places(Dialect::kOpenMpi5, "PRTE_MCA_hwloc_base_binding_policy", {}));
}

TEST(UserSettings, ReadsVariablesAndArguments) {
  const auto user = user_settings(
      environment_with({{"OMPI_MCA_btl", "self"}, {"PRTE_MCA_a", "1"}, {"PMIX_MCA_b", "1"}, {"OMPI_X", "1"}}),
      {"--mca", "pml", "ucx", "--prtemca", "c", "1", "-gmca", "d", "1", "--pmixmca", "e", "1", "--bind-to",
       "core", "--mca"});
  EXPECT_THAT(user.parameters, UnorderedElementsAre("btl", "a", "b", "pml", "c", "d", "e"));
  EXPECT_THAT(user.flags, IsSupersetOf({"mca", "prtemca", "gmca", "pmixmca", "bind-to"}));
}

}  // namespace
}  // namespace shipyard::mpi
