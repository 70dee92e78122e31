#include "batch/local/node_docker/broker.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "base/subprocess.hpp"
#include "batch/local/node_docker/channel.hpp"
#include "descriptors.hpp"
#include "temporary_directory.hpp"

namespace shipyard::local::node_docker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using List = std::vector<std::string>;
using shipyard::testing::TemporaryDirectory;

constexpr std::chrono::seconds kLong{20};

/// An engine whose `exec` is the command itself, without a container, and whose other verbs say what they
/// have got.
constexpr const char* kEngine = R"(#!/bin/bash
case $1 in
  exec)
    shift
    while [[ $1 == -* ]]; do shift; done
    shift
    exec "$@" ;;
  run)
    printf '%s\n' "$@"
    echo "MINE=$MINE PATH=$PATH HOME=$HOME CONFIG=$DOCKER_CONFIG CONTEXT=$DOCKER_CONTEXT HOST=$DOCKER_HOST in $PWD"
    for word; do [[ $word != --env-file=* ]] || cat "${word#*=}"; done ;;
  rm)
    printf '%s ' "$@" >>@/removed ;;
  ps) cat @/ids ;;
  volume) [ "$2" = rm ] && printf '%s ' "$@" >>@/removed || printf 'p-node-0-v\nxp-node-0-v\n' ;;
  *) printf '%s\n' "$@"; env ;;
esac
)";

class BrokerOfANode : public ::testing::Test {
 protected:
  BrokerOfANode() {
    std::string engine = kEngine;
    for (std::size_t at = 0; (at = engine.find('@', at)) != std::string::npos; ++at) {
      if (engine.compare(at, 2, "@/") == 0) engine.replace(at, 1, directory_.path());
    }
    settings_.access.program = directory_.write("docker", engine);
    EXPECT_EQ(::chmod(settings_.access.program.c_str(), 0755), 0);
    settings_.node.container = "p-node-0";
    settings_.node.prefix = "p-node-0-";
    settings_.node.labels = {{"node", "0"}};
    settings_.node.directory = directory_.path("node");
    settings_.environment.variables = {
        {"PATH", "/usr/bin:/bin"}, {"HOME", "/home/u"}, {"DOCKER_CONTEXT", "x"}};
    settings_.directory = directory_.path("broker");
    start();
  }

  void start() {
    auto broker = Broker::start(settings_);
    ASSERT_TRUE(broker) << broker.error().message;
    broker_ = std::move(*broker);
  }

  /// A command line on the node; "$D" is its docker.
  Command on_node(const std::string& script) const {
    Command command;
    command.argv = {"/bin/bash", "-c", script};
    command.environment = {"D=" SHIPYARD_NODE_DOCKER,
                           "NODE_DOCKER_SOCKETS=" + Broker::socket_directory(settings_.directory),
                           "PATH=/usr/bin:/bin:/of/the/node",
                           "HOME=/root",
                           "MINE=one\ntwo",
                           "DOCKER_HOST=tcp://elsewhere"};
    command.standard_output = command.standard_error = Command::Stream::kPipe;
    return command;
  }
  Completed run_on_node(const std::string& script, std::string_view input = {}) const {
    auto done = run(on_node(script), kLong, input);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : Completed{};
  }
  /// The docker of the node, which has said a line.
  Child begin(const std::string& words, std::string& line) const {
    Command command = on_node("exec \"$D\" " + words);
    command.standard_input = Command::Stream::kPipe;
    auto child = Child::start(command);
    if (!child) throw std::runtime_error(child.error().message);
    char c = 0;
    while (::read(child->stdout_pipe().get(), &c, 1) == 1 && c != '\n') line += c;
    return std::move(*child);
  }
  static bool gone(const std::string& pid) {
    for (int i = 0; i < 1000; ++i) {
      if (::kill(std::stoi(pid), 0) != 0) return true;
      ::poll(nullptr, 0, 10);
    }
    return false;
  }

  TemporaryDirectory directory_;
  BrokerSettings settings_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerOfANode, TheStandardStreamsAreTheProgramsOwn) {
  const auto done = run_on_node("\"$D\" exec -i box sh -c 'cat; echo error >&2; exit 7'", "some input");
  EXPECT_EQ(done.output, "some input");
  EXPECT_EQ(done.errors, "error\n");
  EXPECT_EQ(done.exit, (Exit{false, 7}));
}

