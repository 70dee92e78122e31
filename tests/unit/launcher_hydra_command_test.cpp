#include "launcher/mpi/mpirun_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shipyard::mpi {
namespace {

using testing::Contains;
using testing::Not;

using Words = std::vector<std::string>;

constexpr const char* kLeftAlone = "left alone: you have set it yourself";

MpirunRequest two_nodes() {
  return {.mpirun = "/usr/bin/mpirun",
          .as_root = true,
          .nodes = 2,
          .ranks = 8,
          .hostfile = "/tmp/r/hostfile",
          .bind_to = "none",
          .oversubscribe = true,
          .yield_when_idle = true,
          .single_copy = false,
          .ssh_config = "/tmp/r/ssh_config",
          .subnet = "10.0.0.0/24",
          .interface = "eth0",
          .own_address = "10.0.0.4",
          .ssh_program = "/libexec/shipyard-ssh",
          .variables = {{"OMP_NUM_THREADS", "forwarded"}, {"PATH", "forwarded"}},
          .program = {"/libexec/shipyard-rank", "--directory", "/w", "--", "/app", "-n", "a b"}};
}

UserSettings user_with(std::map<std::string, std::string, std::less<>> variables,
                       const Words& arguments = {}) {
  Environment environment;
  environment.variables = std::move(variables);
  return user_settings(environment, arguments);
}

MpirunCommand command_of(const MpirunRequest& request, const UserSettings& user = {}) {
  return mpirun_command(Dialect::kHydra, request, user);
}

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

TEST(HydraCommand, IsGolden) {
  const auto command = command_of(two_nodes());
  EXPECT_EQ(command.argv, (Words{"/usr/bin/mpirun",
                                 "-f",
                                 "/tmp/r/hostfile",
                                 "-np",
                                 "8",
                                 "-bind-to",
                                 "none",
                                 "-wdir",
                                 "/",
                                 "-launcher",
                                 "ssh",
                                 "-launcher-exec",
                                 "/libexec/shipyard-ssh",
                                 "-localhost",
                                 "10.0.0.4",
                                 "-genv",
                                 "UCX_NET_DEVICES",
                                 "eth0",
                                 "-genv",
                                 "FI_TCP_IFACE",
                                 "eth0",
                                 "-genvlist",
                                 "OMP_NUM_THREADS,PATH",
                                 "/libexec/shipyard-rank",
                                 "--directory",
                                 "/w",
                                 "--",
                                 "/app",
                                 "-n",
                                 "a b"}));
  const std::map<std::string, std::string> expected{{"HYDRA_LAUNCHER_EXTRA_ARGS", "-F /tmp/r/ssh_config"},
                                                    {"zzzz_last_for_hydra", "1"}};
  EXPECT_EQ(command.environment, expected);
}

TEST(HydraCommand, OnOneMachineSaysNothingOfNetworksAndSsh) {
  const MpirunRequest request{
      .mpirun = "/usr/bin/mpirun", .ranks = 2, .hostfile = "/h", .bind_to = "none", .program = {"/app"}};
  const auto command = command_of(request);
  EXPECT_EQ(command.argv,
            (Words{"/usr/bin/mpirun", "-f", "/h", "-np", "2", "-bind-to", "none", "-wdir", "/", "/app"}));
  EXPECT_TRUE(command.environment.empty());
}

TEST(HydraCommand, HasAReasonForEachOption) {
  const auto command = command_of(two_nodes());
  for (const char* what : {"-f /tmp/r/hostfile", "-np 8", "-bind-to none", "-wdir /", "-launcher ssh",
                           "-launcher-exec /libexec/shipyard-ssh", "-localhost 10.0.0.4",
                           "UCX_NET_DEVICES eth0", "FI_TCP_IFACE eth0", "-genvlist"}) {
    EXPECT_THAT(reason_for(command, what), Not(testing::AnyOf("no reason", "", kLeftAlone))) << what;
  }
}

TEST(HydraCommand, LeavesTheNetworkToUcxWhereThereIsInfiniBand) {
  MpirunRequest request = two_nodes();
  request.infiniband = true;
  EXPECT_THAT(command_of(request).argv, Not(Contains("-genv")));
}

TEST(HydraCommand, PlacesRanksAsTheRequestSays) {
  MpirunRequest request = two_nodes();
  request.map_by = "numa";
  request.bind_to = "core:4";
  request.placement_reason = "two ranks on each of 2 NUMA domains";
  const auto command = command_of(request);
  EXPECT_TRUE(says(command, {"-bind-to", "core:4", "-map-by", "numa"}));
  EXPECT_EQ(reason_for(command, "-map-by numa"), request.placement_reason);
}

TEST(HydraCommand, SourcesTheScriptInFrontOfEachRank) {
  MpirunRequest request = two_nodes();
  request.daemon_wrapper = {"/libexec/shipyard-source", "/opt/init.sh"};
  EXPECT_TRUE(
      says(command_of(request), {"/libexec/shipyard-source", "/opt/init.sh", "/libexec/shipyard-rank"}));
}

TEST(HydraCommand, TagsOutputAndKeepsStandardInputWithoutAWord) {
  MpirunRequest request = two_nodes();
  const auto plain = command_of(request).argv;
  request.forward_stdin = true;
  EXPECT_EQ(command_of(request).argv, plain);
  request.tag_output = true;
  EXPECT_THAT(command_of(request).argv, Contains("-prepend-rank"));
}

TEST(HydraCommand, PutsTheUsersArgumentsLastBeforeTheProgram) {
  MpirunRequest request = two_nodes();
  request.arguments = {"-print-all-exitcodes"};
  EXPECT_TRUE(
      says(command_of(request), {"OMP_NUM_THREADS,PATH", "-print-all-exitcodes", "/libexec/shipyard-rank"}));
}

// With ours beside them mpirun would refuse: "duplicate setting".
TEST(HydraCommand, LeavesAloneWhatTheUserSays) {
  struct Case {
    Words arguments;
    const char* silent;
  };
  for (const Case& one :
       {Case{{"-n", "4"}, "-np"}, Case{{"-np=4"}, "-np"}, Case{{"-f", "/mine"}, "-f"},
        Case{{"-hosts", "a,b"}, "-f"}, Case{{"--machinefile", "/mine"}, "-f"},
        Case{{"-bind-to", "core"}, "-bind-to"}, Case{{"-binding", "rr"}, "-bind-to"},
        Case{{"-wdir", "/w"}, "-wdir"}, Case{{"-bootstrap", "rsh"}, "-launcher"},
        Case{{"-bootstrap", "rsh"}, "-launcher-exec"},
        Case{{"-launcher-exec", "/x"}, "/libexec/shipyard-ssh"}, Case{{"-iface", "eth1"}, "-localhost"},
        Case{{"-l"}, "-prepend-rank"}, Case{{"-genv", "UCX_NET_DEVICES", "eth1"}, "UCX_NET_DEVICES"},
        Case{{"-env", "FI_TCP_IFACE=eth1"}, "FI_TCP_IFACE"}, Case{{"-genvall"}, "-genvlist"}}) {
    MpirunRequest request = two_nodes();
    request.tag_output = true;
    request.arguments = {};
    const auto command = command_of(request, user_with({}, one.arguments));
    EXPECT_THAT(command.argv, Not(Contains(one.silent))) << one.arguments[0];
  }
}

TEST(HydraCommand, LeavesAloneWhatTheUserSetByVariable) {
  struct Case {
    const char* variable;
    const char* silent;
  };
  for (const Case& one : {Case{"HYDRA_HOST_FILE", "-f"}, Case{"HYDRA_BINDING", "-bind-to"},
                          Case{"HYDRA_LAUNCHER", "-launcher"}, Case{"HYDRA_BOOTSTRAP", "-launcher-exec"},
                          Case{"HYDRA_LAUNCHER_EXEC", "-launcher-exec"}, Case{"HYDRA_IFACE", "-localhost"},
                          Case{"UCX_NET_DEVICES", "UCX_NET_DEVICES"}, Case{"FI_TCP_IFACE", "FI_TCP_IFACE"}}) {
    const auto command = command_of(two_nodes(), user_with({{one.variable, "x"}}));
    EXPECT_THAT(command.argv, Not(Contains(one.silent))) << one.variable;
  }
  EXPECT_EQ(
      reason_for(command_of(two_nodes(), user_with({{"UCX_NET_DEVICES", "ib0"}})), "UCX_NET_DEVICES eth0"),
      kLeftAlone);
}

TEST(HydraCommand, LetsADeviceOfTheUsersThatIsForwardedWin) {
  MpirunRequest request = two_nodes();
  request.variables = {{"UCX_NET_DEVICES", "-x"}};
  EXPECT_FALSE(says(command_of(request), {"-genv", "UCX_NET_DEVICES"}));
}

TEST(HydraCommand, PutsTheUsersSshArgumentsBehindOurs) {
  const auto with = [](const char* variable) {
    return command_of(two_nodes(), user_with({{"HYDRA_LAUNCHER_EXTRA_ARGS", "-p 24"}, {variable, "rsh"}}))
        .environment;
  };
  EXPECT_EQ(with("X").at("HYDRA_LAUNCHER_EXTRA_ARGS"), "-F /tmp/r/ssh_config -p 24");
  // Another launcher would not know what -F is.
  EXPECT_FALSE(with("HYDRA_LAUNCHER").contains("HYDRA_LAUNCHER_EXTRA_ARGS"));
}

TEST(HydraCommand, RefusesWhatWouldKeepVariablesFromTheRanks) {
  for (const char* flag : {"genvlist", "genvnone", "envlist", "envnone"}) {
    const auto checked =
        check_request(Dialect::kHydra, two_nodes(), user_with({}, {std::string("-") + flag}));
    ASSERT_FALSE(checked) << flag;
    EXPECT_EQ(checked.error().message,
              std::string("--mpi-arg -") + flag +
                  ": shipyard-mpirun itself says which variables go to the ranks, and mpirun takes only one "
                  "such option");
  }
  EXPECT_TRUE(check_request(Dialect::kHydra, two_nodes(), user_with({}, {"-genvall", "-genv", "A", "1"})));
  EXPECT_TRUE(check_request(Dialect::kOpenMpi4, two_nodes(), user_with({}, {"-genvlist"})));
}

TEST(HydraCommand, RefusesMoreWordsThanHydraHolds) {
  MpirunRequest request = two_nodes();
  request.program.assign(999, "word");
  EXPECT_TRUE(check_request(Dialect::kHydra, request, {}));
  request.program.emplace_back("word");
  const auto checked = check_request(Dialect::kHydra, request, {});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "the program has more than some 990 arguments, which MPICH's mpirun cannot hold");
  EXPECT_TRUE(check_request(Dialect::kOpenMpi5, request, {}));
}

TEST(UserPlacesRanks, SeesHydrasWaysToSaySo) {
  EXPECT_FALSE(user_places_ranks(Dialect::kHydra, user_with({{"HYDRA_IFACE", "eth0"}}, {"-l", "-np", "2"})));
  for (const char* variable : {"HYDRA_BINDING", "HYDRA_MAPPING"})
    EXPECT_TRUE(user_places_ranks(Dialect::kHydra, user_with({{variable, "core"}}))) << variable;
  for (const char* flag : {"-bind-to", "-binding", "--map-by", "-ppn", "-order-nodes", "-skip-launch-node"})
    EXPECT_TRUE(user_places_ranks(Dialect::kHydra, user_with({}, {flag}))) << flag;
}

}  // namespace
}  // namespace shipyard::mpi
