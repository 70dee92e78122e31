#include "bench/harness/progress_line.hpp"

#include <algorithm>
#include <ostream>

namespace shipyard::bench {

void ProgressLine::show(const std::string& text) const {
  if (!environment_.stderr_is_terminal) return;
  const auto room = static_cast<std::size_t>(std::max(1, environment_.terminal_columns - 1));
  stream_ << "\r\033[K" << text.substr(0, room) << std::flush;
}

void ProgressLine::clear() const {
  if (environment_.stderr_is_terminal) stream_ << "\r\033[K" << std::flush;
}

}  // namespace shipyard::bench