TEST_F(BrokerOfANode, AStreamThatIsClosedIsAnEmptyOne) {
  const auto done = run_on_node("\"$D\" exec -i box sh -c 'cat; echo x >&2; echo y; exit 3' <&- 2>&-");
  EXPECT_EQ(done.output, "y\n");
  EXPECT_EQ(done.exit, (Exit{false, 3}));
}

TEST_F(BrokerOfANode, WordsAndVariablesArriveByteByByte) {
  const auto done = run_on_node("\"$D\" run $'\\xff\\xfe' 'a b' ''");
  EXPECT_THAT(done.output, HasSubstr("\n--label=node=0\n\xff\xfe\na b\n\n"));
  EXPECT_THAT(done.output, HasSubstr("MINE=one\ntwo PATH=/usr/bin:/bin HOME=/home/u CONFIG=" +
                                     settings_.directory + "/config CONTEXT= HOST= in /\n"));
  EXPECT_EQ(run_on_node("\"$D\" version").output.find("MINE"), std::string::npos);
}

TEST_F(BrokerOfANode, AFileOfVariablesMayBeAProcess) {
  const auto done = run_on_node("\"$D\" run --env-file <(echo A=1; sleep 0.2; echo MINE; echo HOME) image");
  EXPECT_EQ(done.errors, "");
  EXPECT_THAT(done.output, ::testing::EndsWith("in /\nA=1\nMINE\nHOME=/root\n"));
  const auto two = run_on_node("\"$D\" run --env-file <(echo A=1) --env-file <(echo B=2) image");
  EXPECT_THAT(two.output, ::testing::EndsWith("in /\nA=1\nB=2\n"));
  const auto none = run_on_node("\"$D\" run --env-file /nowhere image");
  EXPECT_EQ(none.exit, (Exit{false, 125}));
  EXPECT_EQ(none.errors, "shipyard-node-docker: error: cannot open /nowhere: No such file or directory\n");
}

TEST_F(BrokerOfANode, RefusesWithDockersStatus) {
  const auto done = run_on_node("\"$D\" run -v /etc:/etc image");
  EXPECT_EQ(done.exit, (Exit{false, 125}));
  EXPECT_EQ(done.output, "");
  EXPECT_THAT(
      done.errors,
      StartsWith("shipyard-node-docker: error: docker run: -v: /etc of the node is not on this machine\n"
                 "hint: only what is below /mnt/batch/tasks is; "));
}

TEST_F(BrokerOfANode, SaysWhatIsNotAsOnAVm) {
  broker_.reset();
  settings_.access.memlock_limit = 1 << 20;
  start();
  const auto done = run_on_node("\"$D\" run --ulimit memlock=-1 image");
  EXPECT_THAT(done.output, HasSubstr("--ulimit=memlock=1048576\n"));
  EXPECT_EQ(done.errors,
            "shipyard-node-docker: note: --ulimit memlock=-1: this machine lets a container lock 1024 KiB at "
            "most\n");
}

TEST_F(BrokerOfANode, AnIdIsOneOfItsOwnContainers) {
  directory_.write("ids", "abc123 p-node-0-x\n");
  EXPECT_EQ(run_on_node("\"$D\" rm --force abc").errors, "");
  EXPECT_EQ(directory_.read("removed"), "rm --force abc123 ");
}

TEST_F(BrokerOfANode, HandsSignalsOn) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    std::string line;
    auto child =
        begin("exec box sh -c 'trap \"exit 42\" TERM INT HUP QUIT; echo ready; while :; do sleep 0.02; done'",
              line);
    child.signal(number);
    EXPECT_EQ(child.wait_for(kLong), (Exit{false, 42})) << number;
  }
}

TEST_F(BrokerOfANode, EndsByTheSignalThatEndedTheEnginesClient) {
  EXPECT_EQ(run_on_node("exec \"$D\" exec box sh -c 'kill -TERM $$'").exit, (Exit{true, SIGTERM}));
}

