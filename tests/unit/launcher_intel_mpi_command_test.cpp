#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/mpi/mpirun_command.hpp"

namespace shipyard::mpi {
namespace {

using testing::Contains;
using testing::Not;

using Words = std::vector<std::string>;

constexpr const char* kLeftAlone = "left alone: you have set it yourself";

MpirunRequest two_nodes() {
  return {.mpirun = "/opt/intel/oneapi/mpi/2021.11/bin/mpiexec.hydra",
          .as_root = true,
          .nodes = 2,
          .ranks = 8,
          .hostfile = "/tmp/r/hostfile",
          .bind_to = "none",
          .placement_reason = "shipyard-rank binds each rank",
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
  return mpirun_command(Dialect::kIntelMpi, request, user);
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

TEST(IntelMpiCommand, IsGolden) {
  const auto command = command_of(two_nodes());
  EXPECT_EQ(command.argv,
            (Words{"/opt/intel/oneapi/mpi/2021.11/bin/mpiexec.hydra",
                   "-machinefile",
                   "/tmp/r/hostfile",
                   "-bootstrap",
                   "ssh",
                   "-bootstrap-exec",
                   "/libexec/shipyard-ssh",
                   "-localhost",
                   "10.0.0.4",
                   "-iface",
                   "eth0",
                   "-genvlist",
                   "FI_TCP_IFACE,I_MPI_FABRICS,I_MPI_OFI_PROVIDER,I_MPI_PIN,OMP_NUM_THREADS,PATH",
                   "-np",
                   "8",
                   "-wdir",
                   "/",
                   "/libexec/shipyard-rank",
                   "--directory",
                   "/w",
                   "--",
                   "/app",
                   "-n",
                   "a b"}));
  const std::map<std::string, std::string> expected{
      {"FI_TCP_IFACE", "eth0"},
      {"I_MPI_FABRICS", "shm:ofi"},
      {"I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS", "-F /tmp/r/ssh_config"},
      {"I_MPI_HYDRA_BRANCH_COUNT", "2"},
      {"I_MPI_JOB_SIGNAL_PROPAGATION", "on"},
      {"I_MPI_OFI_PROVIDER", "tcp"},
      {"I_MPI_PIN", "off"},
      {"zzzz_last_for_hydra", "1"}};
  EXPECT_EQ(command.environment, expected);
}

TEST(IntelMpiCommand, OnOneMachineSaysNothingOfNetworksAndSsh) {
  const MpirunRequest request{
      .mpirun = "/b/mpiexec.hydra", .ranks = 2, .hostfile = "/h", .bind_to = "none", .program = {"/app"}};
  const auto command = command_of(request);
  EXPECT_EQ(command.argv, (Words{"/b/mpiexec.hydra", "-machinefile", "/h", "-genvlist", "I_MPI_PIN", "-np",
                                 "2", "-wdir", "/", "/app"}));
  EXPECT_EQ(command.environment,
            (std::map<std::string, std::string>{
                {"I_MPI_JOB_SIGNAL_PROPAGATION", "on"}, {"I_MPI_PIN", "off"}, {"zzzz_last_for_hydra", "1"}}));
}

TEST(IntelMpiCommand, HasAReasonForEachSetting) {
  const auto command = command_of(two_nodes());
  for (const char* what :
       {"-machinefile /tmp/r/hostfile", "-np 8", "-wdir /", "-bootstrap ssh",
        "-bootstrap-exec /libexec/shipyard-ssh", "-localhost 10.0.0.4", "-iface eth0", "I_MPI_PIN off",
        "I_MPI_FABRICS shm:ofi", "I_MPI_OFI_PROVIDER tcp", "FI_TCP_IFACE eth0", "I_MPI_HYDRA_BRANCH_COUNT 2",
        "I_MPI_JOB_SIGNAL_PROPAGATION on", "-genvlist"}) {
    EXPECT_THAT(reason_for(command, what), Not(testing::AnyOf("no reason", "", kLeftAlone))) << what;
  }
  EXPECT_EQ(reason_for(command, "I_MPI_PIN off"), "shipyard-rank binds each rank");
}

TEST(IntelMpiCommand, GoesByUcxWhereThereIsInfiniBand) {
  MpirunRequest request = two_nodes();
  request.infiniband = true;
  const auto command = command_of(request);
  EXPECT_EQ(command.environment.at("I_MPI_OFI_PROVIDER"), "mlx");
  EXPECT_FALSE(command.environment.contains("FI_TCP_IFACE"));
  // Proxies still go by Ethernet.
  EXPECT_TRUE(says(command, {"-iface", "eth0"}));
}

TEST(IntelMpiCommand, StartsAllNodesFromThisOne) {
  MpirunRequest request = two_nodes();
  request.nodes = 100;
  EXPECT_EQ(command_of(request).environment.at("I_MPI_HYDRA_BRANCH_COUNT"), "100");
}

TEST(IntelMpiCommand, PutsTheUsersArgumentsBeforeLocalOptions) {
  MpirunRequest request = two_nodes();
  request.arguments = {"-print-rank-map"};
  request.daemon_wrapper = {"/libexec/shipyard-source", "/opt/vars.sh"};
  request.tag_output = true;
  const auto command = command_of(request);
  EXPECT_TRUE(says(command, {"-print-rank-map", "-np", "8", "-wdir", "/", "/libexec/shipyard-source",
                             "/opt/vars.sh", "/libexec/shipyard-rank"}));
  EXPECT_THAT(command.argv, Contains("-prepend-rank"));
}

TEST(IntelMpiCommand, LeavesAloneWhatTheUserSays) {
  struct Case {
    Words arguments;
    const char* silent;
  };
  for (const Case& one : {Case{{"-n", "4"}, "-np"}, Case{{"-machine", "/mine"}, "-machinefile"},
                          Case{{"-f", "/mine"}, "-machinefile"}, Case{{"-hosts", "a,b"}, "-machinefile"},
                          Case{{"-gwdir", "/w"}, "-wdir"}, Case{{"-bootstrap", "rsh"}, "-bootstrap"},
                          Case{{"-launcher", "rsh"}, "-bootstrap-exec"},
                          Case{{"-bootstrap-exec", "/x"}, "/libexec/shipyard-ssh"},
                          Case{{"-iface", "eth1"}, "-iface"}, Case{{"-localhost", "here"}, "-localhost"},
                          Case{{"-l"}, "-prepend-rank"}, Case{{"-genvall"}, "-genvlist"}}) {
    MpirunRequest request = two_nodes();
    request.tag_output = true;
    EXPECT_THAT(command_of(request, user_with({}, one.arguments)).argv, Not(Contains(one.silent)))
        << one.arguments[0];
  }
}

TEST(IntelMpiCommand, LeavesAloneWhatTheUserSetByVariable) {
  for (const auto& [variable, silent] :
       std::map<std::string, const char*>{{"I_MPI_HYDRA_HOST_FILE", "-machinefile"},
                                          {"I_MPI_HYDRA_HOSTS_GROUP", "-machinefile"},
                                          {"I_MPI_HYDRA_BOOTSTRAP", "-bootstrap-exec"},
                                          {"I_MPI_HYDRA_BOOTSTRAP_EXEC", "/libexec/shipyard-ssh"},
                                          {"I_MPI_HYDRA_IFACE", "-iface"}}) {
    EXPECT_THAT(command_of(two_nodes(), user_with({{variable, "x"}})).argv, Not(Contains(silent)))
        << variable;
  }
  for (const char* variable : {"I_MPI_FABRICS", "I_MPI_OFI_PROVIDER", "FI_TCP_IFACE",
                               "I_MPI_HYDRA_BRANCH_COUNT", "I_MPI_JOB_SIGNAL_PROPAGATION", "I_MPI_PIN"}) {
    EXPECT_FALSE(command_of(two_nodes(), user_with({{variable, "x"}})).environment.contains(variable))
        << variable;
    EXPECT_FALSE(
        command_of(two_nodes(), user_with({}, {"-genv", variable, "x"})).environment.contains(variable))
        << variable;
    MpirunRequest exporting = two_nodes();
    exporting.variables.emplace_back(variable, "-x");
    EXPECT_FALSE(command_of(exporting).environment.contains(variable)) << variable;
  }
  EXPECT_FALSE(command_of(two_nodes(), user_with({{"FI_PROVIDER", "efa"}}))
                   .environment.contains("I_MPI_OFI_PROVIDER"));
  EXPECT_FALSE(command_of(two_nodes(), user_with({}, {"-branch-count", "4"}))
                   .environment.contains("I_MPI_HYDRA_BRANCH_COUNT"));
}

TEST(IntelMpiCommand, LeavesPinningToWhoSaysSomethingOfIt) {
  for (const char* variable :
       {"I_MPI_PIN", "I_MPI_PIN_DOMAIN", "I_MPI_PIN_PROCESSOR_LIST", "I_MPI_PERHOST"}) {
    const auto user = user_with({{variable, "x"}});
    const auto command = command_of(two_nodes(), user);
    EXPECT_FALSE(command.environment.contains("I_MPI_PIN")) << variable;
    EXPECT_EQ(reason_for(command, "I_MPI_PIN off"), kLeftAlone) << variable;
    EXPECT_TRUE(user_places_ranks(Dialect::kIntelMpi, user)) << variable;
  }
  for (const char* flag : {"-ppn", "-perhost", "-grr", "-rr", "-binding", "-nolocal"})
    EXPECT_TRUE(user_places_ranks(Dialect::kIntelMpi, user_with({}, {flag}))) << flag;
  EXPECT_FALSE(user_places_ranks(Dialect::kIntelMpi, user_with({{"I_MPI_DEBUG", "5"}}, {"-l", "-np", "2"})));
  // Where ranks are placed by Intel MPI and not bound by us, it pins as it likes.
  MpirunRequest request = two_nodes();
  request.bind_to = "core";
  EXPECT_FALSE(command_of(request).environment.contains("I_MPI_PIN"));
}

TEST(IntelMpiCommand, PutsTheUsersSshArgumentsBehindOurs) {
  const auto with = [](const char* variable) {
    return command_of(two_nodes(),
                      user_with({{"I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS", "-p 24"}, {variable, "rsh"}}))
        .environment;
  };
  EXPECT_EQ(with("X").at("I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS"), "-F /tmp/r/ssh_config -p 24");
  EXPECT_FALSE(with("I_MPI_HYDRA_BOOTSTRAP").contains("I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS"));
}

TEST(IntelMpiCommand, KnowsWhoDirectsTheOutput) {
  for (const char* flag :
       {"-l", "-prepend-rank", "-prepend-pattern", "-outfile-pattern", "-errfile-pattern", "-ordered-output"})
    EXPECT_TRUE(user_directs_output(Dialect::kIntelMpi, user_with({}, {flag}))) << flag;
  EXPECT_FALSE(user_directs_output(Dialect::kIntelMpi, user_with({}, {"-v"})));
}

TEST(IntelMpiCommand, RefusesWhatWouldTakeItsPartsAway) {
  const auto refusal = [](const char* flag) {
    const auto checked = check_request(Dialect::kIntelMpi, two_nodes(), user_with({}, {flag}));
    return checked ? std::string("accepted") : checked.error().message;
  };
  EXPECT_EQ(
      refusal("-genvnone"),
      "--mpi-arg -genvnone: shipyard-mpirun itself says which variables go to the ranks, and mpirun takes "
      "only one such option");
  EXPECT_EQ(refusal("-bootstrap-exec-args"),
            "--mpi-arg -bootstrap-exec-args: shipyard-mpirun itself says what ssh gets");
  EXPECT_EQ(refusal("-genvall"), "accepted");
}

}  // namespace
}  // namespace shipyard::mpi
