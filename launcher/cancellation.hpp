#pragma once

#include <string>
#include <vector>

#include "base/signals.hpp"
#include "launcher/outcome.hpp"

namespace shipyard::launcher {

/// What ends a wait before the start: a signal, or the end of the lifeline.
class Cancellation {
 public:
  /// `signals` outlives it. `lifeline`: LaunchOptions::lifeline.
  Cancellation(SignalDescriptor& signals, bool lifeline) : signals_(signals), lifeline_(lifeline) {}

  /// When one of these can be read, check() is to be asked.
  [[nodiscard]] std::vector<int> descriptors() const;
  /// Takes in what has happened; true once it means the end.
  bool check();
  /// The signal's; 0: none.
  [[nodiscard]] int signal() const { return signal_; }
  /// `when`: "while waiting for the nodes".
  /// `not_brought`: what of the results; empty: it was before the start.
  [[nodiscard]] Outcome outcome(const char* when, const std::string& not_brought = {}) const;

 private:
  SignalDescriptor& signals_;
  bool lifeline_;
  int signal_ = 0;
  bool lifeline_ended_ = false;
};

}  // namespace shipyard::launcher
