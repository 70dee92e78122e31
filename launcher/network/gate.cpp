#include "launcher/network/gate.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <queue>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "base/socket_address.hpp"
#include "launcher/network/greeting.hpp"

namespace shipyard::network {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};
/// For a connection: a node behind a firewall that drops packets says nothing at all.
constexpr milliseconds kConnectLimit{3000};
/// Of an attempt with small segments, which a firewall may drop (hasten_dialogue).
constexpr milliseconds kSmallSegmentsLimit{1000};
/// For the banner: a node that is busy starting containers may need seconds for it, and to ask it again would
/// not hurry it.
constexpr milliseconds kBannerLimit{10'000};
/// An attempt cut off by the end of the wait that was shorter than this tells less than the one before it.
constexpr milliseconds kTelling{500};
constexpr milliseconds kTick{1000};
constexpr milliseconds kBetweenReports{100};
/// Open connections at a time, and descriptors for everything else.
constexpr std::size_t kAtOnce = 512;
constexpr std::size_t kOtherDescriptors = 64;
constexpr std::size_t kLongestGreeting = 4096;

struct Probe {
  FileDescriptor fd;
  bool connected = false;
  bool ready = false;
  bool banner_unread = false;  // with ready: ssh can go on with this connection
  bool small_segments = true;  // until an attempt gets no answer at all
  Clock::time_point since{};
  std::string received;
  std::string banner;
  std::string last_word = "was not asked: no time was given";
  GateFault fault = GateFault::kNotAsked;
  Clock::time_point next_step{};  // of an attempt: its end; between attempts: the next one's start
  milliseconds pause = kFirstPause;
};

GateFault fault_of(int number) {
  switch (number) {
    case ECONNREFUSED:
      return GateFault::kRefused;
    case ETIMEDOUT:
      return GateFault::kNoAnswer;
    case ECONNRESET:
    case EPIPE:
      return GateFault::kClosed;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return GateFault::kLocal;
    default:
      return GateFault::kNoRoute;
  }
}

/// How many connections may be open at a time, and how many of them stay open for ssh.
struct Room {
  std::size_t at_once = kAtOnce;
  std::size_t keep = 0;
};

Room room_for(std::size_t keep) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {kAtOnce, keep};
  const std::size_t free = limit.rlim_cur > kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : 0;
  return {std::clamp<std::size_t>(free * 2 / 3, 1, kAtOnce), std::min(keep, free / 3)};
}

class Gate {
 public:
  Gate(const std::vector<GateTarget>& targets, const GateOptions& options)
      : targets_(targets),
        options_(options),
        start_(Clock::now()),
        end_(start_ + options.wait),
        room_(room_for(options.keep)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        probes_(targets.size()) {
    for (std::size_t i = 0; i < probes_.size(); ++i) startable_.push_back(i);
  }

  GateReport run() {
    for (auto now = start_; report_.ready < probes_.size() && now < end_; now = Clock::now()) {
      take_steps(now);
      while (open_ < room_.at_once && !startable_.empty()) {
        const std::size_t index = startable_.front();
        startable_.pop_front();
        start_attempt(index);
      }
      report_progress(now);
      if (wait_for_events()) {
        report_.cancelled = true;
        break;
      }
      handle_events();
    }
    return conclude();
  }

 private:
  struct Step {
    Clock::time_point at;
    std::size_t index;
    bool operator>(const Step& other) const { return at > other.at; }
  };

  void schedule(std::size_t index, Clock::time_point at) {
    probes_[index].next_step = at;
    steps_.push({at, index});
  }

  /// Those whose time has come. An entry of the queue that another step has overtaken is passed over.
  void take_steps(Clock::time_point now) {
    while (!steps_.empty() && steps_.top().at <= now) {
      const Step step = steps_.top();
      steps_.pop();
      Probe& probe = probes_[step.index];
      if (probe.ready || probe.next_step != step.at) continue;
      if (!probe.fd) {
        startable_.push_back(step.index);
      } else if (!probe.connected && is_connected(probe)) {
        probe.connected = true;
        schedule(step.index, probe.since + kBannerLimit);
      } else {
        give_up_attempt(step.index);
      }
    }
  }

  void start_attempt(std::size_t index) {
    Probe& probe = probes_[index];
    const SocketAddress remote(targets_[index].address, options_.port);
    probe.connected = false;
    probe.received.clear();
    probe.since = Clock::now();
    probe.fd = FileDescriptor(::socket(remote.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!probe.fd) return fail_attempt(index, errno);
    ++open_;
    hasten_dialogue(probe.fd.get(), probe.small_segments);
    if (::connect(probe.fd.get(), remote.get(), remote.size()) != 0 && errno != EINPROGRESS)
      return fail_attempt(index, errno);
    // A connection that fails is told as well; one that is made is nothing to wake up for.
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, probe.fd.get(), &event) != 0)
      return fail_attempt(index, errno);
    schedule(index, probe.since + (probe.small_segments ? kSmallSegmentsLimit : kConnectLimit));
  }

  void close(Probe& probe) {
    if (!probe.fd) return;
    (void)probe.fd.close();
    --open_;
  }

  void fail_attempt(std::size_t index, GateFault fault, std::string why) {
    Probe& probe = probes_[index];
    close(probe);
    probe.fault = fault;
    probe.last_word = std::move(why);
    schedule(index, Clock::now() + probe.pause);
    probe.pause = std::min(probe.pause * 2, kLongestPause);
  }
  void fail_attempt(std::size_t index, int number) {
    fail_attempt(index, fault_of(number), error_words(number));
  }

