#include "launcher/cancellation.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "launcher/exit_status.hpp"

namespace shipyard::launcher {

std::vector<int> Cancellation::descriptors() const {
  return lifeline_ ? std::vector<int>{signals_.fd(), STDIN_FILENO} : std::vector<int>{signals_.fd()};
}

bool Cancellation::check() {
  while (auto received = signals_.read()) {
    // A child of whatever this process was before its exec may end, which is none of our business.
    if (received->number != SIGCHLD && signal_ == 0) signal_ = received->number;
  }
  pollfd polled{STDIN_FILENO, POLLIN, 0};
  char buffer[4096];
  if (signal_ == 0 && lifeline_ && ::poll(&polled, 1, 0) > 0 &&
      ::read(STDIN_FILENO, buffer, sizeof buffer) <= 0) {
    signal_ = SIGTERM;
    lifeline_ended_ = true;
  }
  return signal_ != 0;
}

Outcome Cancellation::outcome(const char* when, const std::string& not_brought) const {
  const std::string reason =
      lifeline_ended_ ? "standard input ended (SHIPYARD_LIFELINE)" : signal_name(signal_) + " received";
  return {"terminated",
          kSignalBase + signal_,
          not_brought.empty() ? fmt::format("{} {}: nothing was started", reason, when)
                              : fmt::format("{} {}: not brought: {}", reason, when, not_brought),
          {}};
}

}  // namespace shipyard::launcher
