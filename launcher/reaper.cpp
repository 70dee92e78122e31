#include "launcher/reaper.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
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
  const auto end = Clock::now() + reaping.limit();
  std::vector<char> cleared(reaping.hosts.size());  // not bool, which threads would share
  std::atomic<std::size_t> next{0};
  // One that does not answer holds up nobody else.
  const auto clear_some = [&] {
    for (std::size_t i = next++; i < reaping.hosts.size(); i = next++) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
      if (left.count() <= 0) return;
      Command command{.argv = {"ssh", "-F", reaping.ssh_config, reaping.hosts[i],
                               reaping.rank_program + " --reap " + reaping.job},
                      .environment = reaping.environment.as_strings()};
      const auto done = run(std::move(command), left);
      cleared[i] = done && done->exit.success();
    }
  };
  std::vector<std::future<void>> running;
  for (std::size_t i = 0; i < std::min(kAtOnce, reaping.hosts.size()); ++i)
    running.push_back(std::async(std::launch::async, clear_some));
  for (auto& one : running) one.get();
  std::vector<std::string> unreached;
  for (std::size_t i = 0; i < cleared.size(); ++i) {
    if (!cleared[i]) unreached.push_back(reaping.hosts[i]);
  }
  return unreached;
}

}  // namespace shipyard::launcher
