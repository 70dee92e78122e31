#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace shipyard::bench {

/// Calls `expired` once, on a thread of its own, unless it is destroyed before `patience` is over. It is what
/// ends a run whose MPI calls never return, which no look at the clock between calls could do. The thread
/// sleeps all the while.
class Watchdog {
 public:
  Watchdog(std::chrono::duration<double> patience, std::function<void()> expired);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable called_off_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace shipyard::bench
