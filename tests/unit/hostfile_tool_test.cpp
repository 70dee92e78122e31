#include "hostfile/tool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::hostfile {
namespace {

using ::shipyard::testing::TemporaryDirectory;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int status;
  std::string output;
  std::string errors;

  bool operator==(const Outcome&) const = default;
  friend std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
    return stream << "status " << outcome.status << "\nstdout: " << outcome.output
                  << "\nstderr: " << outcome.errors;
  }
};

Environment environment_of(std::map<std::string, std::string, std::less<>> variables) {
  Environment environment;
  environment.variables = std::move(variables);
  environment.working_directory = "/some/dir";
  environment.user_id = 4'000'000'000U;  // nobody of /etc/passwd
  return environment;
}

Environment on_batch() { return environment_of({{"AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5"}}); }

Outcome tool(const std::vector<std::string>& arguments, const Environment& environment = on_batch()) {
  std::ostringstream output;
  std::ostringstream errors;
  const int status = run_main(arguments, environment, output, errors);
  return {status, output.str(), errors.str()};
}

TEST(Tool, WritesTheOpenMpiHostfileOfTheBatchTaskByDefault) {
  EXPECT_EQ(tool({}), (Outcome{0, "10.0.0.4 slots=1\n10.0.0.5 slots=1\n", ""}));
}

TEST(Tool, WritesEachFormat) {
  EXPECT_EQ(tool({"--format", "openmpi", "--slots", "4"}),
            (Outcome{0, "10.0.0.4 slots=4\n10.0.0.5 slots=4\n", ""}));
  EXPECT_EQ(tool({"--format=hydra", "--slots=4"}), (Outcome{0, "10.0.0.4:4\n10.0.0.5:4\n", ""}));
  EXPECT_THAT(tool({"--format", "ssh-config"}).output, StartsWith("Host 10.0.0.*\n  Port 23\n"));
  EXPECT_EQ(nlohmann::json::parse(tool({"--format", "json"}).output).at("origin"), "AZ_BATCH_HOST_LIST");
}

TEST(Tool, PrefersAListOfTheUsersToTheOneOfBatch) {
  EXPECT_EQ(tool({"--hosts", "node1:2,node2"}), (Outcome{0, "node1 slots=2\nnode2 slots=1\n", ""}));
  TemporaryDirectory directory;
  const auto file = directory.write("hosts.txt", "node3 slots=3 max_slots=5\n");
  EXPECT_EQ(tool({"--hostfile", file}), (Outcome{0, "node3 slots=3 max_slots=5\n", ""}));
}

TEST(Tool, SlotsOfTheCommandLineWinOverThoseOfTheInput) {
  TemporaryDirectory directory;
  const auto file = directory.write("hosts.txt", "node3 slots=3 max_slots=5\nnode4\n");
  EXPECT_EQ(tool({"--hostfile", file, "--slots", "8"}), (Outcome{0, "node3 slots=8\nnode4 slots=8\n", ""}));
}

TEST(Tool, RefusesTwoInputs) {
  EXPECT_EQ(tool({"--hosts", "a", "--hostfile", "b"}),
            (Outcome{2, "",
                     "shipyard-hostfile: error: --hosts and --hostfile are both given\n"
                     "hint: give the one that is meant\n"}));
}

TEST(Tool, SaysWhereAListCouldComeFrom) {
  EXPECT_EQ(
      tool({}, environment_of({})),
      (Outcome{
          2, "",
          "shipyard-hostfile: error: no host list: AZ_BATCH_HOST_LIST, AZ_BATCH_NODE_LIST and CCP_NODES "
          "are not set\n"
          "hint: Azure Batch sets them in a multi-instance task; elsewhere give --hosts or --hostfile\n"}));
}

TEST(Tool, ShowsTheFaultInTheInput) {
  EXPECT_EQ(
      tool({}, environment_of({{"AZ_BATCH_HOST_LIST", "10.0.0.4,10.0.0.5,10.0.0;rm"}})),
      (Outcome{2, "",
               "shipyard-hostfile: error: AZ_BATCH_HOST_LIST: entry 3 is not an IP address or host name\n"
               "  10.0.0.4,10.0.0.5,10.0.0;rm\n"
               "                          ^\n"
               "hint: entries are separated by commas, as Azure Batch writes them\n"}));
}

