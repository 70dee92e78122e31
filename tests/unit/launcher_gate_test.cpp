#include "launcher/network/gate.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thread>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"

namespace shipyard::network {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A server on one of loopback's many addresses that says a piece of text to whoever connects.
class Server {
 public:
  enum class After { kHold, kClose };

  /// `port` 0: one of the kernel's choice.
  Server(const std::string& address, std::uint16_t port, std::string words, After after = After::kHold)
      : words_(std::move(words)), after_(after) {
    const SocketAddress local(*parse_address(address), port);
    listener_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(listener_.get(), local.get(), local.size()), 0) << address << ":" << port;
    EXPECT_EQ(::listen(listener_.get(), 4096), 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = port_of(reinterpret_cast<const sockaddr&>(bound));
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    stop_read_ = FileDescriptor(ends[0]);
    stop_write_ = FileDescriptor(ends[1]);
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    (void)stop_write_.close();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void serve() {
    while (true) {
      pollfd polled[2] = {{listener_.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}};
      ::poll(polled, 2, -1);
      if (polled[1].revents != 0) return;
      FileDescriptor fd(::accept(listener_.get(), nullptr, nullptr));
      if (!fd) continue;
      ++connections_;
      (void)!::send(fd.get(), words_.data(), words_.size(), MSG_NOSIGNAL);
      if (after_ == After::kHold) held_.push_back(std::move(fd));
    }
  }

  std::string words_;
  After after_;
  FileDescriptor listener_;
  FileDescriptor stop_read_;
  FileDescriptor stop_write_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::deque<FileDescriptor> held_;
  std::thread thread_;
};

constexpr const char* kBanner = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";

GateTarget target(const std::string& address) { return {address, *parse_address(address)}; }

std::string verdict(const GateReport& report) {
  if (report.cancelled) return "cancelled";
  return report.failures.empty() ? "ready" : report.failures[0].name + ": " + report.failures[0].last_word;
}

/// One server that says `words`, waited for during half a second.
std::string verdict_on(const std::string& words, Server::After after = Server::After::kHold) {
  Server server("127.0.0.1", 0, words, after);
  return verdict(wait_for_sshd({target("127.0.0.1")}, {.port = server.port(), .wait = milliseconds(500)}));
}

/// A port on which nobody listens, and nobody else will while the test runs: it is bound.
class ClosedPort {
 public:
  explicit ClosedPort(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress local(*parse_address(address), 0);
    EXPECT_EQ(::bind(fd_.get(), local.get(), local.size()), 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = port_of(reinterpret_cast<const sockaddr&>(bound));
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  FileDescriptor fd_;
  std::uint16_t port_ = 0;
};

TEST(Gate, LetsThroughOnABannerAndAsksOnce) {
  Server server("127.0.0.1", 0, kBanner);
  const auto start = Clock::now();
  const auto report = wait_for_sshd({target("127.0.0.1")}, {.port = server.port()});
  EXPECT_EQ(verdict(report), "ready");
  EXPECT_EQ(report.ready, 1u);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(60));
}

TEST(Gate, AcceptsLinesBeforeTheBanner) {
  EXPECT_EQ(verdict_on("welcome to the node\r\nsecond line\r\nSSH-2.0-x\r\n"), "ready");
}

TEST(Gate, TellsWhatTheServerSaysOfItself) {
  Server server("127.0.0.1", 0, "Welcome\r\nSSH-2.0-OpenSSH_9.2p1 word\r\n");
  const auto report = wait_for_sshd({{"node", *parse_address("127.0.0.1")}},
                                    {.port = server.port(), .wait = milliseconds(5000)});
  EXPECT_EQ(report.banners, std::vector<std::string>{"SSH-2.0-OpenSSH_9.2p1 word"});
}

TEST(Gate, NamesWhoAnswersWithSomethingElse) {
  EXPECT_EQ(verdict_on("220 mail.example ESMTP\r\n"),
            "127.0.0.1: answers, but is no ssh server: \"220 mail.example ESMTP\"");
  EXPECT_EQ(verdict_on("not SSH-2.0\r\n"), "127.0.0.1: answers, but is no ssh server: \"not SSH-2.0\"");
  EXPECT_EQ(verdict_on(std::string(10'000, 'x')),
            "127.0.0.1: answers, but is no ssh server: \"" + std::string(60, 'x') + "\"");
  EXPECT_EQ(verdict_on("HTTP/1.1 400 Bad Request\r\n\r\n", Server::After::kClose),
            "127.0.0.1: answers, but is no ssh server: \"HTTP/1.1 400 Bad Request\"");
}

// Port 23 is telnet's (RFC 854: it opens with IAC DO …).
TEST(Gate, KnowsTelnet) {
  EXPECT_EQ(verdict_on("\xFF\xFD\x18\xFF\xFD "), "127.0.0.1: answers as telnet does, not as ssh");
}

TEST(Gate, ShowsNothingThatATerminalWouldActOn) {
  EXPECT_EQ(verdict_on("\033]0;title\a\r\n"), "127.0.0.1: answers, but is no ssh server: \"?]0;title?\"");
  EXPECT_EQ(verdict_on("caf\xE9\r\n"), "127.0.0.1: answers, but is no ssh server: \"caf?\"");
}

// OpenSSH 10 says this to a source that it punishes (PerSourcePenalties).
TEST(Gate, QuotesARefusal) {
  EXPECT_EQ(verdict_on("Not allowed at this time\r\n", Server::After::kClose),
            "127.0.0.1: refuses: \"Not allowed at this time\"");
}

TEST(Gate, NamesWhoSaysNothing) {
  EXPECT_EQ(verdict_on(""), "127.0.0.1: accepts the connection, but sends no ssh banner");
}

TEST(Gate, NamesWhoClosesAtOnce) {
  EXPECT_EQ(verdict_on("", Server::After::kClose), "127.0.0.1: closes the connection without a word");
}

TEST(Gate, NamesWhoRefusesAndKeepsToItsTime) {
  ClosedPort closed("127.0.0.1");
  const auto start = Clock::now();
  const auto report =
      wait_for_sshd({target("127.0.0.1")}, {.port = closed.port(), .wait = milliseconds(300)});
  EXPECT_EQ(verdict(report), "127.0.0.1: connection refused");
  EXPECT_GE(report.elapsed, milliseconds(300));
  EXPECT_GE(Clock::now() - start, milliseconds(300));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(30));
}

TEST(Gate, WaitsForANodeThatComesLate) {
  std::optional<ClosedPort> reserved(std::in_place, "127.0.0.1");
  const std::uint16_t port = reserved->port();
  std::optional<Server> late;
  // The first node is ready at once; only then does the second one start: no clock decides.
  Server first("127.0.0.2", port, kBanner);
  const auto report =
      wait_for_sshd({target("127.0.0.1"), target("127.0.0.2")},
                    {.port = port, .wait = milliseconds(60'000), .progress = [&](const GateProgress&) {
                       if (late) return;
                       reserved.reset();
                       late.emplace("127.0.0.1", port, kBanner);
                     }});
  EXPECT_EQ(verdict(report), "ready");
  EXPECT_EQ(report.ready, 2u);
  EXPECT_EQ(first.connections(), 1);
  EXPECT_EQ(late->connections(), 1);
}

TEST(Gate, NamesThoseThatAreNotReadyAndOnlyThose) {
  Server ready("127.0.0.1", 0, kBanner);
  const auto report = wait_for_sshd({target("127.0.0.3"), target("127.0.0.1"), target("127.0.0.2")},
                                    {.port = ready.port(), .wait = milliseconds(300)});
  EXPECT_EQ(report.ready, 1u);
  ASSERT_EQ(report.failures.size(), 2u);
  EXPECT_EQ(report.failures[0].name, "127.0.0.3");
  EXPECT_EQ(report.failures[1].name, "127.0.0.2");
}

TEST(Gate, EndsWhenItIsCancelled) {
  ClosedPort closed("127.0.0.1");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  FileDescriptor read_end(ends[0]);
  FileDescriptor write_end(ends[1]);
  ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
  const auto start = Clock::now();
  int asked = 0;  // twice it was nothing that ends the wait
  const auto report = wait_for_sshd({target("127.0.0.1")}, {.port = closed.port(),
                                                            .wait = std::chrono::minutes(5),
                                                            .cancel_fds = {read_end.get()},
                                                            .cancelled = [&] { return ++asked == 3; }});
  EXPECT_TRUE(report.cancelled);
  EXPECT_EQ(asked, 3);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(60));
}

/// Sets the limit of descriptors while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit lower{.rlim_cur = limit, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

/// Addresses of loopback, all of which one listener on 0.0.0.0 answers for.
std::vector<GateTarget> many_targets(int count) {
  std::vector<GateTarget> targets;
  for (int i = 0; i < count; ++i) {
    targets.push_back(target("127.1." + std::to_string(i / 200) + "." + std::to_string(1 + i % 200)));
  }
  return targets;
}

TEST(Gate, AsksTenThousandNodesWithinTheUsualLimitOfDescriptors) {
  DescriptorLimit limit(1024);
  Server server("0.0.0.0", 0, kBanner, Server::After::kClose);
  const auto report = wait_for_sshd(many_targets(10'000),
                                    {.port = server.port(), .wait = std::chrono::seconds(50), .keep = 256});
  EXPECT_EQ(verdict(report), "ready");
  EXPECT_EQ(report.ready, 10'000u);
  EXPECT_EQ(report.connections.size(), 256u);
  EXPECT_EQ(server.connections(), 10'000);
}

TEST(Gate, GetsAlongWithFewDescriptors) {
  DescriptorLimit limit(128);
  Server server("0.0.0.0", 0, kBanner, Server::After::kClose);
  const auto report = wait_for_sshd(many_targets(300),
                                    {.port = server.port(), .wait = std::chrono::seconds(50), .keep = 256});
  EXPECT_EQ(verdict(report), "ready");
  EXPECT_EQ(server.connections(), 300);
}

TEST(Gate, TellsHowFarItIs) {
  Server ready("127.0.0.1", 0, kBanner);
  std::vector<GateProgress> told;
  const auto report = wait_for_sshd(
      {target("127.0.0.1"), target("127.0.0.2")},
      {.port = ready.port(), .wait = milliseconds(2500), .progress = [&](const GateProgress& progress) {
         told.push_back(progress);
       }});
  EXPECT_EQ(verdict(report), "127.0.0.2: connection refused");
  // At once when the first is ready, and then as time passes.
  ASSERT_GE(told.size(), 2u);
  EXPECT_GT(told.front().left, told.back().left);
  EXPECT_GE(told.back().left, milliseconds(0));
  for (const auto& progress : told) {
    EXPECT_EQ(progress.ready, 1u);
    EXPECT_EQ(progress.nodes, 2u);
    ASSERT_EQ(progress.missing.size(), 1u);
    EXPECT_EQ(progress.missing[0].name, "127.0.0.2");
  }
  EXPECT_EQ(told.back().missing[0].last_word, "connection refused");
}

TEST(Gate, NamesTheFault) {
  const auto fault_on = [](const std::string& words, Server::After after = Server::After::kHold) {
    Server server("127.0.0.1", 0, words, after);
    return wait_for_sshd({target("127.0.0.1")}, {.port = server.port(), .wait = milliseconds(500)})
        .failures.at(0)
        .fault;
  };
  EXPECT_EQ(fault_on("220 mail.example ESMTP\r\n"), GateFault::kNotSsh);
  EXPECT_EQ(fault_on("Not allowed at this time\r\n", Server::After::kClose), GateFault::kTurnedAway);
  EXPECT_EQ(fault_on("", Server::After::kClose), GateFault::kClosed);
  EXPECT_EQ(fault_on(""), GateFault::kSilent);
  ClosedPort closed("127.0.0.1");
  const auto refused =
      wait_for_sshd({target("127.0.0.1")}, {.port = closed.port(), .wait = milliseconds(100)});
  EXPECT_EQ(refused.failures.at(0).fault, GateFault::kRefused);
  const auto none = wait_for_sshd({target("127.0.0.1")}, {.port = closed.port(), .wait = milliseconds(0)});
  EXPECT_EQ(none.failures.at(0).fault, GateFault::kNotAsked);
}

TEST(Gate, IsThroughAtOnceWhereNothingIsToBeWaitedFor) { EXPECT_EQ(verdict(wait_for_sshd({}, {})), "ready"); }

}  // namespace
}  // namespace shipyard::network
