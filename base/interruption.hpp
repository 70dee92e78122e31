#pragma once

#include <chrono>
#include <vector>

#include "base/signals.hpp"

namespace shipyard {

/// The user's wish to end, as an event. While it lives, SIGINT, SIGTERM and (unless it is ignored, as under
/// nohup) SIGHUP no longer end this process, and SIGCHLD wakes `wait`.
class Interruption {
 public:
  Interruption();

  /// Waits until a signal or a child's end has come, `extra` (descriptors) can be read, or `limit` is over.
  void wait(std::chrono::milliseconds limit, const std::vector<int>& extra = {});
  /// Waits for the whole of `limit`, or until somebody asks for the end.
  void pause(std::chrono::milliseconds limit);
  /// Can be read where `wait` would return at once because of a signal.
  [[nodiscard]] int fd() const { return signals_.fd(); }
  /// The first signal that asked for the end; 0: none so far.
  [[nodiscard]] int signal() const { return signal_; }
  /// How many have asked. Twice: the user wants no more waiting.
  [[nodiscard]] int count() const { return count_; }

 private:
  SignalDescriptor signals_;
  int signal_ = 0;
  int count_ = 0;
};

}  // namespace shipyard
