#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "launcher/preempt/metadata_service.hpp"
#include "launcher/preempt/scheduled_events.hpp"

namespace shipyard::preempt {

struct WatchOptions {
  MetadataService service;
  std::chrono::milliseconds interval{1'000};  ///< as the service's documentation recommends
  GetLimits limits = {};
  /// Until the service has answered once: the first request in 24 hours switches it on, which may take two
  /// minutes.
  std::chrono::milliseconds first_answer{150'000};
  /// So many failures in a row are told as a problem: the service has pauses of its own (429, 503).
  int tolerated_failures = 5;
  /// Between attempts once the problem is told: where there is no such service, none will come soon.
  std::chrono::milliseconds interval_after_problem{10'000};
};

/// What a watch has to say: each at most once in its life.
struct WatchNews {
  std::optional<Preemption> preemption;
  std::string problem;  ///< why it sees nothing; empty: no news
};

/// Asks Azure's metadata service every second, in a thread of its own, whether this VM is to be taken away.
///
/// It never acknowledges an event (StartRequests). That would let Azure begin before NotBefore, for every VM
/// which the event names, other jobs' included, and takes time from a checkpoint: the opposite of what is
/// wanted here.
class PreemptionWatch {
 public:
  /// The thread takes no signals. Start it after the last fork(2).
  static Result<PreemptionWatch> start(const WatchOptions& options);

  PreemptionWatch(PreemptionWatch&&) noexcept;
  PreemptionWatch& operator=(PreemptionWatch&&) noexcept;
  /// Ends the thread; a request that is under way is dropped.
  ~PreemptionWatch();

  /// Readable while there are news.
  [[nodiscard]] int fd() const;
  /// Takes the news; never blocks.
  WatchNews take();
  /// Requests that failed so far.
  [[nodiscard]] int failures() const;

 private:
  struct State;
  explicit PreemptionWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shipyard::preempt