  void fail_as_stranger(std::size_t index, bool closed) {
    auto [fault, words] = describe_stranger(probes_[index].received, closed);
    fail_attempt(index, fault, std::move(words));
  }

  static bool is_connected(const Probe& probe) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    return ::getpeername(probe.fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  }

  void give_up_attempt(std::size_t index) {
    Probe& probe = probes_[index];
    if (!probe.received.empty()) return fail_as_stranger(index, false);
    if (is_connected(probe)) {
      return fail_attempt(index, GateFault::kSilent, "accepts the connection, but sends no ssh banner");
    }
    probe.small_segments = false;
    fail_attempt(index, ETIMEDOUT);
  }

  void advance(std::size_t index) {
    Probe& probe = probes_[index];
    char buffer[512];
    ssize_t got = ::recv(probe.fd.get(), buffer, sizeof buffer, MSG_PEEK);
    if (got >= 4 && probe.received.empty() && std::string_view(buffer, 4) == "SSH-") {
      probe.banner_unread = true;
      return note_ready(index, std::string_view(buffer, static_cast<std::size_t>(got)));
    }
    // The error of a connection that failed is told once (socket(7), SO_ERROR), so already here.
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) return fail_attempt(index, errno);
    got = ::recv(probe.fd.get(), buffer, sizeof buffer, 0);
    if (got < 0) return fail_attempt(index, errno);
    if (got == 0 && probe.received.empty())
      return fail_attempt(index, GateFault::kClosed, "closes the connection without a word");
    if (got == 0) return fail_as_stranger(index, true);
    probe.received.append(buffer, static_cast<std::size_t>(got));
    if (find_ssh_version(probe.received)) return note_ready(index, probe.received);
    if (probe.received.size() > kLongestGreeting) fail_as_stranger(index, false);
  }

  void note_ready(std::size_t index, std::string_view received) {
    Probe& probe = probes_[index];
    probe.ready = true;
    ++report_.ready;
    // One that has not arrived whole stays unknown: nobody waits for it.
    probe.banner = find_ssh_version(received).value_or("");
    if (probe.banner_unread && report_.connections.size() < room_.keep) {
      (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, probe.fd.get(), nullptr);
      report_.connections.push_back({targets_[index].address, std::move(probe.fd), probe.since});
      --open_;
    } else {
      close(probe);
    }
  }

  /// True: the wait is to end. poll(2) beside epoll, which refuses files and /dev/null: standard input may be
  /// one.
  bool wait_for_events() {
    auto wake = end_;
    if (!steps_.empty()) wake = std::min(wake, steps_.top().at);
    if (options_.progress) wake = std::min(wake, next_report());
    std::vector<pollfd> polled{{epoll_.get(), POLLIN, 0}};
    for (int fd : options_.cancel_fds) polled.push_back({fd, POLLIN, 0});
    const auto pause = std::chrono::ceil<milliseconds>(wake - Clock::now()).count();
    ::poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(pause, 0)));
    const bool asked =
        std::any_of(polled.begin() + 1, polled.end(), [](const pollfd& one) { return one.revents != 0; });
    return asked && options_.cancelled();
  }

  void handle_events() {
    std::array<epoll_event, kAtOnce> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) advance(events[static_cast<std::size_t>(i)].data.u64);
  }

  [[nodiscard]] Clock::time_point next_report() const {
    const bool changed = report_.ready != reported_ready_;
    return reported_at_ + (changed ? kBetweenReports : kTick);
  }

  void report_progress(Clock::time_point now) {
    const bool first = reported_ready_ == 0 && report_.ready > 0;
    if (!options_.progress || (!first && now < next_report())) return;
    GateProgress progress{.ready = report_.ready,
                          .nodes = probes_.size(),
                          .left = std::chrono::duration_cast<milliseconds>(end_ - now),
                          .missing = {}};
    if (progress.nodes - progress.ready <= GateProgress::kNamed) progress.missing = missing();
    reported_ready_ = report_.ready;
    reported_at_ = now;
    options_.progress(progress);
  }

  [[nodiscard]] std::vector<GateFailure> missing() const {
    std::vector<GateFailure> result;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (!probes_[i].ready) result.push_back({targets_[i].name, probes_[i].last_word, probes_[i].fault});
    }
    return result;
  }

  GateReport conclude() {
    const auto now = Clock::now();
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      const Probe& probe = probes_[i];
      const bool told_before = probe.fault != GateFault::kNotAsked && now - probe.since < kTelling;
      if (probe.fd && (!told_before || !probe.received.empty())) give_up_attempt(i);
    }
    report_.failures = missing();
    for (auto& probe : probes_) report_.banners.push_back(std::move(probe.banner));
    report_.elapsed = std::chrono::duration_cast<milliseconds>(now - start_);
    return std::move(report_);
  }

  const std::vector<GateTarget>& targets_;
  const GateOptions& options_;
  const Clock::time_point start_;
  const Clock::time_point end_;
  const Room room_;
  FileDescriptor epoll_;
  std::vector<Probe> probes_;
  std::deque<std::size_t> startable_;  // in the order in which their time came
  std::priority_queue<Step, std::vector<Step>, std::greater<>> steps_;
  std::size_t open_ = 0;
  std::size_t reported_ready_ = 0;
  Clock::time_point reported_at_ = start_;
  GateReport report_;
};

}  // namespace

GateReport wait_for_sshd(const std::vector<GateTarget>& targets, const GateOptions& options) {
  return Gate(targets, options).run();
}

}  // namespace shipyard::network
