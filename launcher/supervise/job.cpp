#include "launcher/supervise/job.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace shipyard::supervise {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How long nodes may take to end their ranks once this side has hung up: their own grace of 2 s and a little
/// more.
constexpr milliseconds kHangUpLimit{4000};
/// How long the last words of ranks may be under way once mpirun has ended.
constexpr milliseconds kLastWordsLimit{1000};

class Job {
 public:
  Job(const JobOptions& options, RankMonitor& monitor, SignalDescriptor& signals, Child child)
      : options_(options), monitor_(monitor), signals_(signals), child_(std::move(child)) {}

  JobResult run() {
    while (!child_.try_wait()) {
      wait_for_event(deadline());
      if (kill_at_ && Clock::now() >= *kill_at_ && !result_.forced) force();
      if (loss_noticed_ && !kill_at_ && Clock::now() >= *loss_noticed_ + options_.loss_grace) {
        result_.ended_for_loss = true;
        begin_end();
      }
    }
    result_.mpirun = child_.wait();
    settle();
    for (const auto& [rank, record] : monitor_.records()) result_.ranks.push_back(record);
    return result_;
  }

 private:
  std::optional<Clock::time_point> deadline() const {
    if (result_.forced) return std::nullopt;
    if (kill_at_) return kill_at_;
    if (loss_noticed_) return *loss_noticed_ + options_.loss_grace;
    return std::nullopt;
  }

  void wait_for_event(std::optional<Clock::time_point> until) {
    int limit = -1;
    if (until) {
      limit =
          static_cast<int>(std::max<long>(0, std::chrono::ceil<milliseconds>(*until - Clock::now()).count()));
    }
    std::vector<pollfd> polled{{signals_.fd(), POLLIN, 0},
                               {monitor_.fd(), POLLIN, 0},
                               {options_.lifeline && !lifeline_closed_ ? STDIN_FILENO : -1, POLLIN, 0}};
    for (const auto& source : options_.events) polled.push_back({source.fd, POLLIN, 0});
    ::poll(polled.data(), polled.size(), limit);
    for (std::size_t i = 0; i < options_.events.size(); ++i) {
      if (polled[3 + i].revents != 0) options_.events[i].handle();
    }
    if (polled[1].revents != 0) monitor_.handle();
    if (monitor_.lost() > 0 && !loss_noticed_) loss_noticed_ = Clock::now();
    if (polled[0].revents != 0) take_signals();
    if (polled[2].revents != 0) read_lifeline();
  }

  void take_signals() {
    while (auto received = signals_.read()) {
      if (received->number == SIGCHLD) {
        reap_orphans(child_.pid());
      } else {
        on_signal(received->number);
      }
    }
  }

  /// The first one asks mpirun to end, another one hurries.
  void on_signal(int number) {
    if (!result_.signal) {
      result_.signal = number;
      if (!kill_at_) return begin_end();
    }
    force();
  }

  void read_lifeline() {
    char buffer[4096];
    ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got > 0) return;  // nothing is expected there; only its end means something
    lifeline_closed_ = true;
    result_.lifeline_ended = true;
    if (!result_.signal) on_signal(SIGTERM);
  }

  void begin_end() {
    child_.signal(SIGTERM);
    kill_at_ = Clock::now() + options_.kill_after;
  }

  void force() {
    if (result_.forced) return;
    result_.forced = true;
    monitor_.hang_up();
    child_.signal(SIGKILL);
  }

  /// mpirun has ended. Takes in what the ranks still have to say, then ends those that go on.
  void settle() {
    const auto wait_until_gone = [&](milliseconds limit) {
      const auto end = Clock::now() + limit;
      monitor_.handle();
      while (monitor_.connected() > 0 && Clock::now() < end) wait_for_event(end);
    };
    wait_until_gone(kLastWordsLimit);
    if (monitor_.connected() > 0) {
      monitor_.hang_up();
      wait_until_gone(kHangUpLimit);
    }
    // What is still there are mpirun's orphans: ssh clients, and what a rank put into the background.
    kill_all_children();
    reap_orphans(child_.pid());
  }

  const JobOptions& options_;
  RankMonitor& monitor_;
  SignalDescriptor& signals_;
  Child child_;
  JobResult result_;
  std::optional<Clock::time_point> kill_at_;
  std::optional<Clock::time_point> loss_noticed_;
  bool lifeline_closed_ = false;
};

}  // namespace

Result<JobResult> run_job(const JobOptions& options, RankMonitor& monitor, SignalDescriptor& signals) {
  become_subreaper();
  Command command = options.mpirun;
  command.own_process_group = !options.foreground;
  auto child = Child::start(command);
  if (!child) return child.error();
  return Job(options, monitor, signals, std::move(*child)).run();
}

}  // namespace shipyard::supervise
