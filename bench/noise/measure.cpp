#include "bench/noise/measure.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <latch>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/result.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Ticks = std::uint64_t;

double nanoseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::nano>(duration).count();
}

#if defined(__x86_64__)
constexpr bool kCounter = true;
inline Ticks now() { return __builtin_ia32_rdtsc(); }
#else
constexpr bool kCounter = false;
inline Ticks now() { return static_cast<Ticks>(Clock::now().time_since_epoch().count()); }
#endif

/// Both clocks at one moment: of several tries the one that was interrupted least.
struct Moment {
  Clock::time_point time;
  Ticks ticks = 0;
};
Moment this_moment() {
  Moment best;
  Ticks shortest = std::numeric_limits<Ticks>::max();
  for (int i = 0; i < 20; ++i) {
    const Ticks before = now();
    const auto time = Clock::now();
    const Ticks after = now();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = {time, before + shortest / 2};
  }
  return best;
}

Ticks to_ticks(double ns) { return static_cast<Ticks>(ns / ns_per_tick()); }
Ticks to_ticks(Seconds duration) { return to_ticks(duration.count() * 1e9); }

/// A round of the loop that looks for detours, the fastest of many runs: a single one may be shorter than
/// the clock's step.
double time_of_loop() {
  constexpr int kRuns = 1000;
  constexpr Ticks kRounds = 500;
  Ticks least = std::numeric_limits<Ticks>::max();
  for (int run = 0; run < kRuns; ++run) {
    const Ticks begin = now();
    Ticks before = begin;
    Ticks longest = 0;
    for (Ticks round = 0; round < kRounds; ++round) {
      const Ticks after = now();
      longest = std::max(longest, after - before);
      before = after;
    }
    asm volatile("" : : "r"(longest));
    least = std::min(least, before - begin);
  }
  return static_cast<double>(least) * ns_per_tick() / static_cast<double>(kRounds);
}

/// A chain of multiplications, each of which waits for the one before; no memory.
[[gnu::noinline]] void work(std::int64_t steps) {
  std::uint64_t x = 1;
  for (std::int64_t i = 0; i < steps; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    asm volatile("" : "+r"(x));
  }
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (const int error = pthread_setaffinity_np(pthread_self(), sizeof set, &set); error != 0)
    throw std::runtime_error(fmt::format("CPU {} cannot be had: {}", cpu, error_words(error)));
}

}  // namespace

double ns_per_tick() {
  if (!kCounter) return nanoseconds(Clock::duration(1));
  static const double rate = [] {
    const Moment begin = this_moment();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const Moment end = this_moment();
    return nanoseconds(end.time - begin.time) / static_cast<double>(end.ticks - begin.ticks);
  }();
  return rate;
}

void on_each_cpu(const std::vector<int>& cpus, const std::function<void()>& ready,
                 const std::function<void(std::size_t)>& measure) {
  std::latch in_place(static_cast<std::ptrdiff_t>(cpus.size()));
  std::latch begin(1);
  std::exception_ptr failure;
  std::mutex failing;
  std::vector<std::jthread> threads;
  const auto run = [&](std::size_t index) {
    bool arrived = false;
    try {
      stay_on(cpus[index]);
      arrived = true;
      in_place.count_down();
      begin.wait();
      measure(index);
    } catch (...) {
      const std::lock_guard lock(failing);
      failure = std::current_exception();
      if (!arrived) in_place.count_down();
    }
  };
  ns_per_tick();
  threads.reserve(cpus.size());
  try {
    for (std::size_t i = 0; i < cpus.size(); ++i) threads.emplace_back(run, i);
  } catch (...) {
    begin.count_down();  // those that are there are joined
    throw;
  }
  in_place.wait();
  ready();
  begin.count_down();
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

Detours find_detours(Seconds duration) {
  const double scale = ns_per_tick();
  Detours detours;
  detours.loop_ns = time_of_loop();
  const Ticks threshold = to_ticks(detours.threshold_ns());
  const Ticks begin = now();
  const Ticks end = begin + to_ticks(duration);
  Ticks before = begin;
  while (before < end) {
    const Ticks after = now();
    if (after - before > threshold) [[unlikely]]
      detours.add(static_cast<double>(after - before) * scale - detours.loop_ns);
    before = after;
  }
  detours.elapsed_ns = static_cast<double>(before - begin) * scale;
  return detours;
}

double time_of_step(Seconds duration) {
  constexpr std::int64_t kSteps = 10'000;
  const Ticks end = now() + to_ticks(duration);
  Ticks least = std::numeric_limits<Ticks>::max();
  for (Ticks before = now(); before < end;) {
    work(kSteps);
    const Ticks after = now();
    least = std::min(least, after - before);
    before = after;
  }
  return static_cast<double>(least) * ns_per_tick() / static_cast<double>(kSteps);
}

WorkTimes time_fixed_work(Seconds duration, std::int64_t steps) {
  const double scale = ns_per_tick();
  WorkRecord record;
  const Ticks end = now() + to_ticks(duration);
  do {
    const Ticks before = now();
    work(steps);
    record.add(static_cast<double>(now() - before) * scale);
  } while (now() < end);
  WorkTimes times = record.times();
  times.steps = steps;
  return times;
}

int core_of(int cpu) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  int core = -1;
  return file >> core ? core : -1;
}

}  // namespace shipyard::bench
