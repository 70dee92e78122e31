#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "bench/harness/options.hpp"
#include "bench/noise/noise.hpp"

namespace shipyard::bench {

/// The finest clock there is: on x86 the time stamp counter, at the rate that CLOCK_MONOTONIC gives it
/// (20 ms, once, asleep), elsewhere CLOCK_MONOTONIC itself.
double ns_per_tick();

/// Runs `measure(i)` on the i-th of these CPUs, each on a thread of its own that runs nowhere else, all at
/// the same time; `ready` is called on the calling thread as soon as all of them are in place, and they begin
/// when it returns. The calling thread sleeps until they have ended. Throws where a CPU cannot be had.
void on_each_cpu(const std::vector<int>& cpus, const std::function<void()>& ready,
                 const std::function<void(std::size_t)>& measure);

/// On the CPU on which it is called: reads the clock over and over.
Detours find_detours(Seconds duration);

/// Nanoseconds of a step of the fixed work, the least of many tries.
double time_of_step(Seconds duration);

/// So many steps over and over.
WorkTimes time_fixed_work(Seconds duration, std::int64_t steps);

/// The lowest hardware thread of the core that `cpu` belongs to; -1 where the system does not say.
int core_of(int cpu);

}  // namespace shipyard::bench
