#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <mutex>

#include "base/output.hpp"
#include "base/subprocess.hpp"
#include "launcher/cancellation.hpp"
#include "launcher/check/ssh_failure.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/remote_launcher.hpp"
#include "launcher/stage/protocol.hpp"
#include "launcher/stage/stage.hpp"
#include "launcher/stage/tar.hpp"
#include "launcher/stage/tree.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Nodes at a time: the disk that all go to is one.
constexpr std::size_t kAtOnce = 16;
constexpr milliseconds kGlance{100};
/// For the answer, which comes before what matches.
constexpr std::chrono::seconds kAnswerLimit{60};

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

/// From one node into one directory.
class Fetch {
 public:
  Fetch(Command command, Request request, std::string directory, std::string node, mode_t mode,
        const Environment& environment, const std::atomic<bool>& cancelled)
      : command_(std::move(command)),
        request_(std::move(request)),
        directory_(std::move(directory)),
        node_(std::move(node)),
        mode_(mode),
        environment_(environment),
        cancelled_(cancelled) {}

  /// How many have come; fails where not all have, and then nothing is kept.
  Result<std::uint64_t> run() {
    const SaidWords said;
    command_.standard_error = Command::Stream::kNull;
    command_.error_file = said.fd();
    auto child = Child::start(command_);
    if (!child) return child.error();
    // Short: it has room for that.
    write_all(child->stdin_pipe().get(), format_request(request_));
    (void)child->stdin_pipe().close();
    auto answer = read_answer(child->stdout_pipe().get());
    if (!answer) {
      const auto exit = child->wait_for(milliseconds(500));
      if (!exit || cancelled_) return answer.error();
      const auto words = check::ssh_failure(*exit, said.first_line()).words;
      return words.empty() ? answer.error() : Error{Error::Code::kSystem, words};
    }
    if (!answer->problem.empty()) return Error{Error::Code::kSystem, answer->problem};
    if (answer->matches == 0 || answer->matches == kSharedPlace) return answer->matches;
    if (auto unpacked = unpack(*child, said); !unpacked) return unpacked.error();
    return answer->matches;
  }

 private:
  /// Byte by byte, since what is behind it is tar's.
  Result<Answer> read_answer(int pipe) {
    std::string line;
    const auto end = Clock::now() + kAnswerLimit;
    while (!cancelled_ && Clock::now() < end) {
      pollfd polled{pipe, POLLIN, 0};
      if (::poll(&polled, 1, static_cast<int>(kGlance.count())) <= 0) continue;
      char byte = 0;
      const ssize_t got = ::read(pipe, &byte, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return input_error("the node has not answered");
      if (byte != '\n') {
        if (line.size() <= kLongestLine) line += byte;
        continue;
      }
      // Another one is what a login shell prints.
      if (line.starts_with(kAnswerMark)) return parse_answer(line);
      line.clear();
    }
    return input_error(cancelled_ ? "ended before" : "the node has not answered in time");
  }

  Status unpack(Child& sender, const SaidWords& sender_said) {
    std::string partial = fmt::format("{}/{}{}.XXXXXX", directory_, kPartialPrefix, node_);
    if (::mkdtemp(partial.data()) == nullptr) return system_error("cannot write into " + directory_, errno);
    ::chmod(partial.c_str(), mode_);
    auto done = unpack_into(partial, sender, sender_said);
    const std::string own = directory_ + "/" + node_;
    if (done && ::rename(partial.c_str(), own.c_str()) != 0) done = system_error("cannot make " + own, errno);
    std::error_code ignored;
    if (!done) fs::remove_all(partial, ignored);
    return done;
  }

  Status unpack_into(const std::string& partial, Child& sender, const SaidWords& sender_said) {
    const SaidWords said;
    Command tar = tar_command(
        {"--extract", "--no-same-owner", "--delay-directory-restore", "--directory", partial, "--file=-"},
        environment_);
    tar.input_file = sender.stdout_pipe().get();
    tar.error_file = said.fd();
    auto child = Child::start(tar);
    if (!child) return child.error();
    (void)sender.stdout_pipe().close();
    std::optional<Exit> unpacked;
    while (!(unpacked = child->wait_for(kGlance))) {
      if (cancelled_) return input_error("ended before");
    }
    const auto sent = sender.wait_for(std::chrono::seconds(10));
    const std::string here = said.first_line();
    // What has come is no whole archive: why, the node knows.
    const bool cut = here.find("EOF") != std::string::npos || here.find("not look like") != std::string::npos;
    if (!unpacked->success() && !cut) return Error{Error::Code::kSystem, said.first_line_or(*unpacked)};
    if (!unpacked->success() || !sent || !sent->success()) {
      const std::string there = sender_said.first_line();
      return Error{Error::Code::kSystem, there.empty() ? "it has not come whole" : there};
    }
    return Ok{};
  }

  Command command_;
  Request request_;
  std::string directory_;
  std::string node_;
  mode_t mode_;
  const Environment& environment_;
  const std::atomic<bool>& cancelled_;
};

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
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  const auto fetch_some = [&] {
    for (std::size_t i = next++; i < nodes.size() && !cancelled; i = next++) {
      const bool is_remote = std::find(remote.begin(), remote.end(), nodes[i]) != remote.end();
      const Command command = is_remote ? remote_launcher(environment, config, nodes[i], "--node-stage")
                                        : own_launcher(environment, "--node-stage");
      Request request{Request::Verb::kCollect,
                      edge.context.working_directory,
                      {},
                      edge.options.collect,
                      account.directory};
      if (is_remote && own_place) request.other_than = *own_place;
      auto fetched =
          Fetch(command, std::move(request), account.directory, nodes[i], mode, environment, cancelled).run();
      const std::lock_guard lock(mutex);
      if (!fetched) {
        account.failed.push_back(nodes[i] + ": " + fetched.error().message);
      } else if (*fetched == kSharedPlace) {
        account.shared.push_back(nodes[i]);
      } else {
        (*fetched == 0 ? account.nothing : account.brought).push_back(nodes[i]);
      }
    }
  };
  std::vector<std::future<void>> running;
  for (std::size_t i = 0; i < std::min(kAtOnce, nodes.size()); ++i)
    running.push_back(std::async(std::launch::async, fetch_some));
  for (auto& one : running) {
    while (one.wait_for(kGlance) != std::future_status::ready) {
      if (!cancelled && cancellation.check()) cancelled = true;
    }
    one.get();
  }
  for (auto* list : {&account.brought, &account.nothing, &account.shared, &account.failed})
    std::sort(list->begin(), list->end());
  // Nothing has come: no empty directory is left.
  if (account.brought.empty()) ::rmdir(account.directory.c_str());
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
