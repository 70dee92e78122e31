#include "launcher/supervise/job.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <thread>

#include "base/socket_address.hpp"
#include "tests/unit/fake_rank.hpp"

namespace shipyard::supervise {
namespace {

using std::chrono::milliseconds;

/// A job whose mpirun is a `cat` that ends when the test lets it, with ranks that are sockets of a thread.
class JobOfTwoRanks : public testing::Test {
 protected:
  void SetUp() override {
    auto made = RankMonitor::listen(*parse_address("127.0.0.1"), "t", milliseconds(15'000));
    ASSERT_TRUE(made) << made.error().message;
    monitor_.emplace(std::move(*made));
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    input_ = FileDescriptor(ends[0]);
    ending_ = FileDescriptor(ends[1]);
  }

  FileDescriptor connect(const std::string& words) { return connect_rank(monitor_->endpoint(), words); }
  /// What the launcher says until this word, or until it hangs up; nothing more after 10 s.
  static std::string hear(const FileDescriptor& fd, const std::string& word = {}) {
    std::string heard;
    char buffer[256];
    while (word.empty() || heard.find(word) == std::string::npos) {
      pollfd polled{fd.get(), POLLIN, 0};
      if (::poll(&polled, 1, 10'000) != 1) return heard + "(silence)";
      const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return heard;
      heard.append(buffer, static_cast<std::size_t>(got));
    }
    return heard;
  }
  static long count(const std::string& text, const std::string& part) {
    long found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }

  JobResult run(JobOptions options, const std::function<void()>& ranks) {
    options.mpirun = {
        .argv = {"/bin/cat", "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(input_.get())},
        .environment = {},
        .standard_output = Command::Stream::kNull};
    options.ranks = 2;
    options.kill_after = milliseconds(500);
    ErrorOutput errors(STDERR_FILENO, {});
    SignalDescriptor signals({SIGCHLD});
    std::thread thread(ranks);
    auto result = run_job(options, *monitor_, errors, signals);
    thread.join();
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *result : JobResult{};
  }
  void end_mpirun() { (void)ending_.close(); }

  std::optional<RankMonitor> monitor_;
  FileDescriptor input_, ending_;
};

using PreemptedJob = JobOfTwoRanks;
using FailedJob = JobOfTwoRanks;

TEST_F(PreemptedJob, EveryRankIsSentTheSignalOnceAndMayEndByItself) {
  std::string heard[2];
  const auto result = run({.preempt_signal = SIGUSR1}, [&] {
    auto zero = connect("RANK t 0 node-a\n");
    auto one = connect("RANK t 1 node-b\n");
    hear(zero, "LIVE 15000\n");
    hear(one, "LIVE 15000\n");
    say(one, "PREEMPT 60 Preempt e\n");
    heard[0] = hear(zero, "SIGNAL 10\n");
    heard[1] = hear(one, "SIGNAL 10\n");
    // Another node is to go as well, a rank ends, and all that is no reason to send it again.
    say(zero, "PREEMPT 50 Preempt e\nBEAT\n");
    say(one, "EXIT 0\n");
    ::shutdown(one.get(), SHUT_WR);
    heard[1] += hear(one);
    say(zero, "EXIT 0\n");
    ::shutdown(zero.get(), SHUT_WR);
    heard[0] += hear(zero);
    end_mpirun();
  });
  EXPECT_EQ(count(heard[0], "SIGNAL"), 1) << heard[0];
  EXPECT_EQ(count(heard[1], "SIGNAL"), 1) << heard[1];
  EXPECT_EQ(result.ended, Ended::kByItself);
  ASSERT_TRUE(result.preemption);
  EXPECT_EQ(*result.preemption, (PreemptionNotice{"node-b", std::chrono::seconds(60), "Preempt", "e", ""}));
}

TEST_F(PreemptedJob, TheOthersHaveTheirTimeAlsoWhereTheNodeIsGoneAlready) {
  std::string heard;
  const auto result = run({.loss_grace = milliseconds(0), .preempt_signal = SIGUSR1}, [&] {
    auto zero = connect("RANK t 0 node-a\n");
    auto one = connect("RANK t 1 node-b\n");
    hear(zero, "LIVE 15000\n");
    hear(one, "LIVE 15000\n");
    say(one, "PREEMPT 1 Preempt e\n");
    hear(one, "SIGNAL 10\n");
    hear(zero, "SIGNAL 10\n");
    (void)one.close();
    heard = hear(zero);  // until the job is ended
  });
  EXPECT_EQ(result.ended, Ended::kPreempted);
  EXPECT_EQ(count(heard, "SIGNAL 10"), 0) << heard;
  EXPECT_TRUE(result.preemption);
}

TEST_F(PreemptedJob, ARankThatHasFailedOrGoneBeforeIsTheCauseOfTheEnd) {
  for (const char* last : {"EXIT 3\n", ""}) {
    SetUp();
    std::string heard;
    const auto result = run({.loss_grace = milliseconds(300), .preempt_signal = SIGUSR1}, [&] {
      auto zero = connect("RANK t 0 node-a\n");
      auto one = connect("RANK t 1 node-b\n");
      hear(zero, "LIVE 15000\n");
      hear(one, "LIVE 15000\n");
      say(one, last);
      ::shutdown(one.get(), SHUT_WR);
      hear(one);  // taken in
      say(zero, "PREEMPT 60 Preempt e\nEXIT 0\n");
      ::shutdown(zero.get(), SHUT_WR);
      heard = hear(zero);
      if (*last != '\0') end_mpirun();
    });
    EXPECT_EQ(count(heard, "SIGNAL"), 0) << heard;
    EXPECT_FALSE(result.preemption);
    EXPECT_EQ(result.ended, *last != '\0' ? Ended::kByItself : Ended::kForLoss);
  }
}

TEST_F(PreemptedJob, WithoutASignalForItNothingIsDone) {
  std::string heard;
  const auto result = run({}, [&] {
    auto zero = connect("RANK t 0 node-a\nPREEMPT 1 Preempt e\nEXIT 0\n");
    auto one = connect("RANK t 1 node-b\nEXIT 0\n");
    ::shutdown(zero.get(), SHUT_WR);
    ::shutdown(one.get(), SHUT_WR);
    heard = hear(zero) + hear(one);
    end_mpirun();
  });
  EXPECT_EQ(count(heard, "SIGNAL"), 0) << heard;
  EXPECT_FALSE(result.preemption);
  EXPECT_EQ(result.ended, Ended::kByItself);
}

TEST_F(PreemptedJob, NodesThatNobodyWatchesAreToldOfOnceAndTogether) {
  std::vector<std::vector<UnwatchedNode>> told;
  FileDescriptor zero, one;
  std::thread ranks;
  const auto result = run({.preempt_signal = SIGUSR1,
                           .on_unwatched =
                               [&](const std::vector<UnwatchedNode>& nodes) {
                                 told.push_back(nodes);
                                 end_mpirun();
                               }},
                          [&] {
                            zero = connect("RANK t 0 node-a\nUNWATCHED refused\n");
                            one = connect("RANK t 1 node-b\nUNWATCHED no answer\n");
                          });
  EXPECT_EQ(told,
            (std::vector<std::vector<UnwatchedNode>>{{{"node-a", "refused"}, {"node-b", "no answer"}}}));
  EXPECT_FALSE(result.preemption);
}

TEST_F(FailedJob, EndsThoughMpirunAndTheOthersGoOn) {
  const auto result = run({.failure_grace = milliseconds(100)}, [&] {
    auto zero = connect("RANK t 0 node-a\n");
    auto one = connect("RANK t 1 node-b\nEXIT 3\n");
    ::shutdown(one.get(), SHUT_WR);
    hear(zero);  // until the job is ended
  });
  EXPECT_EQ(result.ended, Ended::kForFailure);
}

TEST_F(FailedJob, IsMpirunsToEndWhereItDoes) {
  const auto result = run({}, [&] {
    auto zero = connect("RANK t 0 node-a\n");
    auto one = connect("RANK t 1 node-b\nEXIT 3\n");
    ::shutdown(one.get(), SHUT_WR);
    hear(one);
    say(zero, "EXIT 0\n");
    ::shutdown(zero.get(), SHUT_WR);
    hear(zero);
    end_mpirun();
  });
  EXPECT_EQ(result.ended, Ended::kByItself);
}

}  // namespace
}  // namespace shipyard::supervise
