#pragma once

#include <iosfwd>
#include <string>

#include "base/environment.hpp"

namespace shipyard::bench {

/// A line that says how far a tool is, written over in place on a terminal; elsewhere it says nothing.
class ProgressLine {
 public:
  /// `stream` is standard error, and it and the environment outlive the object.
  ProgressLine(std::ostream& stream, const Environment& environment)
      : stream_(stream), environment_(environment) {}

  /// ASCII text, cut where the terminal ends.
  void show(const std::string& text) const;
  void clear() const;

 private:
  std::ostream& stream_;
  const Environment& environment_;
};

}  // namespace shipyard::bench
