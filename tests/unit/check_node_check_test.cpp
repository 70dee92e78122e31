#include "launcher/check/node_check.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/socket_address.hpp"
#include "launcher/check/connect_back.hpp"
#include "tests/unit/check_samples.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shipyard::launcher::check {
namespace {

using namespace std::chrono_literals;
using Kind = SshFailure::Kind;

const IpAddress kLoopback = *parse_address("127.0.0.1");

/// Serves a listener until it is destroyed.
class Served {
 public:
  explicit Served(ConnectBackListener& listener)
      : thread_([this, &listener] {
          while (!over_) {
            pollfd polled{listener.fd(), POLLIN, 0};
            if (::poll(&polled, 1, 10) > 0) listener.handle();
          }
        }) {}
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

TEST(ConnectBack, FindsThatOneClockIsItsOwn) {
  auto listener = ConnectBackListener::listen(kLoopback, "t0k");
  ASSERT_TRUE(listener);
  const Served served(*listener);
  const auto back = connect_back(kLoopback, listener->port(), "t0k", 10s);
  EXPECT_EQ(back.problem, "");
  // The difference is known to half the round trip.
  EXPECT_LE(std::abs(back.clock_ahead_us), back.round_trip_us / 2 + 1);
}

TEST(ConnectBack, SaysWhyItIsNotPossible) {
  auto listener = ConnectBackListener::listen(kLoopback, "t0k");
  ASSERT_TRUE(listener);
  const std::uint16_t port = listener->port();
  // Nobody serves it: connected, and then nothing.
  EXPECT_EQ(connect_back(kLoopback, port, "t0k", 50ms).problem, "connected, but it did not answer");
  {
    const Served served(*listener);
    EXPECT_EQ(connect_back(kLoopback, port, "another", 10s).problem, "connected, but it did not answer");
  }
  listener = ConnectBackListener::listen(kLoopback, "t0k");
  EXPECT_EQ(connect_back(kLoopback, port, "t0k", 10s).problem, "connection refused");
}

/// Nodes behind an ssh that is a script: what each does is its name's part of a `case`.
class CheckNodes : public ::testing::Test {
 protected:
  CheckNodes() {
    context_.environment.variables["PATH"] = directory_.path() + ":/usr/bin:/bin";
    context_.environment.executable_directory = "/opt/shipyard/bin";
    context_.mpi.mpirun = "/nowhere/bin/mpirun";
    context_.mpi.version = {mpi::Dialect::kOpenMpi4, 4, 1, "4.1.4"};
    context_.program = "/opt/app";
    context_.working_directory = "/";
    context_.rank_program = "/bin/sh";
  }
  void node(const std::string& name, const std::string& does) {
    cases_ += name + ") " + does + " ;;\n";
    plan_.remote_hosts.push_back(context_.hosts.hosts.size());
    context_.hosts.hosts.push_back({.name = name});
    plan_.nodes.push_back({name, 1, 1, nullptr});
  }
  NodeCheck run(std::chrono::milliseconds limit, const CheckControl& control = {}) {
    // The host is the last word but one.
    const std::string ssh = directory_.write(
        "ssh", "#!/bin/sh\nfor word; do host=$last; last=$word; done\ncase $host in\n" + cases_ + "esac\n");
    ::chmod(ssh.c_str(), 0755);
    return check_nodes(context_, plan_, {}, "/run/ssh_config", limit, control);
  }

