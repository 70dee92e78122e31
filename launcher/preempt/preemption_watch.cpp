#include "launcher/preempt/preemption_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/file_descriptor.hpp"

namespace shipyard::preempt {
namespace {

using std::chrono::milliseconds;

constexpr const char* kNameTarget = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";
constexpr const char* kEventsTarget = "/metadata/scheduledevents?api-version=2020-07-01";

void raise(const FileDescriptor& event) {
  const std::uint64_t one = 1;
  const ssize_t ignored = ::write(event.get(), &one, sizeof one);
  (void)ignored;  // fails only where it is readable already
}

/// All signals are blocked for the threads that are started while the object lives: they belong to the
/// others.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &former_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

 private:
  sigset_t former_{};
};

}  // namespace

struct PreemptionWatch::State {
  WatchOptions options;
  FileDescriptor news_event, stop_event;
  mutable std::mutex mutex;  // of the following
  WatchNews news;
  int failures = 0;
  std::thread thread;

  // The thread's own.
  std::string machine;
  bool answered = false;
  int failures_in_a_row = 0;
  bool problem_told = false;

  ~State() {
    raise(stop_event);
    if (thread.joinable()) thread.join();
  }

  Result<std::string> get(const char* target) {
    GetLimits limits = options.limits;
    if (!answered) limits.answer = options.first_answer;
    return get_metadata(options.service, target, limits, stop_event.get());
  }

  Result<std::optional<Preemption>> ask() {
    if (machine.empty()) {
      const auto text = get(kNameTarget);
      if (!text) return text.error();
      auto name = parse_machine_name(*text);
      if (!name) return name.error();
      machine = std::move(*name);
    }
    const auto document = get(kEventsTarget);
    if (!document) return document.error();
    answered = true;
    const auto events = parse_scheduled_events(*document);
    if (!events) return events.error();
    return find_preemption(*events, machine,
                           std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  }

  void note_failure(const std::string& message) {
    ++failures_in_a_row;
    const bool tell = !problem_told && failures_in_a_row >= options.tolerated_failures;
    const std::lock_guard lock(mutex);
    ++failures;
    if (!tell) return;
    problem_told = true;
    news.problem = message;
    raise(news_event);
  }

  bool stopped_within(milliseconds pause) const {
    pollfd polled{stop_event.get(), POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(pause.count())) > 0;
  }

  void run() {
    do {
      auto found = ask();
      if (!found) {
        if (stopped_within(milliseconds(0))) return;
        note_failure(found.error().message);
        continue;
      }
      failures_in_a_row = 0;
      if (!*found) continue;
      const std::lock_guard lock(mutex);
      news.preemption = std::move(*found);
      raise(news_event);
      return;  // it is said once
    } while (!stopped_within(failures_in_a_row > 0 && problem_told ? options.interval_after_problem
                                                                   : options.interval));
  }
};

Result<PreemptionWatch> PreemptionWatch::start(const WatchOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->news_event = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  state->stop_event = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->news_event || !state->stop_event) return system_error("eventfd", errno);
  try {
    const BlockedSignals blocked;
    state->thread = std::thread([raw = state.get()] { raw->run(); });
  } catch (const std::system_error& failure) {
    return system_error("cannot start a thread", failure.code().value());
  }
  return PreemptionWatch(std::move(state));
}

PreemptionWatch::PreemptionWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreemptionWatch::PreemptionWatch(PreemptionWatch&&) noexcept = default;
PreemptionWatch& PreemptionWatch::operator=(PreemptionWatch&&) noexcept = default;
PreemptionWatch::~PreemptionWatch() = default;

int PreemptionWatch::fd() const { return state_->news_event.get(); }

WatchNews PreemptionWatch::take() {
  const std::lock_guard lock(state_->mutex);
  std::uint64_t count = 0;
  const ssize_t ignored = ::read(state_->news_event.get(), &count, sizeof count);
  (void)ignored;  // not readable: no news
  return std::exchange(state_->news, {});
}

int PreemptionWatch::failures() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failures;
}

}  // namespace shipyard::preempt
