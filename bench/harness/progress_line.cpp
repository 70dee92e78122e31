#include "bench/harness/progress_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace shipyard::bench {

void ProgressLine::show(const std::string& text) {
  constexpr auto kPause = std::chrono::milliseconds(100);
  const auto now = Clock::now();
  if (!columns_ || (shown_ && now < *shown_ + kPause)) return;
  shown_ = now;
  const auto room = static_cast<std::size_t>(std::max(1, *columns_ - 1));
  stream_ << "\r\033[K" << text.substr(0, room) << std::flush;
}

void ProgressLine::clear() {
  if (!shown_) return;
  shown_.reset();
  stream_ << "\r\033[K" << std::flush;
}

std::string progress_text(const std::string& doing, std::size_t done, std::size_t all, Seconds elapsed,
                          Seconds until_limit) {
  const auto whole = [](Seconds time) { return std::ceil(std::max(0.0, time.count())); };
  const std::string text = fmt::format("{}: {} of {}, ", doing, done, all);
  if (done == 0) return text + fmt::format("at most {:.0f} s left", whole(until_limit));
  const Seconds left = elapsed / static_cast<double>(done) * static_cast<double>(all - done);
  return text + fmt::format("about {:.0f} s left", whole(std::min(left, until_limit)));
}

}  // namespace shipyard::bench
