#include "base/interruption.hpp"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <initializer_list>

namespace shipyard {
namespace {

using std::chrono::milliseconds;

std::initializer_list<int> wanted_signals() {
  static const std::initializer_list<int> kAll = {SIGINT, SIGTERM, SIGCHLD, SIGHUP};
  static const std::initializer_list<int> kUnderNohup = {SIGINT, SIGTERM, SIGCHLD};
  return is_ignored(SIGHUP) ? kUnderNohup : kAll;
}

}  // namespace

Interruption::Interruption() : signals_(wanted_signals()) {}

void Interruption::wait(milliseconds limit, const std::vector<int>& extra) {
  std::vector<pollfd> polled = {{signals_.fd(), POLLIN, 0}};
  for (int fd : extra) polled.push_back({fd, POLLIN, 0});
  (void)::poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(0, limit.count())));
  while (auto received = signals_.read()) {
    if (received->number == SIGCHLD) continue;
    if (count_++ == 0) signal_ = received->number;
  }
}

void Interruption::pause(milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const int before = count_;
  while (count_ == before) {
    const auto rest = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    if (rest.count() <= 0) return;
    wait(rest);
  }
}

}  // namespace shipyard
