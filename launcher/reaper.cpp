#include "launcher/reaper.hpp"

#include <algorithm>
#include <future>

#include "base/subprocess.hpp"
#include "launcher/supervise/reap.hpp"

namespace shipyard::launcher {
namespace {

/// ssh processes at a time.
constexpr std::size_t kAtOnce = 64;

}  // namespace

std::vector<std::string> reap(const Reaping& reaping) {
  using Clock = std::chrono::steady_clock;
  supervise::kill_marked(reaping.job);
  std::vector<std::string> unreached;
  const auto end = Clock::now() + reaping.limit();
  for (std::size_t start = 0; start < reaping.hosts.size(); start += kAtOnce) {
    const std::size_t stop = std::min(start + kAtOnce, reaping.hosts.size());
    std::vector<std::future<bool>> running;
    for (std::size_t i = start; i < stop; ++i) {
      running.push_back(std::async(std::launch::async, [&, i] {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0) return false;
        Command command{.argv = {"ssh", "-F", reaping.ssh_config, reaping.hosts[i],
                                 reaping.rank_program + " --reap " + reaping.job},
                        .environment = reaping.environment.as_strings()};
        const auto done = run(std::move(command), left);
        return done && done->exit.success();
      }));
    }
    for (std::size_t i = start; i < stop; ++i) {
      if (!running[i - start].get()) unreached.push_back(reaping.hosts[i]);
    }
  }
  return unreached;
}

}  // namespace shipyard::launcher
