#include "base/signals.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/subprocess.hpp"

namespace shipyard {
namespace {

/// waitpid's status of a child that runs `body`.
int status_of_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

bool is_blocked(int number) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}

TEST(SignalName, NamesSignalsAsTheirMacrosDo) {
  EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
  EXPECT_EQ(signal_name(SIGINT), "SIGINT");
  EXPECT_EQ(signal_name(99), "signal 99");
}

TEST(SignalDescriptor, MakesASignalReadableWithItsSender) {
  SignalDescriptor signals{SIGUSR1, SIGUSR2};
  EXPECT_FALSE(signals.read());
  ::kill(::getpid(), SIGUSR2);
  pollfd polled{signals.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 10'000), 1);
  auto received = signals.read();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->number, SIGUSR2);
  EXPECT_EQ(received->sender, ::getpid());
  EXPECT_FALSE(signals.read());
}

TEST(SignalDescriptor, RestoresTheFormerMask) {
  ASSERT_FALSE(is_blocked(SIGUSR1));
  {
    SignalDescriptor signals{SIGUSR1};
    EXPECT_TRUE(is_blocked(SIGUSR1));
  }
  EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST(SignalDescriptor, LeavesChildrenUnblocked) {
  SignalDescriptor signals{SIGTERM};
  auto done =
      run({.argv = {"/bin/sh", "-c", "kill -TERM $$; sleep 20"}, .environment = {"PATH=/usr/bin:/bin"}},
          std::chrono::seconds(15));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->exit, (Exit{true, SIGTERM}));
}

TEST(DieBySignal, TheParentSeesTheSignalItself) {
  for (int number : {SIGTERM, SIGINT, SIGABRT}) {
    const int status = status_of_child([number]() -> int {
      const rlimit core{1 << 26, 1 << 26};
      ::setrlimit(RLIMIT_CORE, &core);
      // As in a process that handles it, and has it blocked just now.
      ::signal(number, SIG_IGN);
      SignalDescriptor signals{number};
      die_by_signal(number);
    });
    EXPECT_TRUE(WIFSIGNALED(status)) << number;
    EXPECT_EQ(WTERMSIG(status), number);
    EXPECT_FALSE(WCOREDUMP(status)) << number;
  }
}

TEST(DieBySignal, ExitsAsAShellWouldWhereTheSignalDoesNotTerminate) {
  const int status = status_of_child([]() -> int { die_by_signal(SIGCHLD); });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGCHLD);
}

TEST(IsIgnored, TellsAnIgnoredSignalFromOneAtItsDefault) {
  ASSERT_FALSE(is_ignored(SIGUSR1));
  ::signal(SIGUSR1, SIG_IGN);
  EXPECT_TRUE(is_ignored(SIGUSR1));
  ::signal(SIGUSR1, SIG_DFL);
}

TEST(IgnoreBrokenPipes, AWriteToAClosedPipeIsAnError) {
  const int status = status_of_child([] {
    ignore_broken_pipes();
    int ends[2];
    if (::pipe(ends) != 0) return 2;
    ::close(ends[0]);
    return ::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

TEST(SendSignal, SaysWhetherThereIsSuchAProcess) {
  EXPECT_TRUE(send_signal(::getpid(), 0));
  int status = 0;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_FALSE(send_signal(child, 0));
}

TEST(ParseSignal, TakesNamesAndNumbersAsKillDoes) {
  for (const char* text : {"USR1", "SIGUSR1", "usr1", "sigusr1", "10"})
    EXPECT_EQ(parse_signal(text), SIGUSR1) << text;
  EXPECT_EQ(parse_signal("TERM"), SIGTERM);
  EXPECT_EQ(parse_signal("34"), SIGRTMIN);
  for (const char* text :
       {"", "SIG", "USR3", "SIGSIGUSR1", "USR1 ", "0", "-1", "32", "65", "10x", "99999999999"})
    EXPECT_EQ(parse_signal(text), std::nullopt) << text;
}

TEST(Subreaper, OrphansCanBeEndedAndReapedWhereTheOwnChildIsLeftToItsOwner) {
  const int status = status_of_child([] {
    become_subreaper();
    // The shell leaves a child behind, which would otherwise become init's.
    auto shell = run({.argv = {"/bin/sh", "-c", "sleep 100 >/dev/null 2>&1 & echo $!"},
                      .environment = {"PATH=/usr/bin:/bin"}},
                     std::chrono::seconds(10));
    if (!shell) return 1;
    const pid_t orphan = std::stoi(shell->output);
    kill_all_children();
    for (int i = 0; i < 5000 && ::kill(orphan, 0) == 0; ++i) {
      reap_orphans(-1);
      ::usleep(1000);
    }
    if (::kill(orphan, 0) == 0) return 2;

    const pid_t own = ::fork();
    if (own == 0) ::_exit(7);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(own), &info, WEXITED | WNOWAIT);
    reap_orphans(own);
    int own_status = 0;
    return ::waitpid(own, &own_status, WNOHANG) == own && WEXITSTATUS(own_status) == 7 ? 0 : 3;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace shipyard
