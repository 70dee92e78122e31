#include "base/signals.hpp"

#include <fmt/format.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>

namespace shipyard {
namespace {

/// Those that got SIGKILL.
std::vector<pid_t> kill_children(const std::vector<pid_t>& except) {
  auto children = children_of_this_process();
  std::erase_if(children,
                [&](pid_t pid) { return std::find(except.begin(), except.end(), pid) != except.end(); });
  for (const pid_t pid : children) ::kill(pid, SIGKILL);
  return children;
}

}  // namespace

struct SignalDescriptor::Saved {
  sigset_t former;
};

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? std::string("SIG") + name : fmt::format("signal {}", number);
}

std::optional<int> parse_signal(std::string_view text) {
  int number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc{} && end == text.data() + text.size()) {
    // Between the two ranges are the C library's own.
    const bool exists = (number >= 1 && number <= 31) || (number >= SIGRTMIN && number <= SIGRTMAX);
    return exists ? std::optional(number) : std::nullopt;
  }
  std::string name(text);
  if (::strncasecmp(name.c_str(), "SIG", 3) == 0) name.erase(0, 3);
  for (number = 1; number < NSIG; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && ::strcasecmp(known, name.c_str()) == 0) return number;
  }
  return std::nullopt;
}

SignalDescriptor::SignalDescriptor(std::initializer_list<int> signals) : saved_(std::make_unique<Saved>()) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int number : signals) sigaddset(&wanted, number);
  ::pthread_sigmask(SIG_BLOCK, &wanted, &saved_->former);
  fd_ = FileDescriptor(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

SignalDescriptor::~SignalDescriptor() { ::pthread_sigmask(SIG_SETMASK, &saved_->former, nullptr); }

std::optional<ReceivedSignal> SignalDescriptor::read() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return ReceivedSignal{static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid)};
}

void die_by_signal(int number) {
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  ::sigaction(number, &fallback, nullptr);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(number);
  ::_exit(128 + number);
}

bool send_signal(pid_t pid, int number) { return ::kill(pid, number) == 0; }

bool is_ignored(int number) {
  struct sigaction current {};
  return ::sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

void ignore_broken_pipes() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
}

void become_subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::vector<pid_t> children_of_this_process() {
  std::vector<pid_t> result;
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t pid = 0; children >> pid;) result.push_back(pid);
  return result;
}

void kill_all_children(const std::vector<pid_t>& except) { (void)kill_children(except); }

void kill_all_descendants(const std::vector<pid_t>& except) {
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds; ++round) {
    const auto killed = kill_children(except);
    if (killed.empty()) return;
    ::waitpid(killed.front(), nullptr, 0);
  }
}

void reap_orphans(pid_t except) {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (info.si_pid == except) return;  // its owner waits for it
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace shipyard
