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
constexpr std::size_t kReapedAtOnce = 64;

enum class Clearing : char { kNotAsked, kDone, kFailed, kNoAnswer };

Clearing clearing_of(const Result<Completed>& ssh) {
  if (!ssh || ssh->exit == Exit{false, 255}) return Clearing::kNoAnswer;
  return ssh->exit.success() ? Clearing::kDone : Clearing::kFailed;
}

}  // namespace

Uncleared reap(const Reaping& reaping) {
  using Clock = std::chrono::steady_clock;
  supervise::kill_marked(reaping.job);
  const auto end = Clock::now() + reaping.limit();
  std::vector<Clearing> answers(reaping.hosts.size());
  std::atomic<std::size_t> next{0};
  // One that does not answer holds up nobody else.
  const auto clear_some = [&] {
    for (std::size_t i = next++; i < reaping.hosts.size(); i = next++) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
      if (left.count() <= 0) return;
      Command command{.argv = {"ssh", "-F", reaping.ssh_config, reaping.hosts[i],
                               reaping.rank_program + " --reap " + reaping.job},
                      .environment = reaping.environment.as_strings()};
      answers[i] = clearing_of(run(std::move(command), left));
    }
  };
  std::vector<std::future<void>> running;
  for (std::size_t i = 0; i < std::min(kReapedAtOnce, reaping.hosts.size()); ++i)
    running.push_back(std::async(std::launch::async, clear_some));
  for (auto& one : running) one.get();
  Uncleared uncleared;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] == Clearing::kDone) continue;
    uncleared.nodes.push_back(reaping.hosts[i]);
    if (answers[i] == Clearing::kNoAnswer) uncleared.silent.push_back(reaping.hosts[i]);
  }
  return uncleared;
}

}  // namespace shipyard::launcher