TEST(Tool, ExitsWithOneWhereAFileIsNotThere) {
  EXPECT_EQ(
      tool({"--hostfile", "/nonexistent"}),
      (Outcome{1, "", "shipyard-hostfile: error: cannot read /nonexistent: No such file or directory\n"}));
}

TEST(Tool, RefusesValuesOutOfRangeAndUnknownFormats) {
  EXPECT_EQ(
      tool({"--slots", "0"}),
      (Outcome{2, "", "shipyard-hostfile: error: --slots: '0' is not a whole number from 1 to 1000000\n"}));
  EXPECT_EQ(
      tool({"--ssh-port", "65536"}),
      (Outcome{2, "",
               "shipyard-hostfile: error: --ssh-port: '65536' is not a whole number from 1 to 65535\n"}));
  EXPECT_EQ(
      tool({"--format", "hydr"}),
      (Outcome{2, "",
               "shipyard-hostfile: error: --format: 'hydr' is none of openmpi, hydra, ssh-config, json\n"
               "hint: did you mean 'hydra'?\n"}));
  EXPECT_EQ(tool({"--fromat", "hydra"}),
            (Outcome{2, "",
                     "shipyard-hostfile: error: unknown option '--fromat'\n"
                     "hint: did you mean '--format'? Try 'shipyard-hostfile --help'\n"}));
  EXPECT_EQ(tool({"node1"}), (Outcome{2, "",
                                      "shipyard-hostfile: error: unexpected argument 'node1'\n"
                                      "hint: Try 'shipyard-hostfile --help'\n"}));
}

