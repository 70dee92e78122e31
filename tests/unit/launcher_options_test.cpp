#include "launcher/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

namespace shipyard::launcher {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::Pair;

Result<LaunchOptions> parse(std::vector<std::string> arguments,
                            std::map<std::string, std::string, std::less<>> variables = {}) {
  Environment environment;
  environment.variables = std::move(variables);
  return parse_options(arguments, environment);
}

LaunchOptions parsed(std::vector<std::string> arguments,
                     std::map<std::string, std::string, std::less<>> variables = {}) {
  auto options = parse(std::move(arguments), std::move(variables));
  EXPECT_TRUE(options) << (options ? "" : options.error().message);
  return options ? *options : LaunchOptions{};
}

std::string message(std::vector<std::string> arguments,
                    std::map<std::string, std::string, std::less<>> variables = {}) {
  auto options = parse(std::move(arguments), std::move(variables));
  return options ? "accepted" : options.error().message;
}

std::string hint(std::vector<std::string> arguments) {
  auto options = parse(std::move(arguments));
  return options ? "accepted" : options.error().hint;
}

TEST(LaunchOptions, DefaultsNeedAProgramAlone) {
  const auto options = parsed({"./app"});
  EXPECT_THAT(options.program, ElementsAre("./app"));
  EXPECT_FALSE(options.layout.ranks);
  EXPECT_FALSE(options.layout.ranks_per_node);
  EXPECT_FALSE(options.layout.oversubscribe);
  EXPECT_EQ(options.layout.bind_to, topology::BindTo::kCore);
  EXPECT_EQ(options.bind_to_origin, "default");
  EXPECT_FALSE(options.hosts || options.hostfile || options.nodes || options.subnet);
  EXPECT_EQ(options.ssh_port, 23);
  EXPECT_EQ(options.wait, milliseconds(120'000));
  EXPECT_EQ(options.kill_after, milliseconds(5'000));
  EXPECT_FALSE(options.forward_stdin || options.lifeline || options.tag_output || options.dry_run ||
               options.explain || options.json);
  EXPECT_EQ(options.verbosity, Verbosity::kNormal);
}

TEST(LaunchOptions, EveryOptionReachesItsField) {
  const auto options = parsed({"-n",
                               "8",
                               "--ppn",
                               "4",
                               "--bind-to",
                               "none",
                               "--oversubscribe",
                               "--hosts",
                               "10.0.0.4,10.0.0.5",
                               "--nodes",
                               "2",
                               "--ssh-port",
                               "2222",
                               "--ssh-host-pattern",
                               "10.*",
                               "--ssh-host-pattern",
                               "172.16.*",
                               "--ssh-key",
                               "/keys/id",
                               "--ssh-user",
                               "mpi",
                               "--subnet",
                               "10.0.0.0/24",
                               "--wait",
                               "2m",
                               "--mpirun",
                               "/opt/openmpi",
                               "--mpi-env",
                               "/opt/init.sh",
                               "--mpi-arg",
                               "--mca",
                               "--mpi-arg",
                               "btl",
                               "--mpi-arg=self",
                               "-x",
                               "A",
                               "-xB=1",
                               "-x",
                               "C=x=y z",
                               "--wdir",
                               "/work dir",
                               "--stdin",
                               "--tag-output",
                               "--kill-after",
                               "500ms",
                               "--dry-run",
                               "--explain",
                               "--json",
                               "-vv",
                               "./app"});
  EXPECT_EQ(options.layout.ranks->value, 8);
  EXPECT_EQ(options.layout.ranks->origin, "-n");
  EXPECT_EQ(options.layout.ranks_per_node->number, 4);
  EXPECT_EQ(options.layout.ranks_per_node->origin, "--ppn");
  EXPECT_TRUE(options.layout.oversubscribe);
  EXPECT_EQ(options.layout.bind_to, topology::BindTo::kNone);
  EXPECT_EQ(options.bind_to_origin, "--bind-to");
  EXPECT_EQ(options.hosts, "10.0.0.4,10.0.0.5");
  EXPECT_EQ(options.nodes, 2);
  EXPECT_EQ(options.ssh_port, 2222);
  EXPECT_THAT(options.ssh_host_patterns, ElementsAre("10.*", "172.16.*"));
  EXPECT_EQ(options.ssh_key, "/keys/id");
  EXPECT_EQ(options.ssh_user, "mpi");
  EXPECT_EQ(to_string(*options.subnet), "10.0.0.0/24");
  EXPECT_EQ(options.wait, milliseconds(120'000));
  EXPECT_EQ(options.mpirun, "/opt/openmpi");
  EXPECT_EQ(options.mpi_env, "/opt/init.sh");
  EXPECT_THAT(options.mpi_arguments, ElementsAre("--mca", "btl", "self"));
  EXPECT_THAT(options.exports,
              ElementsAre(Pair("A", std::nullopt), Pair("B", std::optional<std::string>("1")),
                          Pair("C", std::optional<std::string>("x=y z"))));
  EXPECT_EQ(options.wdir, "/work dir");
  EXPECT_TRUE(options.forward_stdin);
  EXPECT_TRUE(options.tag_output);
  EXPECT_EQ(options.kill_after, milliseconds(500));
  EXPECT_TRUE(options.dry_run && options.explain && options.json);
  EXPECT_EQ(options.verbosity, Verbosity::kDecisions);
}

TEST(LaunchOptions, TakesNpAsMpirunWritesIt) {
  EXPECT_EQ(parsed({"-np", "8", "./app"}).layout.ranks->value, 8);
  EXPECT_EQ(parsed({"--np", "8", "./app"}).layout.ranks->value, 8);
  EXPECT_EQ(parsed({"-n8", "./app"}).layout.ranks->value, 8);
}

TEST(LaunchOptions, LeavesTheProgramsArgumentsAlone) {
  EXPECT_THAT(parsed({"./app", "-n", "9", "--help", "--", "--unknown", ""}).program,
              ElementsAre("./app", "-n", "9", "--help", "--", "--unknown", ""));
  EXPECT_THAT(parsed({"-n", "2", "--", "-odd-name", "-v"}).program, ElementsAre("-odd-name", "-v"));
  EXPECT_FALSE(parsed({"./app", "-n", "9"}).layout.ranks);
}

TEST(LaunchOptions, VariablesDoWhatOptionsDo) {
  const auto options = parsed({"./app"}, {{"SHIPYARD_N", "6"},
                                          {"SHIPYARD_PPN", "3"},
                                          {"SHIPYARD_BIND_TO", "none"},
                                          {"SHIPYARD_OVERSUBSCRIBE", "1"},
                                          {"SHIPYARD_HOSTS", "10.0.0.4"},
                                          {"SHIPYARD_NODES", "1"},
                                          {"SHIPYARD_SSH_PORT", "24"},
                                          {"SHIPYARD_SSH_HOST_PATTERN", "10.*"},
                                          {"SHIPYARD_SSH_KEY_FILE", "/k"},
                                          {"SHIPYARD_SSH_USER", "u"},
                                          {"SHIPYARD_SUBNET", "10.0.0.0/8"},
                                          {"SHIPYARD_WAIT", "7"},
                                          {"SHIPYARD_MPIRUN", "/m"},
                                          {"SHIPYARD_MPI_ENV", "/e"},
                                          {"SHIPYARD_WDIR", "/w"},
                                          {"SHIPYARD_KILL_AFTER", "1h"}});
  EXPECT_EQ(options.layout.ranks->origin, "SHIPYARD_N");
  EXPECT_EQ(options.layout.ranks->value, 6);
  EXPECT_EQ(options.layout.ranks_per_node->origin, "SHIPYARD_PPN");
  EXPECT_EQ(options.bind_to_origin, "SHIPYARD_BIND_TO");
  EXPECT_TRUE(options.layout.oversubscribe);
  EXPECT_EQ(options.hosts, "10.0.0.4");
  EXPECT_EQ(options.nodes, 1);
  EXPECT_EQ(options.ssh_port, 24);
  EXPECT_THAT(options.ssh_host_patterns, ElementsAre("10.*"));
  EXPECT_EQ(options.ssh_key, "/k");
  EXPECT_EQ(options.ssh_user, "u");
  EXPECT_EQ(to_string(*options.subnet), "10.0.0.0/8");
  EXPECT_EQ(options.wait, milliseconds(7'000));
  EXPECT_EQ(options.mpirun, "/m");
  EXPECT_EQ(options.mpi_env, "/e");
  EXPECT_EQ(options.wdir, "/w");
  EXPECT_EQ(options.kill_after, milliseconds(3'600'000));
  EXPECT_EQ(parsed({"./app"}, {{"SHIPYARD_HOSTFILE", "/h"}}).hostfile, "/h");
}

TEST(LaunchOptions, TheOptionWinsOverItsVariable) {
  const auto options = parsed({"-n", "2", "./app"}, {{"SHIPYARD_N", "6"}});
  EXPECT_EQ(options.layout.ranks->value, 2);
  EXPECT_EQ(options.layout.ranks->origin, "-n");
}

TEST(LaunchOptions, AnEmptyVariableOrAFlagOfZeroSaysNothing) {
  const auto options = parsed({"./app"}, {{"SHIPYARD_N", ""}, {"SHIPYARD_OVERSUBSCRIBE", "0"}});
  EXPECT_FALSE(options.layout.ranks);
  EXPECT_FALSE(options.layout.oversubscribe);
}

TEST(LaunchOptions, TheLastOneWins) {
  EXPECT_EQ(parsed({"-n", "2", "-n", "3", "./app"}).layout.ranks->value, 3);
}

TEST(LaunchOptions, LifelineIsStandardInputUnlessTheProgramReadsIt) {
  EXPECT_TRUE(parsed({"./app"}, {{"SHIPYARD_LIFELINE", "stdin"}}).lifeline);
  EXPECT_FALSE(parsed({"--stdin", "./app"}, {{"SHIPYARD_LIFELINE", "stdin"}}).lifeline);
  EXPECT_FALSE(parsed({"./app"}, {{"SHIPYARD_LIFELINE", ""}}).lifeline);
  EXPECT_EQ(message({"./app"}, {{"SHIPYARD_LIFELINE", "fd3"}}), "SHIPYARD_LIFELINE: 'fd3' is not 'stdin'");
}

TEST(LaunchOptions, VerbosityFollowsTheCountAndQuietWins) {
  EXPECT_EQ(parsed({"-v", "./app"}).verbosity, Verbosity::kCommands);
  EXPECT_EQ(parsed({"-v", "--verbose", "./app"}).verbosity, Verbosity::kDecisions);
  EXPECT_EQ(parsed({"-v", "-q", "./app"}).verbosity, Verbosity::kQuiet);
}

TEST(LaunchOptions, HelpAndVersionNeedNoProgram) {
  EXPECT_TRUE(parsed({"--help"}).help);
  EXPECT_TRUE(parsed({"-h"}).help);
  EXPECT_TRUE(parsed({"--version"}).version);
}

TEST(LaunchOptions, BadValuesNameTheirOriginAndThemselves) {
  EXPECT_EQ(message({"-n", "0", "./app"}), "-n: '0' is not a whole number from 1 to 10000000");
  EXPECT_EQ(message({"-n", "4x", "./app"}), "-n: '4x' is not a whole number from 1 to 10000000");
  EXPECT_EQ(message({"-np", "-4", "./app"}), "-n: '-4' is not a whole number from 1 to 10000000");
  EXPECT_EQ(message({"--ppn", "2.5", "./app"}),
            "--ppn: '2.5' is not among: a number, core, hwthread, l3, numa, socket, gpu");
  EXPECT_EQ(message({"./app"}, {{"SHIPYARD_PPN", "two"}}),
            "SHIPYARD_PPN: 'two' is not among: a number, core, hwthread, l3, numa, socket, gpu");
  EXPECT_EQ(message({"--nodes", "0", "./app"}), "--nodes: '0' is not a whole number from 1 to 2147483647");
  EXPECT_EQ(message({"--ssh-port", "65536", "./app"}),
            "--ssh-port: '65536' is not a whole number from 1 to 65535");
  EXPECT_EQ(message({"--bind-to", "package", "./app"}),
            "--bind-to: 'package' is not among: core, hwthread, l3, numa, socket, none");
  EXPECT_EQ(message({"./app"}, {{"SHIPYARD_BIND_TO", "x"}}),
            "SHIPYARD_BIND_TO: 'x' is not among: core, hwthread, l3, numa, socket, none");
  EXPECT_EQ(message({"--subnet", "10.0.0.0/33", "./app"}), "--subnet: '10.0.0.0/33' is not a network");
  EXPECT_EQ(hint({"--subnet", "10.0.0.0/33", "./app"}), "write it as 10.0.0.0/24");
  EXPECT_EQ(message({"-x", "1A=2", "./app"}), "-x: '1A' is not a variable's name");
  EXPECT_EQ(message({"-x", "=2", "./app"}), "-x: '' is not a variable's name");
  EXPECT_EQ(message({"-x", "A-B", "./app"}), "-x: 'A-B' is not a variable's name");
  EXPECT_EQ(hint({"-x", "A-B", "./app"}), "-x NAME or -x NAME=VALUE");
}

TEST(LaunchOptions, TheFirstOfSeveralFaultsIsNamed) {
  EXPECT_EQ(message({"--wait", "soon", "-n", "0"}), "-n: '0' is not a whole number from 1 to 10000000");
}

TEST(LaunchOptions, RefusesWhatDoesNotGoTogether) {
  EXPECT_EQ(message({"--hosts", "a", "--hostfile", "b", "./app"}),
            "--hosts and --hostfile exclude each other");
  EXPECT_EQ(message({"--json", "./app"}), "--json goes with --dry-run or --check");
}

TEST(LaunchOptions, NamesTheNearestOption) {
  EXPECT_EQ(message({"--pnn", "2", "./app"}), "unknown option '--pnn'");
  EXPECT_EQ(hint({"--pnn", "2", "./app"}), "did you mean '--ppn'? Try 'shipyard-mpirun --help'");
  EXPECT_EQ(message({"-z", "./app"}), "unknown option '-z'");
  EXPECT_EQ(message({"--dry-run=yes", "./app"}), "option '--dry-run' takes no value");
  EXPECT_EQ(message({"-n"}), "option '-n' needs a value: N");
}

TEST(LaunchOptions, NeedsAProgram) {
  EXPECT_EQ(message({}), "no program given");
  EXPECT_EQ(message({"-n", "4"}), "no program given");
  EXPECT_EQ(message({"--"}), "no program given");
  EXPECT_EQ(hint({}), "shipyard-mpirun [options] program [arguments]; try 'shipyard-mpirun --help'");
}

std::string duration(const std::string& text) {
  auto time = parse_duration({text, "--wait"});
  return time ? std::to_string(time->count()) : time.error().message;
}

TEST(ParseDuration, TakesSecondsAndTheUsualUnits) {
  EXPECT_EQ(duration("120"), "120000");
  EXPECT_EQ(duration("90s"), "90000");
  EXPECT_EQ(duration("2m"), "120000");
  EXPECT_EQ(duration("1h"), "3600000");
  EXPECT_EQ(duration("500ms"), "500");
  EXPECT_EQ(duration("0.25s"), "250");
  EXPECT_EQ(duration("0"), "0");
  // Neither has a binary fraction of its own.
  EXPECT_EQ(duration("4164141ms"), "4164141");
  EXPECT_EQ(duration("0.29s"), "290");
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text :
       {"", "s", "-1", "-1s", "5 s", "5sec", "1d", "nan", "inf", "1e400", "9000000h", "0x10", "5s ", "ms"}) {
    EXPECT_EQ(duration(text), "--wait: '" + std::string(text) + "' is not a time");
  }
  EXPECT_EQ(parse_duration({"x", "SHIPYARD_WAIT"}).error().message, "SHIPYARD_WAIT: 'x' is not a time");
  EXPECT_EQ(parse_duration({"x", "--wait"}).error().hint, "write 90s, 2m or 500ms");
}

TEST(CommandLine, HelpFitsAnEightyColumnTerminal) {
  const std::string help = help_text(command_line());
  std::size_t start = 0;
  while (start < help.size()) {
    const auto end = help.find('\n', start);
    EXPECT_LE(end - start, 80u) << help.substr(start, end - start);
    start = end + 1;
  }
}

TEST(ParseOptions, ReadsTheModesOfPpn) {
  const auto mode = [](const char* word) {
    auto options = parse({"--ppn", word, "./app"});
    return options ? options->layout.ranks_per_node->mode : topology::RanksPerNode::Mode::kNumber;
  };
  EXPECT_EQ(mode("l3"), topology::RanksPerNode::Mode::kL3);
  EXPECT_EQ(mode("numa"), topology::RanksPerNode::Mode::kNuma);
  EXPECT_EQ(mode("hwthread"), topology::RanksPerNode::Mode::kHardwareThread);
  auto wrong = parse({"--ppn", "l4", "./app"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "--ppn: 'l4' is not among: a number, core, hwthread, l3, numa, socket, gpu");
}

TEST(ParseOptions, CountsOmpNumThreadsAsThreads) {
  auto options = parse({"./app"}, {{"OMP_NUM_THREADS", "4,2"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->layout.threads->value, 4);
  EXPECT_EQ(options->layout.threads->origin, "OMP_NUM_THREADS");
  options = parse({"-x", "OMP_NUM_THREADS=3", "./app"}, {{"OMP_NUM_THREADS", "4"}});
  EXPECT_EQ(options->layout.threads->value, 3);
  options = parse({"--threads", "auto", "./app"}, {{"OMP_NUM_THREADS", "4"}});
  EXPECT_FALSE(options->layout.threads);
  EXPECT_TRUE(options->layout.auto_threads);
}

TEST(ParseOptions, TellsANodesTopologyFromOneForAll) {
  auto options = parse({"--topology", "10.0.0.5=a.xml", "--topology", "core:4(memory=1GB)", "--topology",
                        "./odd=name.xml", "./app"});
  ASSERT_TRUE(options);
  ASSERT_EQ(options->topologies.size(), 3u);
  EXPECT_EQ(options->topologies[0].host, "10.0.0.5");
  EXPECT_EQ(options->topologies[0].source, "a.xml");
  EXPECT_EQ(options->topologies[1].host, "");
  EXPECT_EQ(options->topologies[2].source, "./odd=name.xml");
}

TEST(ParseSize, TakesUnitsOfPowersOf1024) {
  const auto size = [](const char* text) {
    auto bytes = parse_size({text, "--mem-per-rank"});
    return bytes ? *bytes : 0;
  };
  EXPECT_EQ(size("2G"), std::uint64_t{2} << 30);
  EXPECT_EQ(size("1.5GiB"), std::uint64_t{3} << 29);
  EXPECT_EQ(size("800mb"), std::uint64_t{800} << 20);
  EXPECT_EQ(size("1T"), std::uint64_t{1} << 40);
  for (const char* wrong : {"", "2", "G", "-1G", "2X", "2GG", "nanG", "infG", "1e30G"})
    EXPECT_EQ(size(wrong), 0u) << wrong;
  EXPECT_EQ(parse_size({"2", "--mem-per-rank"}).error().message, "--mem-per-rank: '2' is not a size");
}

TEST(ParseOptions, APreemptionsSignalHasANameOrANumber) {
  EXPECT_EQ(parsed({"./app"}).on_preempt, 0);
  EXPECT_EQ(parsed({"--on-preempt", "SIGUSR1", "./app"}).on_preempt, SIGUSR1);
  EXPECT_EQ(parsed({"--on-preempt=15", "./app"}).on_preempt, SIGTERM);
  EXPECT_EQ(parsed({"./app"}, {{"SHIPYARD_ON_PREEMPT", "USR2"}}).on_preempt, SIGUSR2);
  EXPECT_EQ(message({"--on-preempt", "USR3", "./app"}), "--on-preempt: 'USR3' is not a signal");
  EXPECT_EQ(hint({"--on-preempt", "USR3", "./app"}), "write USR1, SIGTERM or a number; kill -l lists them");
  EXPECT_EQ(message({"./app"}, {{"SHIPYARD_ON_PREEMPT", "0"}}), "SHIPYARD_ON_PREEMPT: '0' is not a signal");
  for (const char* text : {"KILL", "9", "STOP"}) {
    EXPECT_EQ(hint({"--on-preempt", text, "./app"}),
              "USR1 and TERM are usual: the program writes its checkpoint in a handler");
  }
  EXPECT_EQ(message({"--on-preempt", "9", "./app"}), "--on-preempt: no program can react to SIGKILL");
}

TEST(ParseOptions, AMetadataServiceThatNoNodeCouldAskIsRefusedWhereItMatters) {
  const std::map<std::string, std::string, std::less<>> wrong{{"SHIPYARD_METADATA_URL", "http://localhost"}};
  EXPECT_EQ(message({"--on-preempt", "USR1", "./app"}, wrong), "SHIPYARD_METADATA_URL: no numeric address");
  EXPECT_EQ(message({"./app"}, wrong), "accepted");
  EXPECT_EQ(message({"--on-preempt", "USR1", "./app"}, {{"SHIPYARD_METADATA_URL", "http://127.0.0.1:8080"}}),
            "accepted");
}

TEST(ParseOptions, NeedsNoProgramToShowOrCheck) {
  EXPECT_TRUE(parse({"--show-map"})->program_is_stand_in);
  EXPECT_THAT(parse({"--check"})->program, testing::ElementsAre("true"));
  EXPECT_FALSE(parse({}));
}

TEST(LaunchOptions, PreflightComesBeforeAProgramAndNotBeforeACheck) {
  const Environment with_variable{.variables = {{"SHIPYARD_PREFLIGHT", "1m"}}};
  EXPECT_EQ(parse_options({"--preflight", "30s", "./app"}, with_variable)->preflight,
            std::chrono::seconds(30));
  EXPECT_EQ(parse_options({"./app"}, with_variable)->preflight, std::chrono::seconds(60));
  EXPECT_FALSE(parse_options({"./app"}, {})->preflight);
  EXPECT_FALSE(parse_options({"--check", "./app"}, with_variable)->preflight);
  EXPECT_FALSE(parse_options({"--show-map"}, with_variable)->preflight);
  EXPECT_EQ(parse_options({"--preflight", "30s", "--check"}, {}).error().message,
            "--check and --preflight exclude each other");
  EXPECT_EQ(parse_options({"./app"}, {.variables = {{"SHIPYARD_PREFLIGHT", "4s"}}}).error().message,
            "SHIPYARD_PREFLIGHT: too short for asking the nodes and starting allpairs");
}

}  // namespace
}  // namespace shipyard::launcher
