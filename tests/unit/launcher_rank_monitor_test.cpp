#include "launcher/supervise/rank_monitor.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>

#include "base/socket_address.hpp"
#include "tests/unit/fake_rank.hpp"

namespace shipyard::supervise {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLimit{15'000};

/// A monitor on loopback, and ranks that are sockets of the test's own.
class Monitor : public testing::Test {
 protected:
  void SetUp() override {
    auto made = RankMonitor::listen(*parse_address("127.0.0.1"), "secret", kLimit);
    ASSERT_TRUE(made) << made.error().message;
    monitor_.emplace(std::move(*made));
  }

  FileDescriptor connect(const std::string& words = {}) { return connect_rank(monitor_->endpoint(), words); }

  /// Handles events until the condition holds; fails after 10 s.
  void until(const std::function<bool()>& condition) {
    const auto end = Clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      ASSERT_LT(Clock::now(), end) << "it never came to pass";
      pollfd polled{monitor_->fd(), POLLIN, 0};
      ::poll(&polled, 1, 100);
      monitor_->handle();
    }
  }
  const RankRecord* record(int rank) const {
    auto found = monitor_->records().find(rank);
    return found == monitor_->records().end() ? nullptr : &found->second;
  }
  /// Has the monitor closed its side? Skips what it has said.
  static bool closed(const FileDescriptor& fd) { return heard_until_end(fd).has_value(); }
  /// All that the monitor has said, once it has closed its side; nullopt where it does not.
  static std::optional<std::string> heard_until_end(const FileDescriptor& fd) {
    std::string heard;
    while (true) {
      pollfd polled{fd.get(), POLLIN, 0};
      char buffer[256];
      if (::poll(&polled, 1, 10'000) != 1) return std::nullopt;
      const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return heard;
      heard.append(buffer, static_cast<std::size_t>(got));
    }
  }
  /// Handles events until the monitor has closed this connection.
  void until_closed(const FileDescriptor& fd) {
    until([&] {
      pollfd polled{fd.get(), POLLIN, 0};
      char byte = 0;
      return ::poll(&polled, 1, 0) == 1 && ::recv(fd.get(), &byte, 1, MSG_PEEK) <= 0;
    });
  }

  std::optional<RankMonitor> monitor_;
};

TEST_F(Monitor, ListensWhereItWasTold) {
  EXPECT_EQ(monitor_->endpoint().find("127.0.0.1:"), 0u);
  EXPECT_TRUE(monitor_->records().empty());
  EXPECT_EQ(monitor_->connected(), 0u);
  auto elsewhere = RankMonitor::listen(*parse_address("192.0.2.1"), "t", kLimit);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().message, "cannot listen on 192.0.2.1: Cannot assign requested address");
}

TEST_F(Monitor, RecordsHowRanksEndAndInWhichOrder) {
  auto one = connect("RANK secret 1 node-a\n");
  until([&] { return record(1) != nullptr; });
  auto zero = connect("RANK secret 0 node-b\n");
  until([&] { return record(0) != nullptr; });
  EXPECT_EQ(record(0)->host, "node-b");
  EXPECT_FALSE(record(0)->ended());
  say(one, "SIGNAL 11\n");
  until([&] { return record(1)->ended(); });
  say(zero, "EXIT 3\n");
  until([&] { return record(0)->ended(); });
  EXPECT_EQ(record(1)->exit, (Exit{true, 11}));
  EXPECT_EQ(record(1)->order, 1);
  EXPECT_EQ(record(0)->exit, (Exit{false, 3}));
  EXPECT_EQ(record(0)->order, 2);
  EXPECT_EQ(monitor_->connected(), 2u);
  (void)one.close();
  (void)zero.close();
  until([&] { return monitor_->connected() == 0; });
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, RecordsWhatCouldNotBeStarted) {
  auto rank = connect("RANK secret 2 node\nFAIL 2 directory\n");
  until([&] { return record(2) != nullptr && record(2)->ended(); });
  EXPECT_EQ(record(2)->start_error, 2);
  EXPECT_EQ(record(2)->missing, "directory");
  EXPECT_FALSE(record(2)->exit);
  EXPECT_TRUE(record(2)->failed());
}

TEST_F(Monitor, RecordsWhatARankRunsOn) {
  auto rank = connect("RANK secret 2 node\n");
  until([&] { return record(2) != nullptr; });
  EXPECT_EQ(record(2)->cpus, "");
  say(rank, "BOUND 0-5,8-13\n");
  until([&] { return !record(2)->cpus.empty(); });
  EXPECT_EQ(record(2)->cpus, "0-5,8-13");
  EXPECT_EQ(record(2)->stands_for, "");
  EXPECT_EQ(record(2)->problem, "");
  EXPECT_FALSE(record(2)->ended());
  auto mapped = connect("RANK secret 3 node\nBOUND 4-5 0-1\n");
  until([&] { return record(3) != nullptr && !record(3)->cpus.empty(); });
  EXPECT_EQ(record(3)->cpus, "4-5");
  EXPECT_EQ(record(3)->stands_for, "0-1");
}

TEST_F(Monitor, RecordsWhyARankIsNotBound) {
  auto rank = connect("RANK secret 2 node\nUNBOUND this node has 3 CPUs\nBOUND 0-2\nEXIT 0\n");
  until([&] { return record(2) != nullptr && record(2)->ended(); });
  EXPECT_EQ(record(2)->problem, "this node has 3 CPUs");
  EXPECT_EQ(record(2)->cpus, "0-2");
  EXPECT_EQ(record(2)->exit, (Exit{false, 0}));
}

TEST_F(Monitor, TakesTheLongListOfALargeNode) {
  std::string cpus = "0";
  for (int cpu = 2; cpu < 8192; cpu += 2) cpus += "," + std::to_string(cpu);
  auto rank = connect("RANK secret 0 node\nBOUND " + cpus + "\n");
  until([&] { return record(0) != nullptr && !record(0)->cpus.empty(); });
  EXPECT_EQ(record(0)->cpus, cpus);
  EXPECT_EQ(monitor_->connected(), 1u);
}

TEST_F(Monitor, PutsLinesTogetherThatArriveInPieces) {
  auto rank = connect("RANK sec");
  monitor_->handle();
  say(rank, "ret 4 no");
  monitor_->handle();
  say(rank, "de\nEX");
  until([&] { return record(4) != nullptr; });
  EXPECT_FALSE(record(4)->ended());
  say(rank, "IT 0\n");
  until([&] { return record(4)->ended(); });
  EXPECT_EQ(record(4)->host, "node");
}

TEST_F(Monitor, DropsAWrongTokenAndRecordsNothing) {
  auto stranger = connect("RANK guess 0 node\nEXIT 0\n");
  until_closed(stranger);
  EXPECT_TRUE(monitor_->records().empty());
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, DropsWhatIsNoRank) {
  for (const std::string& words :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("EXIT 0\n"), std::string("RANK secret x node\n"),
        std::string("BOUND 0-1\n"), std::string(1100, 'x')}) {
    auto stranger = connect(words);
    EXPECT_TRUE(stranger);
    until_closed(stranger);
  }
  EXPECT_TRUE(monitor_->records().empty());
}

TEST_F(Monitor, AStrangerCannotEndAnothersRank) {
  auto rank = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  auto stranger = connect("EXIT 0\n");
  until_closed(stranger);
  EXPECT_FALSE(record(0)->ended());
}

TEST_F(Monitor, CountsALostConnectionOnce) {
  auto rank = connect("RANK secret 3 node\n");
  until([&] { return record(3) != nullptr; });
  EXPECT_EQ(monitor_->lost(), 0);
  (void)rank.close();
  until([&] { return monitor_->connected() == 0; });
  EXPECT_TRUE(record(3)->lost);
  EXPECT_EQ(monitor_->lost(), 1);
}

TEST_F(Monitor, RecordsWhetherALossCameBeforeAnotherRanksEnd) {
  auto gone = connect("RANK secret 0 node-a\n");
  auto other = connect("RANK secret 1 node-b\n");
  until([&] { return record(0) != nullptr && record(1) != nullptr; });
  (void)gone.close();
  until([&] { return record(0)->lost; });
  say(other, "EXIT 14\n");
  until([&] { return record(1)->ended(); });
  EXPECT_EQ(record(0)->order, 1);
  EXPECT_EQ(record(1)->order, 2);
  EXPECT_EQ(monitor_->ended(), 1);
}

TEST_F(Monitor, OfThoseThatCameTogetherWhoHasSaidHowItEndedGoesFirst) {
  auto lost = connect("RANK secret 0 node-a\n");
  auto ends = connect("RANK secret 1 node-b\n");
  until([&] { return record(0) != nullptr && record(1) != nullptr; });
  (void)lost.close();
  say(ends, "SIGNAL 11\n");
  // Both have come before the monitor looks.
  ::usleep(100'000);
  until([&] { return record(0)->lost && record(1)->ended(); });
  EXPECT_LT(record(1)->order, record(0)->order);
}

TEST_F(Monitor, OfThoseThatAreGoneTogetherTheOtherNodesGoFirst) {
  auto here = connect("RANK secret 0 node-a\n");
  auto there = connect_rank(monitor_->endpoint(), "RANK secret 1 node-b\n", "127.0.0.2");
  until([&] { return record(0) != nullptr && record(1) != nullptr; });
  EXPECT_TRUE(record(0)->on_this_node);
  EXPECT_FALSE(record(1)->on_this_node);
  (void)here.close();
  (void)there.close();
  ::usleep(100'000);
  until([&] { return record(0)->lost && record(1)->lost; });
  EXPECT_LT(record(1)->order, record(0)->order);
}

TEST_F(Monitor, AResetConnectionIsLostToo) {
  auto rank = connect("RANK secret 3 node\n");
  until([&] { return record(3) != nullptr; });
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(rank.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  (void)rank.close();
  until([&] { return monitor_->connected() == 0; });
  EXPECT_EQ(monitor_->lost(), 1);
}

TEST_F(Monitor, TheFirstWordOfARanksEndCounts) {
  auto rank = connect("RANK secret 0 node\nEXIT 3\nEXIT 0\n");
  until([&] { return record(0) != nullptr && record(0)->ended(); });
  until([&] { return monitor_->connected() == 0; });
  EXPECT_EQ(record(0)->exit, (Exit{false, 3}));
}

TEST_F(Monitor, HangingUpIsSeenByTheRankWhichMayStillSayItsEnd) {
  auto rank = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  monitor_->hang_up();
  EXPECT_TRUE(closed(rank));
  EXPECT_EQ(monitor_->connected(), 1u);
  say(rank, "SIGNAL 15\n");
  until([&] { return record(0)->ended(); });
  (void)rank.close();
  until([&] { return monitor_->connected() == 0; });
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, HangsUpOnThoseThatComeLater) {
  monitor_->hang_up();
  auto rank = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  EXPECT_TRUE(closed(rank));
}

TEST_F(Monitor, TakesManyRanksAtOnce) {
  std::vector<FileDescriptor> ranks;
  for (int i = 0; i < 300; ++i) ranks.push_back(connect("RANK secret " + std::to_string(i) + " node\n"));
  until([&] { return monitor_->records().size() == 300; });
  for (const auto& rank : ranks) say(rank, "EXIT 0\n");
  until([&] {
    return std::all_of(monitor_->records().begin(), monitor_->records().end(),
                       [](const auto& entry) { return entry.second.ended(); });
  });
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, TellsARankHowLongItMayBeSilentAndGivesSignsOfLife) {
  auto rank = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  monitor_->beat(Clock::now());
  monitor_->send_signal(10);
  monitor_->hang_up();
  EXPECT_EQ(heard_until_end(rank), "LIVE 15000\nBEAT\nSIGNAL 10\n");
}

TEST_F(Monitor, ANodeThatFallsSilentIsLostThoughItsConnectionIsOpen) {
  auto silent = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  const auto start = Clock::now();
  const auto step = monitor_->interval();
  for (int i = 1; i <= 4; ++i) monitor_->beat(start + i * step);
  EXPECT_EQ(monitor_->lost(), 0);
  monitor_->beat(start + 5 * step);
  EXPECT_EQ(monitor_->lost(), 1);
  EXPECT_EQ(monitor_->silent(), 1);
  EXPECT_TRUE(record(0)->lost);
  EXPECT_TRUE(record(0)->silent);
  EXPECT_EQ(monitor_->connected(), 0u);
  EXPECT_TRUE(closed(silent));
}

TEST_F(Monitor, ARankThatEndsWithoutMpiInitIsMissedOnceAnotherHasCalledIt) {
  auto absent = connect("RANK secret 0 node\nABSENT\nEXIT 0\n");
  until([&] { return record(0) != nullptr && record(0)->ended(); });
  EXPECT_TRUE(record(0)->absent);
  EXPECT_FALSE(monitor_->missed());
  auto waits = connect("RANK secret 1 node\nJOINED\n");
  until([&] { return monitor_->missed(); });
  EXPECT_FALSE(record(1)->absent);
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, SaysWhenASilentNodeWillBeLostWhichMayBeBetweenTwoBeats) {
  EXPECT_EQ(monitor_->silence_deadline(), Clock::time_point::max());
  auto silent = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  const auto start = Clock::now();
  monitor_->beat(start);
  const auto deadline = monitor_->silence_deadline();
  EXPECT_LE(deadline, start + kLimit);
  monitor_->judge_silence(deadline - std::chrono::milliseconds(1));
  EXPECT_EQ(monitor_->silent(), 0);
  monitor_->judge_silence(deadline);
  EXPECT_EQ(monitor_->silent(), 1);
  EXPECT_EQ(monitor_->silence_deadline(), Clock::time_point::max());
}

TEST_F(Monitor, ALauncherThatWasStoppedItselfSuspectsNobody) {
  auto rank = connect("RANK secret 0 node\n");
  until([&] { return record(0) != nullptr; });
  monitor_->beat(Clock::now() + 10 * kLimit);
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, ARankThatHasEndedIsNotLostByItsSilence) {
  auto rank = connect("RANK secret 0 node\nEXIT 0\n");
  until([&] { return record(0) != nullptr && record(0)->ended(); });
  const auto start = Clock::now();
  for (int i = 1; i <= 6; ++i) monitor_->beat(start + i * monitor_->interval());
  EXPECT_EQ(monitor_->lost(), 0);
}

TEST_F(Monitor, KeepsTheFirstPreemptionThatItHearsOf) {
  auto stranger = connect("PREEMPT 30 Preempt e\n");
  until_closed(stranger);
  EXPECT_EQ(monitor_->preemption(), std::nullopt);
  auto one = connect("RANK secret 1 node-a\nPREEMPT 30 Preempt e1 Spot VM is being deleted.\n");
  until([&] { return monitor_->preemption().has_value(); });
  auto zero = connect("RANK secret 0 node-b\nPREEMPT 7 Terminate e2\nEXIT 0\n");
  until([&] { return record(0) != nullptr && record(0)->ended(); });
  EXPECT_EQ(monitor_->preemption(), (PreemptionNotice{"node-a", std::chrono::seconds(30), "Preempt", "e1",
                                                      "Spot VM is being deleted."}));
  EXPECT_EQ(monitor_->connected(), 2u);
}

TEST_F(Monitor, KnowsWhichNodesAreNotWatchedEachOnce) {
  auto zero = connect("RANK secret 0 node-b\nUNWATCHED refused\n");
  until([&] { return monitor_->unwatched().size() == 1; });
  auto one = connect("RANK secret 1 node-b\nUNWATCHED again\n");
  auto two = connect("RANK secret 2 node-a\nUNWATCHED no answer\nEXIT 0\n");
  until([&] { return record(2) != nullptr && record(2)->ended() && record(1) != nullptr; });
  say(one, "EXIT 0\n");
  until([&] { return record(1)->ended(); });
  EXPECT_EQ(monitor_->unwatched(),
            (std::vector<UnwatchedNode>{{"node-b", "refused"}, {"node-a", "no answer"}}));
  EXPECT_EQ(monitor_->preemption(), std::nullopt);
}

TEST_F(Monitor, HandsOnTheConnectionThatStandardErrorComesBy) {
  int of_rank = -1;
  std::string words;
  FileDescriptor handed;
  monitor_->set_stderr_sink([&](FileDescriptor connection, int rank, std::string received) {
    handed = std::move(connection);
    of_rank = rank;
    words = std::move(received);
  });
  auto seventh = connect("RANK secret 7 node\n");
  until([&] { return record(7) != nullptr; });
  auto stranger = connect("STDERR guess 7\nabc");
  until_closed(stranger);
  EXPECT_EQ(of_rank, -1);
  EXPECT_EQ(monitor_->lost(), 0);
  say(seventh, "STDERR secret 7\n");  // a rank that speaks already
  until([&] { return monitor_->lost() == 1; });
  EXPECT_EQ(of_rank, -1);
  auto rank = connect("STDERR secret 7\nRANK secret 3 is what it says\nand more");
  until([&] { return of_rank >= 0; });
  EXPECT_EQ(of_rank, 7);
  EXPECT_EQ(words, "RANK secret 3 is what it says\nand more");
  EXPECT_EQ(monitor_->records().size(), 1u);
  say(rank, "later");
  char buffer[16];
  EXPECT_EQ(::recv(handed.get(), buffer, sizeof buffer, 0) > 0, true);
}

// Those that were not looked at would count as silent.
TEST_F(Monitor, HearsAllThatHaveSpokenAtOnce) {
  std::vector<FileDescriptor> ranks;
  for (int i = 0; i < 200; ++i) ranks.push_back(connect("RANK secret " + std::to_string(i) + " node\n"));
  until([&] { return monitor_->records().size() == 200; });
  for (const auto& rank : ranks) say(rank, "EXIT 0\n");
  // Loopback: what was sent has arrived.
  monitor_->handle();
  EXPECT_EQ(monitor_->ended(), 200);
}

TEST_F(Monitor, TakesAConnectionAndItsFirstWordsTogether) {
  auto rank = connect("RANK secret 0 node\nEXIT 0\n");
  monitor_->handle();
  EXPECT_EQ(monitor_->ended(), 1);
}

TEST(RankMonitor, NamesNodesByTheAddressTheyCallFrom) {
  // Not loopback: the user knows nodes by address. Any address of this machine's own will do.
  auto monitor = RankMonitor::listen(*parse_address("::1"), "t", kLimit);
  if (!monitor) GTEST_SKIP() << "no IPv6 here: " << monitor.error().message;
  EXPECT_EQ(monitor->endpoint().find("[::1]:"), 0u);
  const auto port = static_cast<std::uint16_t>(std::stoi(monitor->endpoint().substr(6)));
  const SocketAddress remote(*parse_address("::1"), port);
  FileDescriptor fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(fd.get(), remote.get(), remote.size()), 0);
  const std::string line = "RANK t 0 0123456789ab\n";
  ASSERT_EQ(::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL), static_cast<ssize_t>(line.size()));
  for (int i = 0; i < 100 && monitor->records().empty(); ++i) {
    pollfd polled{monitor->fd(), POLLIN, 0};
    ::poll(&polled, 1, 100);
    monitor->handle();
  }
  ASSERT_EQ(monitor->records().size(), 1u);
  EXPECT_EQ(monitor->records().at(0).host, "::1");
}

}  // namespace
}  // namespace shipyard::supervise
