#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>

#include "launcher/cancellation.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/remote_launcher.hpp"
#include "launcher/stage/fetch.hpp"
#include "launcher/stage/partial.hpp"
#include "launcher/stage/stage.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Nodes at a time: the disk that all go to is one.
constexpr std::size_t kCollectedAtOnce = 16;

/// Seen from where the launcher was started: what is written there is what Batch brings to storage.
std::string collection(const LaunchOptions& options, const Environment& environment) {
  return absolute_path(options.collect_to, environment.working_directory);
}

/// Of a directory that the user makes. By one thread: there is no other way to ask for the mask.
mode_t usual_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0777 & ~mask;
}

}  // namespace

std::optional<Outcome> check_collect(const LaunchOptions& options, const Environment& environment) {
  if (options.collect.empty()) return std::nullopt;
  const std::string directory = collection(options, environment);
  std::error_code failure;
  const auto refuse = [](std::string message, std::string hint) {
    return Outcome{"config_error", kConfigError, std::move(message), std::move(hint)};
  };
  if (fs::exists(directory, failure)) {
    if (!fs::is_directory(directory, failure))
      return refuse(fmt::format("--collect: {} is not a directory", directory), "--collect-to names another");
    Partial::remove_abandoned(directory);
    if (!fs::is_empty(directory, failure))
      return refuse(fmt::format("--collect: {} has something in it already", directory),
                    "move it away, or name another with --collect-to: results of two jobs are not mixed");
  }
  fs::path above = directory;
  while (!fs::exists(above, failure) && above.has_relative_path()) above = above.parent_path();
  if (::access(above.c_str(), W_OK | X_OK) != 0)
    return refuse(system_error("--collect: cannot write into " + above.string(), errno).message,
                  "--collect-to names another directory");
  return std::nullopt;
}

CollectAccount collect_all(const LaunchPlan& plan, const StartEdge& edge,
                           const std::vector<std::string>& unreachable) {
  const auto start = Clock::now();
  CollectAccount account;
  account.directory = collection(edge.options, edge.environment);
  std::error_code failure;
  fs::create_directories(account.directory, failure);
  const auto& environment = edge.context.environment;
  const std::string config = plan.run_directory + "/ssh_config";
  const auto own_place = place_of(edge.context.working_directory);
  std::vector<std::string> nodes;
  std::vector<std::string> remote;
  for (std::size_t index : plan.remote_hosts) remote.push_back(edge.context.hosts.hosts[index].name);
  for (const auto& node : plan.nodes) {
    const bool gone = std::find(unreachable.begin(), unreachable.end(), node.host) != unreachable.end();
    gone ? account.failed.push_back(node.host + ": the node is gone") : nodes.push_back(node.host);
  }

  Cancellation cancellation(edge.signals, edge.options.lifeline);
  const mode_t mode = usual_mode();
  std::atomic<bool> cancelled{false};
  std::atomic<bool> stuck{false};
  const FetchControl control{.cancelled = [&] { return cancelled.load(); }, .stuck = [&] { stuck = true; }};
  std::atomic<std::size_t> next{0};
  std::vector<std::optional<Result<std::uint64_t>>> fetched(nodes.size());
  const auto fetch_some = [&] {
    for (std::size_t i = next++; i < nodes.size() && !cancelled; i = next++) {
      const bool is_remote = std::find(remote.begin(), remote.end(), nodes[i]) != remote.end();
      const Command command = is_remote ? remote_launcher(environment, config, nodes[i], "--node-stage")
                                        : own_launcher(environment, "--node-stage");
      Request request{Request::Verb::kCollect, edge.context.working_directory, {}, edge.options.collect};
      if (is_remote && own_place) request.other_than = *own_place;
      fetched[i] =
          fetch({nodes[i], command, std::move(request), account.directory, mode}, environment, control);
    }
  };
  auto mark = Partial::mark(account.directory);
  std::vector<std::future<void>> running;
  for (std::size_t i = 0; i < std::min(kCollectedAtOnce, nodes.size()); ++i)
    running.push_back(std::async(std::launch::async, fetch_some));
  for (auto& one : running) {
    while (one.wait_for(kGlance) != std::future_status::ready) {
      if (!cancelled && cancellation.check()) cancelled = true;
    }
    one.get();
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!fetched[i] || !*fetched[i]) {
      const Error error = fetched[i] ? fetched[i]->error() : ended_before();
      account.failed.push_back(nodes[i] + ": " + error.message);
      if (account.remedy.empty()) account.remedy = error.hint;
    } else if (**fetched[i] == kSharedPlace) {
      account.shared.push_back(nodes[i]);
    } else {
      (**fetched[i] == 0 ? account.nothing : account.brought).push_back(nodes[i]);
    }
  }
  for (auto* list : {&account.brought, &account.nothing, &account.shared, &account.failed})
    std::sort(list->begin(), list->end());
  if (cancelled && !account.failed.empty())
    account.terminated = cancellation.outcome("while results were brought", list_of(account.failed));
  if (mark) stuck ? mark->leave() : mark->remove();
  // Nothing has come: no empty directory is left.
  if (account.brought.empty() && !stuck) ::rmdir(account.directory.c_str());
  account.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return account;
}

std::string collect_text(const CollectAccount& account) {
  std::vector<std::string> parts;
  const auto counted = [](std::size_t n) { return fmt::format("{} node{}", n, n == 1 ? "" : "s"); };
  if (!account.brought.empty())
    parts.push_back(
        fmt::format("results of {} are in {}", counted(account.brought.size()), account.directory));
  if (!account.shared.empty())
    parts.push_back(fmt::format("{} share{} this directory", counted(account.shared.size()),
                                account.shared.size() == 1 ? "s" : ""));
  if (!account.nothing.empty()) parts.push_back("nothing matches on " + list_of(account.nothing));
  std::string text = "--collect: ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : "; ") + parts[i];
  return text;
}

}  // namespace shipyard::launcher::stage
