#include "launcher/supervise/job.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "base/environment.hpp"
#include "base/output.hpp"
#include "launcher/supervise/mpi_files.hpp"

namespace shipyard::supervise {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How long nodes may take to end their ranks once this side has hung up: their own grace of 2 s and a little
/// more. After SIGKILL there is nothing to wait for but the network.
constexpr milliseconds kHangUpLimit{2500};
constexpr milliseconds kKilledLimit{1000};
/// How long the last words of ranks may be under way once mpirun has ended.
constexpr milliseconds kLastWordsLimit{1000};
/// mpirun's, after SIGTERM, where a node was lost: it often waits for that node in vain.
constexpr milliseconds kGraceAfterLoss{1000};
/// Nodes whose preemption nobody watches for find that out at about the same time.
constexpr milliseconds kGatherUnwatched{3000};
/// How soon the job ends once ranks have ended because this process was stopped.
constexpr milliseconds kEndAfterPause{15'000};
/// How often mpirun is looked at once all ranks have ended.
constexpr milliseconds kIdleCheck{500};

/// CPU time that a process has used, in clock ticks (proc(5), stat, fields 14 and 15); 0: it is gone.
unsigned long cpu_ticks(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  unsigned long user = 0;
  unsigned long system = 0;
  const char* kFormat = ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
  if (std::sscanf(line.c_str() + name_end, kFormat, &user, &system) != 2) return 0;
  return user + system;
}

class Job {
 public:
  Job(const JobOptions& options, RankMonitor& monitor, ErrorOutput& errors, SignalDescriptor& signals,
      Child child, std::vector<pid_t> earlier_children)
      : options_(options),
        monitor_(monitor),
        errors_(errors),
        signals_(signals),
        child_(std::move(child)),
        earlier_children_(std::move(earlier_children)) {
    words_fd_ = std::move(child_.stderr_pipe());
    ::fcntl(words_fd_.get(), F_SETFL, O_NONBLOCK);
  }

  JobResult run() {
    while (!child_.try_wait()) {
      wait_for_event(next_deadline());
      keep_deadlines();
    }
    result_.mpirun = child_.wait();
    note_pause(Clock::now());
    if (Clock::now() > paused_until_ + kEndAfterPause) result_.paused = milliseconds(0);
    settle();
    for (const auto& [rank, record] : monitor_.records()) result_.ranks.push_back(record);
    result_.mpirun_words = words_.text();
    return result_;
  }

 private:
  bool all_started() const {
    return started_ || monitor_.records().size() >= static_cast<std::size_t>(std::max(options_.ranks, 1));
  }
  bool all_ended() const {
    // Where nobody has said how many there are: all that were heard of, and none that still speaks.
    const bool enough = options_.ranks > 0 ? monitor_.ended() >= options_.ranks : monitor_.connected() == 0;
    return enough && monitor_.ended() > 0 && monitor_.lost() == 0;
  }

  std::optional<Clock::time_point> launch_deadline() const {
    if (!options_.launch_timeout || all_started()) return std::nullopt;
    return start_ + *options_.launch_timeout;
  }
  std::optional<Clock::time_point> loss_deadline() const {
    // That a node goes is no surprise now: what the others still write is waited for.
    if (!loss_noticed_ || preempted_at_) return std::nullopt;
    return monitor_.silent() > 0 ? *loss_noticed_ : *loss_noticed_ + options_.loss_grace;
  }

  std::optional<Clock::time_point> failure_deadline() const {
    if (!failed_since_ || !options_.failure_grace || preempted_at_) return std::nullopt;
    return *failed_since_ + *options_.failure_grace;
  }
  std::optional<Clock::time_point> preemption_deadline() const {
    if (!preempted_at_) return std::nullopt;
    // mpirun may wait for the node that is gone.
    const bool nobody_left =
        options_.ranks > 0 && monitor_.lost() > 0 && monitor_.ended() + monitor_.lost() >= options_.ranks;
    return nobody_left ? *preempted_at_ : *preempted_at_ + result_.preemption->left;
  }
  std::optional<Clock::time_point> unwatched_deadline() const {
    if (!unwatched_since_ || unwatched_told_) return std::nullopt;
    return *unwatched_since_ + kGatherUnwatched;
  }

  /// When something has to be done though nothing happens.
  Clock::time_point next_deadline() const {
    auto next = std::min(next_beat_, monitor_.silence_deadline());
    const auto consider = [&](std::optional<Clock::time_point> time) {
      if (time) next = std::min(next, *time);
    };
    if (kill_at_) {
      if (!result_.forced) consider(kill_at_);
    } else {
      consider(launch_deadline());
      if (options_.time_limit) consider(start_ + *options_.time_limit);
      consider(loss_deadline());
      if (missed_since_) consider(*missed_since_ + options_.init_grace);
      consider(failure_deadline());
      consider(preemption_deadline());
      consider(unwatched_deadline());
      if (all_ended()) consider(Clock::now() + kIdleCheck);
    }
    consider(errors_.next_flush());
    return next;
  }

  void keep_deadlines() {
    const auto now = Clock::now();
    if (!started_ && all_started()) started_ = true;
    const auto passed = [&](std::optional<Clock::time_point> time) { return time && now >= *time; };
    if (kill_at_) {
      if (passed(kill_at_)) force();
      return;
    }
    note_preemption(now);
    note_unwatched(passed(unwatched_deadline()), now);
    if (passed(preemption_deadline())) return end_for(Ended::kPreempted);
    if (passed(loss_deadline())) return end_for(Ended::kForLoss);
    if (missed_since_ && !all_ended() && now >= *missed_since_ + options_.init_grace)
      return end_for(Ended::kMissedInit);
    if (!all_ended() && passed(failure_deadline())) return end_for(Ended::kForFailure);
    if (passed(launch_deadline())) return end_for(Ended::kLaunchTimeout);
    if (options_.time_limit && now >= start_ + *options_.time_limit) return end_for(Ended::kTimeLimit);
    if (all_ended() && hangs_at_its_end(now)) end_for(Ended::kHungAtItsEnd);
  }

  /// The ranks are to write down what they have. Those that come later have nothing yet.
  void note_preemption(Clock::time_point now) {
    if (preempted_at_ || options_.preempt_signal == 0 || !monitor_.preemption()) return;
    const auto& records = monitor_.records();
    const bool failed = std::any_of(records.begin(), records.end(), [](const auto& entry) {
      return entry.second.failed() || entry.second.lost;
    });
    if (failed || all_ended()) return;  // the job is at its end anyhow, for a reason of its own
    preempted_at_ = now;
    result_.preemption = monitor_.preemption();
    monitor_.send_signal(options_.preempt_signal);
  }

  void note_unwatched(bool gathered, Clock::time_point now) {
    if (monitor_.unwatched().empty() || unwatched_told_) return;
    if (!unwatched_since_) unwatched_since_ = now;
    if (!gathered) return;
    if (!is_writable(STDERR_FILENO)) {
      unwatched_since_ = now;  // later
      return;
    }
    unwatched_told_ = true;
    if (options_.on_unwatched) options_.on_unwatched(monitor_.unwatched());
  }

  /// All ranks have ended, and mpirun neither ends nor does anything (Open MPI 5.0.7: 4 in 180 launches). One
  /// that still hands on output to a slow reader is left alone.
  bool hangs_at_its_end(Clock::time_point now) {
    const auto ticks = cpu_ticks(child_.pid());
    if (!is_writable(STDOUT_FILENO)) {
      idle_since_ = all_ended_since_ = now;
    } else if (!idle_since_ || ticks != idle_ticks_) {
      idle_since_ = now;
    }
    if (!all_ended_since_) all_ended_since_ = now;
    idle_ticks_ = ticks;
    return now >= *idle_since_ + options_.idle_limit || now >= *all_ended_since_ + options_.end_limit;
  }

  /// The ranks have heard nothing since the last beat.
  void note_pause(Clock::time_point now) {
    const auto silence = now - (next_beat_ - monitor_.interval());
    if (silence < monitor_.silence_limit() || monitor_.records().empty()) return;
    result_.paused = std::chrono::duration_cast<milliseconds>(silence);
    paused_until_ = now;
  }

  void wait_for_event(Clock::time_point until) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    enum : std::size_t { kSignals, kMonitor, kLifeline, kErrors, kWords, kTarget, kOthers };
    // What is to be shown is read only when it can be shown; a reader that is slow slows its writers down.
    std::vector<pollfd> polled(kOthers, pollfd{-1, POLLIN, 0});
    polled[kSignals].fd = signals_.fd();
    polled[kMonitor].fd = monitor_.fd();
    if (options_.lifeline && !lifeline_closed_) polled[kLifeline].fd = STDIN_FILENO;
    if (!stderr_full_) polled[kErrors].fd = errors_.fd();
    if (!stderr_full_ || !options_.show_mpirun_words) polled[kWords].fd = words_fd_.get();
    if (stderr_full_) polled[kTarget] = {STDERR_FILENO, POLLOUT, 0};
    for (const auto& source : options_.events) polled.push_back({source.fd, POLLIN, 0});
    ::poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(left, 0)));
    for (std::size_t i = 0; i < options_.events.size(); ++i) {
      if (polled[kOthers + i].revents != 0) options_.events[i].handle();
    }
    if (polled[kMonitor].revents != 0) monitor_.handle();
    const auto now = Clock::now();
    note_pause(now);
    if (now >= next_beat_) {
      monitor_.handle();  // whoever has spoken meanwhile is not silent
      monitor_.beat(now);
      next_beat_ = now + monitor_.interval();
    } else if (now >= monitor_.silence_deadline()) {
      monitor_.handle();
      monitor_.judge_silence(now);
    }
    if (monitor_.lost() > 0 && !loss_noticed_) loss_noticed_ = now;
    if (monitor_.missed() && !missed_since_) missed_since_ = now;
    if (monitor_.failed() && !failed_since_) failed_since_ = now;
    if (polled[kErrors].revents != 0 || polled[kWords].revents != 0 || polled[kTarget].revents != 0)
      hand_on_errors(polled[kWords].revents != 0);
    errors_.flush(now);
    if (polled[kSignals].revents != 0) take_signals();
    if (polled[kLifeline].revents != 0) read_lifeline();
  }

  void hand_on_errors(bool of_mpirun) {
    errors_.handle();
    stderr_full_ = errors_.blocked() || !is_writable(STDERR_FILENO);
    if (of_mpirun && (!stderr_full_ || !options_.show_mpirun_words)) read_words();
  }

  void read_words() {
    char buffer[4096];
    const ssize_t got = ::read(words_fd_.get(), buffer, sizeof buffer);
    if (got > 0) {
      const std::string_view text(buffer, static_cast<std::size_t>(got));
      words_.append(text);
      if (options_.words_log >= 0) (void)write_all(options_.words_log, text);
      if (options_.show_mpirun_words) (void)write_all(STDERR_FILENO, text);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      (void)words_fd_.close();
    }
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
    if (result_.signal) return force();
    result_.signal = number;
    if (kill_at_) return force();
    end_for(Ended::kBySignal);
  }

  void read_lifeline() {
    char buffer[4096];
    ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got > 0) return;  // nothing is expected there; only its end means something
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    lifeline_closed_ = true;
    result_.lifeline_ended = !result_.signal;
    if (!result_.signal) on_signal(SIGTERM);
  }

  void end_for(Ended reason) {
    result_.ended = reason;
    child_.signal(SIGTERM);
    auto grace = options_.kill_after;
    if (reason == Ended::kForLoss || reason == Ended::kPreempted) {
      // The job is over. The nodes need not hear of it by mpirun, which may never find out.
      monitor_.hang_up();
      grace = std::min(grace, kGraceAfterLoss);
    }
    kill_at_ = Clock::now() + grace;
  }

  void force() {
    if (result_.forced) return;
    result_.forced = true;
    monitor_.send_signal(SIGKILL);
    monitor_.hang_up();
    child_.signal(SIGKILL);
  }

  /// mpirun has ended. Takes in what the ranks still have to say, then ends those that go on.
  void settle() {
    const auto wait_until_gone = [&](milliseconds limit) {
      const auto end = Clock::now() + limit;
      monitor_.handle();
      while (monitor_.connected() > 0 && Clock::now() < end) wait_for_event(std::min(end, next_beat_));
    };
    if (!result_.forced) wait_until_gone(kLastWordsLimit);
    if (monitor_.connected() > 0) {
      monitor_.hang_up();
      wait_until_gone(result_.forced ? kKilledLimit : kHangUpLimit);
    }
    // What is still there are mpirun's orphans: ssh clients, and what a rank put into the background. Not
    // what this process had started before it became the launcher (bash -c 'monitor & exec shipyard-mpirun
    // …').
    kill_all_children(earlier_children_);
    reap_orphans(child_.pid());
    MpiFiles files;  // an mpirun that ended by itself has removed them
    if (result_.mpirun.signalled)
      files.note_daemon(child_.pid(), parse_variables(options_.mpirun.environment));
    files.remove();
    hand_on_the_rest();
  }

  /// What has been written before the end; a reader that reads is waited for.
  void hand_on_the_rest() {
    monitor_.handle();  // a connection that came just before the end
    auto progress = Clock::now();
    std::size_t shown = errors_.bytes();
    while (words_fd_ || errors_.open() > 0 || errors_.blocked()) {
      wait_for_event(std::min(progress + kLastWordsLimit, next_beat_));
      const auto now = Clock::now();
      if (errors_.bytes() != shown) {
        shown = errors_.bytes();
        progress = now;
      }
      // Who reads slowly is waited for, as by any program; not where the job had to be ended.
      const bool patient = stderr_full_ && result_.ended == Ended::kByItself && !result_.signal;
      if (now >= progress + (patient ? options_.end_limit : kLastWordsLimit)) return;
    }
  }

  const JobOptions& options_;
  RankMonitor& monitor_;
  ErrorOutput& errors_;
  SignalDescriptor& signals_;
  Child child_;
  std::vector<pid_t> earlier_children_;
  FileDescriptor words_fd_;  // mpirun's standard error
  MpirunWords words_;
  JobResult result_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_beat_ = start_ + monitor_.interval();
  Clock::time_point paused_until_;
  std::optional<Clock::time_point> kill_at_;
  std::optional<Clock::time_point> loss_noticed_;
  std::optional<Clock::time_point> missed_since_;
  std::optional<Clock::time_point> failed_since_;
  std::optional<Clock::time_point> preempted_at_;
  std::optional<Clock::time_point> unwatched_since_;
  bool unwatched_told_ = false;
  std::optional<Clock::time_point> all_ended_since_;
  std::optional<Clock::time_point> idle_since_;
  unsigned long idle_ticks_ = 0;
  bool started_ = false;
  bool stderr_full_ = false;
  bool lifeline_closed_ = false;
};

}  // namespace

Result<JobResult> run_job(const JobOptions& options, RankMonitor& monitor, ErrorOutput& errors,
                          SignalDescriptor& signals) {
  become_subreaper();
  auto earlier_children = children_of_this_process();
  Command command = options.mpirun;
  command.own_process_group = !options.foreground;
  command.standard_error = Command::Stream::kPipe;
  // A launcher that is killed takes mpirun with it; the ranks see the end of their connections.
  command.parent_death_signal = SIGKILL;
  auto child = Child::start(command);
  if (!child) return child.error();
  return Job(options, monitor, errors, signals, std::move(*child), std::move(earlier_children)).run();
}

}  // namespace shipyard::supervise
