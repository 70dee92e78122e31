#pragma once

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/environment.hpp"
#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// A line that says how far a tool is, written over in place on a terminal; elsewhere it says nothing.
class ProgressLine {
 public:
  /// On a terminal so many columns wide; nullopt: it is none. `stream` outlives the object.
  ProgressLine(std::ostream& stream, std::optional<int> columns) : stream_(stream), columns_(columns) {}
  /// On standard error, which `stream` is.
  ProgressLine(std::ostream& stream, const Environment& environment)
      : ProgressLine(stream, environment.stderr_is_terminal ? std::optional(environment.terminal_columns)
                                                            : std::nullopt) {}

  /// ASCII text, cut where the terminal ends; ten times a second at most.
  void show(const std::string& text);
  /// Before anything else is written there.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream& stream_;
  std::optional<int> columns_;
  std::optional<Clock::time_point> shown_;  ///< what is there now, since when
};

/// `bcast, 64 bytes: 12 of 90, about 8 s left`. What is left takes as long as what is done, a piece, and no
/// longer than until the time limit.
[[nodiscard]] std::string progress_text(const std::string& doing, std::size_t done, std::size_t all,
                                        Seconds elapsed, Seconds until_limit);

}  // namespace shipyard::bench