TEST_F(BrokerOfANode, TheEnginesClientEndsWithTheProgram) {
  std::string pid;
  auto child = begin("exec -i box sh -c 'echo $$; exec sleep 600'", pid);
  child.signal(SIGKILL);
  EXPECT_EQ(child.wait(), (Exit{true, SIGKILL}));
  EXPECT_TRUE(gone(pid));
  EXPECT_EQ(read_all(child.stdout_pipe()), "") << "and nobody holds its streams";
}

TEST_F(BrokerOfANode, AProgramThatEndsWhileItsFileIsReadIsNotAwaited) {
  std::string pid;
  Command command = on_node("exec \"$D\" run --env-file <(echo $BASHPID >&2; exec sleep 600) image");
  auto child = Child::start(command);
  ASSERT_TRUE(child);
  char c = 0;
  while (::read(child->stderr_pipe().get(), &c, 1) == 1 && c != '\n') pid += c;
  ::poll(nullptr, 0, 200);  // most likely it is being read by now
  child->signal(SIGKILL);
  (void)child->wait();
  broker_.reset();  // would wait for the end of that file
  EXPECT_EQ(::kill(std::stoi(pid), SIGKILL), 0) << "the file has not ended";
}

TEST_F(BrokerOfANode, TheClientsOfANodeEndWithIt) {
  std::string pid;
  auto child = begin("exec -i box sh -c 'echo $$; exec sleep 600'", pid);
  broker_.reset();
  EXPECT_TRUE(gone(pid));
  EXPECT_EQ(child.wait_for(kLong), (Exit{true, SIGKILL}));
  EXPECT_FALSE(std::filesystem::exists(Broker::socket_directory(settings_.directory) + "/docker.sock"));
}

TEST_F(BrokerOfANode, WhatRemovesSomethingIsAwaited) {
  directory_.write("docker", "#!/bin/bash\necho begun; sleep 0.5; echo done >" + directory_.path("done"));
  std::string line;
  auto slow = begin("rm x", line);
  EXPECT_EQ(line, "begun");
  broker_.reset();
  EXPECT_EQ(directory_.read("done"), "done\n");
  EXPECT_EQ(slow.wait_for(kLong), (Exit{false, 0}));
}

TEST_F(BrokerOfANode, WithoutTheServiceThereIsNoDocker) {
  broker_.reset();
  const auto done = run_on_node("\"$D\" ps");
  EXPECT_EQ(done.exit, (Exit{false, 125}));
  EXPECT_EQ(done.errors,
            "shipyard-node-docker: error: the service of this node does not answer: cannot connect to " +
                Broker::socket_directory(settings_.directory) +
                "/docker.sock: No such file or directory\nhint: a node has its docker from "
                "shipyard-local serve, while that runs\n");
}

TEST_F(BrokerOfANode, AServiceThatDiesIsSaid) {
  broker_.reset();
  auto listener = listen_at(Broker::socket_directory(settings_.directory) + "/docker.sock");
  ASSERT_TRUE(listener);
  auto child = Child::start(on_node("exec \"$D\" ps"));
  ASSERT_TRUE(child);
  pollfd polled{listener->get(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 20000), 1);
  FileDescriptor(::accept(listener->get(), nullptr, nullptr));
  EXPECT_EQ(child->wait_for(kLong), (Exit{false, 125}));
  EXPECT_THAT(read_all(child->stderr_pipe()), HasSubstr("the service of this node does not answer: "));
}

TEST_F(BrokerOfANode, AServiceThatStartsAgainIsFound) {
  broker_.reset();
  // Left behind by one that was killed.
  ASSERT_TRUE(listen_at(Broker::socket_directory(settings_.directory) + "/docker.sock"));
  start();
  EXPECT_EQ(run_on_node("\"$D\" exec box true").exit, Exit{});
}

TEST_F(BrokerOfANode, FiftyAtOnceEachHaveTheirOwn) {
  const auto done = run_on_node(
      "for i in {1..50}; do (got=$(echo in$i | \"$D\" exec -i box sh -c \"cat; exit $i\"); "
      "[ \"$got $?\" = \"in$i $i\" ] && echo good) & done; wait");
  EXPECT_EQ(done.errors, "");
  EXPECT_EQ(std::count(done.output.begin(), done.output.end(), '\n'), 50);
}