  shipyard::testing::TemporaryDirectory directory_;
  std::string cases_;
  LaunchContext context_;
  LaunchPlan plan_;
};

TEST_F(CheckNodes, TakesFactsAndFailuresEachFromItsNode) {
  directory_.write("facts", format_facts(fine_facts()));
  node("fine", "cat >" + directory_.path("request") + "; echo \"$@\" >" + directory_.path("words") +
                   "; cat " + directory_.path("facts"));
  node("denied", "echo 'root@denied: Permission denied (publickey).' >&2; exit 255");
  node("garbled", "echo 'shipyard-node-facts {'");
  node("large", "head -c 200000 /dev/zero");
  const auto check = run(30s);
  ASSERT_EQ(check.nodes.size(), 4u);
  ASSERT_TRUE(check.nodes[0].facts);
  EXPECT_EQ(*check.nodes[0].facts, fine_facts());
  EXPECT_EQ(check.nodes[1].failure, (SshFailure{Kind::kPermissionDenied, "permission denied (publickey)"}));
  EXPECT_EQ(check.nodes[2].failure, (SshFailure{Kind::kOther, "a node's facts: not JSON"}));
  EXPECT_EQ(check.nodes[3].failure, (SshFailure{Kind::kOther, "a node's facts: more than 65536 bytes"}));

  EXPECT_EQ(
      directory_.read("words"),
      "-F /run/ssh_config -T -o ProxyCommand=none -o ProxyUseFdpass=no -o BatchMode=yes fine exec sh -c "
      "'test -x /opt/shipyard/bin/shipyard-mpirun && exec /opt/shipyard/bin/shipyard-mpirun --node-facts; "
      "exec shipyard-mpirun --node-facts'\n");
  const auto request = parse_request(directory_.read("request"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->program, "/opt/app");
  EXPECT_EQ(request->limit_seconds, 30);
  EXPECT_EQ(request->token.size(), 32u);
  EXPECT_EQ(check.asked.token, "");
}

TEST_F(CheckNodes, DoesNotWaitForANodeBeyondTheLimit) {
  node("frozen", "exec sleep 1000");
  node("half", "echo 'shipyard-node-facts {'; exec sleep 1000");
  node("away", "exit 255");
  const auto start = std::chrono::steady_clock::now();
  const auto check = run(300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
  EXPECT_EQ(check.nodes[0].failure, (SshFailure{Kind::kNoAnswer, "no answer within 0.3 s"}));
  EXPECT_EQ(check.nodes[1].failure, (SshFailure{Kind::kNoAnswer, "no answer within 0.3 s"}));
  EXPECT_EQ(check.nodes[2].failure, (SshFailure{Kind::kClosed, "ssh failed without a word"}));
}

TEST_F(CheckNodes, DoesNotAskThoseThatAreKnownToBeSilent) {
  node("silent", "touch " + directory_.path("asked"));
  const auto check = run(30s, {.silent = {{"silent", "connection refused"}}});
  EXPECT_EQ(check.nodes[0].failure, (SshFailure{Kind::kUnreachable, "connection refused"}));
  EXPECT_EQ(directory_.read("asked"), "");
  EXPECT_FALSE(std::filesystem::exists(directory_.path("asked")));
}

TEST_F(CheckNodes, AsksManyNodesSomeAtATime) {
  directory_.write("facts", format_facts(fine_facts()));
  for (int i = 0; i < 150; ++i) node("n" + std::to_string(i), "cat " + directory_.path("facts"));
  std::size_t done = 0;
  const auto check = run(60s, {.progress = [&](std::size_t count) { done = count; }});
  EXPECT_EQ(done, 150u);
  for (const auto& one : check.nodes) EXPECT_TRUE(one.facts) << one.host << one.failure.words;
}

TEST_F(CheckNodes, EndsWhereItIsTold) {
  node("frozen", "exec sleep 1000");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const FileDescriptor reader(ends[0]);
  const FileDescriptor writer(ends[1]);
  ASSERT_EQ(::write(writer.get(), "x", 1), 1);
  const auto check = run(600s, {.cancel_fds = {reader.get()}, .cancelled = [] { return true; }});
  EXPECT_TRUE(check.interrupted);
  EXPECT_EQ(check.nodes[0].failure, (SshFailure{Kind::kNotAsked, ""}));
}

TEST_F(CheckNodes, AsksThisNodeWithoutSsh) {
  plan_.nodes.push_back({"localhost", 1, 1, nullptr});
  const auto check = run(30s);
  ASSERT_TRUE(check.nodes[0].facts);
  EXPECT_TRUE(check.nodes[0].is_this);
  EXPECT_GT(check.nodes[0].facts->cores, 0);
  EXPECT_GT(check.nodes[0].facts->memory_bytes, 0u);
  EXPECT_EQ(check.nodes[0].facts->mpi.version, "Open MPI 4.1.4");
  EXPECT_EQ(check.nodes[0].facts->program, ENOENT);
  EXPECT_EQ(check.nodes[0].facts->working_directory, 0);
  EXPECT_EQ(check.nodes[0].facts->rank_program, 0);
  ASSERT_TRUE(check.nodes[0].facts->connect_back);
  EXPECT_EQ(check.nodes[0].facts->connect_back->problem, "");
}

TEST(CheckAsJson, HasNodesAndFindings) {
  auto check = fine_check(2);
  fail(check.nodes[1], Kind::kPermissionDenied, "permission denied (publickey)");
  const auto json = check_as_json(check);
  EXPECT_EQ(json["nodes"][0]["host"], "10.0.0.4");
  EXPECT_EQ(json["nodes"][0]["facts"]["cores"], 30);
  EXPECT_EQ(json["nodes"][0]["failure"], nullptr);
  EXPECT_EQ(json["nodes"][1]["facts"], nullptr);
  EXPECT_EQ(json["nodes"][1]["failure"]["kind"], "permission_denied");
  EXPECT_EQ(
      json["findings"].dump(),
      R"([{"severity":"error","hosts":["10.0.0.5"],"what":"ssh: permission denied (publickey): the node )"
      R"(does not accept the job's key","hint":"every node's container needs the same key; docker logs )"
      R"(there tells which one it has","status":121}])");
}

}  // namespace
}  // namespace shipyard::launcher::check