TEST(Tool, HandsTheSshOptionsOn) {
  const auto outcome = tool({"--format", "ssh-config", "--ssh-port", "2222", "--ssh-host-pattern", "10.*",
                             "--ssh-host-pattern", "!10.9.*", "--ssh-user", "alice", "--ssh-key", "keys/id"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, StartsWith("Host 10.* !10.9.*\n"
                                         "  Port 2222\n"
                                         "  User alice\n"
                                         "  IdentityFile \"/some/dir/keys/id\"\n"
                                         "  IdentitiesOnly yes\n"));
}

TEST(Tool, WritesTheOutputFileWithItsMode) {
  TemporaryDirectory directory;
  const auto mode = [](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777U;
  };
  EXPECT_EQ(tool({"-o", directory.path("hostfile")}), (Outcome{0, "", ""}));
  EXPECT_EQ(directory.read("hostfile"), "10.0.0.4 slots=1\n10.0.0.5 slots=1\n");
  EXPECT_EQ(mode(directory.path("hostfile")), 0644U);
  EXPECT_EQ(tool({"--format", "ssh-config", "--output", directory.path("config")}).status, 0);
  EXPECT_EQ(mode(directory.path("config")), 0600U);
}

TEST(Tool, WritesNothingWhereTheInputIsWrong) {
  TemporaryDirectory directory;
  auto environment = environment_of({{"AZ_BATCH_HOST_LIST", "10.0.0.4,"}, {"HOME", directory.path()}});
  EXPECT_EQ(tool({"-o", directory.path("hostfile"), "--install-ssh-config"}, environment).status, 2);
  environment.variables["AZ_BATCH_HOST_LIST"] = "fd00::4";
  EXPECT_EQ(
      tool({"--format", "hydra", "-o", directory.path("hostfile"), "--install-ssh-config"}, environment),
      (Outcome{2, "",
               "shipyard-hostfile: error: a Hydra hostfile cannot hold the IPv6 address fd00::4\n"
               "hint: give the node's IPv4 address or its host name\n"}));
  EXPECT_EQ(tool({"--ssh-host-pattern", "*", "-o", directory.path("hostfile")}, environment).status, 2);
  EXPECT_EQ(directory.entries(), 0U);
}

TEST(Tool, ReportsAnOutputThatCannotBeWritten) {
  EXPECT_EQ(
      tool({"-o", "/nonexistent/hostfile"}),
      (Outcome{1, "",
               "shipyard-hostfile: error: cannot write /nonexistent/hostfile: No such file or directory\n"}));
  std::ostringstream output;
  std::ostringstream errors;
  output.setstate(std::ios::badbit);
  EXPECT_EQ(run_main({}, on_batch(), output, errors), 1);
  EXPECT_EQ(errors.str(), "shipyard-hostfile: error: cannot write to standard output\n");
}

TEST(Tool, InstallsTheSshConfigBesideTheHostfile) {
  TemporaryDirectory home;
  auto environment = on_batch();
  environment.variables["HOME"] = home.path();
  EXPECT_EQ(tool({"--install-ssh-config", "--slots", "2"}, environment),
            (Outcome{0, "10.0.0.4 slots=2\n10.0.0.5 slots=2\n",
                     "shipyard-hostfile: note: the ssh settings of the nodes are in " +
                         home.path(".ssh/config") + "\n"}));
  EXPECT_THAT(home.read(".ssh/config"), StartsWith("# BEGIN shipyard-mpirun\n"));
  EXPECT_THAT(home.read(".ssh/config"), HasSubstr("\nHost 10.0.0.*\n  Port 23\n"));
  EXPECT_EQ(tool({"--install-ssh-config", "-q"}, environment).errors, "");

  EXPECT_EQ(tool({"--remove-ssh-config"}, environment),
            (Outcome{0, "",
                     "shipyard-hostfile: note: the ssh settings of the nodes are no longer in " +
                         home.path(".ssh/config") + "\n"}));
  EXPECT_EQ(home.read(".ssh/config"), "");
  EXPECT_EQ(tool({"--remove-ssh-config"}, environment),
            (Outcome{0, "",
                     "shipyard-hostfile: note: the ssh settings of the nodes are not in " +
                         home.path(".ssh/config") + "\n"}));
}

TEST(Tool, WarnsWhereSshReadsAnotherHome) {
  TemporaryDirectory home;
  auto environment = on_batch();
  environment.variables["HOME"] = home.path();
  environment.user_id = 0;
  EXPECT_EQ(
      tool({"--install-ssh-config", "--hosts", "a"}, environment).errors,
      "shipyard-hostfile: note: the ssh settings of the nodes are in " + home.path(".ssh/config") +
          "\n"
          "shipyard-hostfile: warning: ssh will read /root/.ssh/config and not this file: HOME is not this "
          "user's home\n");
}

TEST(Tool, WritesNothingWhereThereIsNoHome) {
  TemporaryDirectory directory;
  for (const char* home : {"", "relative"}) {
    auto environment = on_batch();
    environment.variables["HOME"] = home;
    EXPECT_EQ(
        tool({"--install-ssh-config", "-o", directory.path("hostfile")}, environment),
        (Outcome{
            2, "",
            "shipyard-hostfile: error: HOME is not set to a directory\n"
            "hint: write the ssh config to a file (--format ssh-config -o FILE) and use ssh -F FILE\n"}));
  }
  EXPECT_EQ(directory.entries(), 0U);
}

TEST(Tool, LeavesABrokenBlockAndTheOutputUnwritten) {
  TemporaryDirectory home;
  std::filesystem::create_directory(home.path(".ssh"));
  home.write(".ssh/config", "# END shipyard-mpirun\n");
  auto environment = on_batch();
  environment.variables["HOME"] = home.path();
  EXPECT_EQ(tool({"--install-ssh-config", "-o", home.path("hostfile")}, environment).status, 2);
  EXPECT_EQ(home.entries(), 1U);
  EXPECT_EQ(home.read(".ssh/config"), "# END shipyard-mpirun\n");
}

TEST(Tool, PrintsHelpWithinEightyColumnsAndTheVersion) {
  const auto help = tool({"--help"}, environment_of({}));
  EXPECT_EQ(help.status, 0);
  EXPECT_EQ(help.errors, "");
  EXPECT_THAT(help.output, StartsWith("Usage: shipyard-hostfile [options]\n"));
  std::istringstream lines(help.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(tool({"--version"}, environment_of({})),
            (Outcome{0, "shipyard-hostfile " SHIPYARD_VERSION "\n", ""}));
}

}  // namespace
}  // namespace shipyard::hostfile
