#include "bench/harness/watchdog.hpp"

namespace shipyard::bench {

Watchdog::Watchdog(std::chrono::duration<double> patience, std::function<void()> expired) {
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience);
  thread_ = std::thread([this, deadline, expired = std::move(expired)] {
    std::unique_lock lock(mutex_);
    if (!called_off_.wait_until(lock, deadline, [this] { return done_; })) expired();
  });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  called_off_.notify_all();
  thread_.join();
}

}  // namespace shipyard::bench