TEST_F(BrokerOfANode, KeepsNothingOpen) {
  auto open_now = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  (void)run_on_node("\"$D\" exec box true");
  ::poll(nullptr, 0, 100);
  const auto before = open_now();
  for (int i = 0; i < 10; ++i) (void)run_on_node("\"$D\" run --env-file <(echo A) image; \"$D\" odd");
  for (int i = 0; i < 100 && open_now() > before; ++i) ::poll(nullptr, 0, 20);
  EXPECT_LE(open_now(), before);
}

TEST_F(BrokerOfANode, WhatIsNoMessageOfOursIsRefused) {
  auto channel = Channel::connect(Broker::socket_directory(settings_.directory) + "/docker.sock");
  ASSERT_TRUE(channel);
  ASSERT_EQ(::write(channel->fd(), "GET / HTTP/1.1\r\n\r\n", 18), 18);
  std::string text;
  std::optional<Ended> ended;
  while (!ended) {
    pollfd polled{channel->fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&polled, 1, 20000), 1);
    if (channel->receive() == Channel::Arrival::kEnd) break;
    for (auto message = channel->next(); message && *message; message = channel->next()) {
      if (const auto* remark = std::get_if<Remark>(&**message)) text += remark->text;
      if (const auto* end = std::get_if<Ended>(&**message)) ended = *end;
    }
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, (Ended{false, 125}));
  EXPECT_EQ(text,
            "shipyard-node-docker: error: what came over the socket is no message of shipyard-node-docker\n");
}

TEST_F(BrokerOfANode, OthersMayForkMeanwhile) {
  auto open_in_a_child = [] {
    Command command;
    command.argv = {"/bin/sh", "-c", "ls /proc/self/fd | wc -l"};
    command.environment = {"PATH=/usr/bin:/bin"};
    auto done = run(std::move(command), kLong);
    return done ? done->output : done.error().message;
  };
  const std::string before = open_in_a_child();
  std::atomic<bool> over = false;
  std::thread other([&] {
    while (!over) EXPECT_EQ(open_in_a_child(), before);
  });
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(run_on_node("\"$D\" run --env-file <(echo A; sleep 0.1) image").exit, Exit{});
  over = true;
  other.join();
}

TEST_F(BrokerOfANode, ItsFilesAreTheServicesAlone) {
  for (const auto& path : {settings_.directory, Broker::socket_directory(settings_.directory),
                           settings_.directory + "/config"}) {
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u) << path;
  }
}

TEST_F(BrokerOfANode, AllItsContainersAndVolumesCanBeRemoved) {
  directory_.write("ids", "one\ntwo\n");
  const auto removed = remove_containers(settings_);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(directory_.read("removed"), "rm --force --volumes one two volume rm p-node-0-v ");
}

TEST(NodeOptions, GiveANodeItsDocker) {
  EXPECT_EQ(
      node_options("/run/u/p-0", "/opt/libexec/shipyard-node-docker"),
      (List{"--mount", "type=bind,source=/run/u/p-0/socket,target=/run/shipyard-docker,readonly", "--mount",
            "type=bind,source=/opt/libexec/shipyard-node-docker,target=/usr/local/bin/docker,readonly",
            "--ipc=shareable"}));
}

TEST(FindNodeDocker, LooksWhereItIsInstalled) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path("libexec/shipyard"));
  Environment environment;
  environment.executable_directory = directory.path("bin");
  environment.working_directory = directory.path();
  auto found = find_node_docker(environment);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "shipyard-node-docker, which is the docker of the nodes, is not here");
  for (const char* place : {"libexec/shipyard/shipyard-node-docker", "shipyard-node-docker"})
    ::chmod(directory.write(place, "").c_str(), 0755);
  found = find_node_docker(environment);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, directory.path("libexec/shipyard/shipyard-node-docker"));
  environment.variables["SHIPYARD_LIBEXEC"] = ".";
  found = find_node_docker(environment);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, directory.path("shipyard-node-docker"));
}

TEST(Channel, ASocketMayHaveALongName) {
  TemporaryDirectory directory;
  std::string deep = directory.path();
  for (int i = 0; i < 3; ++i) {
    deep += "/" + std::string(100, 'x');
    std::filesystem::create_directory(deep);
  }
  const auto listener = listen_at(deep + "/s");
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_TRUE(Channel::connect(deep + "/s"));
}

}  // namespace
}  // namespace shipyard::local::node_docker
