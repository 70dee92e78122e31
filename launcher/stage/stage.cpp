#include "launcher/stage/stage.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <ostream>
#include <thread>

#include "base/output.hpp"
#include "base/shell_quote.hpp"
#include "base/subprocess.hpp"
#include "launcher/cancellation.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/remote_launcher.hpp"
#include "launcher/stage/conversation.hpp"
#include "launcher/stage/fetch.hpp"
#include "launcher/stage/tar.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// ssh processes at a time; for more nodes the directory is read again.
constexpr std::size_t kAtOnce = 64;

Outcome failed(int status, std::string message, std::string hint = {}) {
  return {"stage_failed", status, std::move(message), std::move(hint)};
}

/// For what is said of a file of DIR.
const char* unreadable_hint(const std::string& words) {
  for (const char* part : {"changed as we read it", "o such file", "File removed", "File shrank"}) {
    if (words.find(part) != std::string::npos) return "DIR must not change meanwhile";
  }
  if (words.find("has given nothing") != std::string::npos) return "does the file system of DIR hang?";
  return "who starts the job must be able to read all of DIR";
}

/// tar that writes to a pipe what of `directory` is listed, and what it has to say.
class Archive {
 public:
  /// `names`: paths from there, each with a 0 behind it.
  static Result<Archive> of(const std::string& directory, const std::string& names,
                            const Environment& environment) {
    Archive archive;
    const FileDescriptor list(::memfd_create("names", MFD_CLOEXEC));
    if (!list || write_all(list.get(), names) != 0 || ::lseek(list.get(), 0, SEEK_SET) != 0)
      return system_error("no file for the names", errno);
    Command tar =
        tar_command({"--create", "--format=posix", "--sparse", "--numeric-owner", "--directory", directory,
                     "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-", "--file=-"},
                    environment);
    tar.input_file = list.get();
    tar.standard_output = Command::Stream::kPipe;
    tar.error_file = archive.said_.fd();
    auto child = Child::start(tar);
    if (!child) return child.error();
    archive.child_.push_back(std::move(*child));
    return archive;
  }

  [[nodiscard]] Source source() {
    return {child_[0].stdout_pipe().get(), [this]() -> std::optional<bool> {
              const auto exit = child_[0].wait_for(std::chrono::milliseconds(100));
              return exit ? std::optional(exit->success()) : std::nullopt;
            }};
  }
  /// Why it could not read everything; empty where it could, or is stopped here.
  std::string end() {
    const auto exit = child_[0].try_wait();
    if (exit) return exit->success() ? std::string() : said_.cause_or(*exit);
    // It may hang on a file of DIR.
    child_[0].leave();
    return {};
  }

 private:
  std::vector<Child> child_;  ///< one
  SaidWords said_;
};

class Staging {
 public:
  Staging(const LaunchPlan& plan, const StartEdge& edge, const StagedPath& path, StageAccount& account)
      : plan_(plan), edge_(edge), account_(account), cancellation_(edge.signals, edge.options.lifeline) {
    account_.directory = path.directory;
    account_.target = path.target;
    control_.cancel_fds = cancellation_.descriptors();
    control_.cancelled = [this] { return cancellation_.check(); };
  }

  std::optional<Outcome> run() {
    const auto start = Clock::now();
    auto source = list_source();
    if (!source) return cancellation_.outcome("while DIR of --stage was listed");
    if (!*source)
      return failed(kConfigError, "--stage: " + source->error().message,
                    unreadable_hint(source->error().message));
    account_.source = std::move(**source);
    auto place = place_of(account_.directory);
    if (!place) return failed(kConfigError, "--stage: " + place.error().message);
    std::vector<std::string> nodes;
    if (account_.target != account_.directory) nodes.push_back(kThisNode);
    for (std::size_t index : plan_.remote_hosts) nodes.push_back(edge_.context.hosts.hosts[index].name);
    std::vector<Answer> answers;
    if (auto outcome = look(nodes, *place, answers)) return outcome;
    auto decided = decide_stage(nodes, answers, account_.source, *place, account_.target);
    if (!decided) return failed(kConfigError, "--stage: " + decided.error().message, decided.error().hint);
    account_.nodes = std::move(*decided);
    std::vector<Call> calls;
    for (const auto& node : account_.nodes) {
      if (node.what == NodeStage::kReceives)
        calls.push_back(call(node.node, {Request::Verb::kReceive, account_.target, account_.source.names}));
    }
    for (std::size_t first = 0; first < calls.size(); first += kAtOnce) {
      const auto end = calls.begin() + static_cast<long>(std::min(first + kAtOnce, calls.size()));
      if (auto outcome = send({calls.begin() + static_cast<long>(first), end})) return outcome;
    }
    account_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::nullopt;
  }

 private:
  static constexpr const char* kThisNode = "this node";

  Call call(const std::string& node, Request request) {
    const auto& environment = edge_.context.environment;
    return {node,
            node == kThisNode
                ? own_launcher(environment, "--node-stage")
                : remote_launcher(environment, plan_.run_directory + "/ssh_config", node, "--node-stage"),
            std::move(request)};
  }

  /// By a thread of its own, which a file system that hangs may keep for ever. nullopt: cancelled.
  std::optional<Result<Listing>> list_source() {
    struct Shared {
      std::string names = std::string("./") + '\0';
      std::atomic<std::uint64_t> met{0};
      std::atomic<bool> given_up{false};
      std::promise<Result<Listing>> listing = {};
    };
    const auto shared = std::make_shared<Shared>();
    auto listing = shared->listing.get_future();
    std::thread([shared, directory = account_.directory] {
      shared->listing.set_value(list_tree(directory, Unreadable::kIsAnError, [&](const std::string& path) {
        shared->names += path;
        shared->names += '\0';
        ++shared->met;
        return !shared->given_up;
      }));
    }).detach();
    std::uint64_t met = 0;
    auto last_sign = Clock::now();
    while (listing.wait_for(kGlance) != std::future_status::ready) {
      if (met != shared->met) last_sign = Clock::now();
      met = shared->met;
      const bool silent = Clock::now() - last_sign >= control_.silence;
      if (!silent && !cancellation_.check()) continue;
      shared->given_up = true;
      if (!silent) return std::nullopt;
      return input_error(gave_nothing());
    }
    names_ = std::move(shared->names);
    return listing.get();
  }

  [[nodiscard]] std::string gave_nothing() const {
    return fmt::format("{} has given nothing for {} s", account_.directory, control_.silence.count());
  }

  std::optional<Outcome> look(const std::vector<std::string>& nodes, const Place& source,
                              std::vector<Answer>& answers) {
    for (std::size_t first = 0; first < nodes.size(); first += kAtOnce) {
      std::vector<Call> calls;
      for (std::size_t i = first; i < std::min(first + kAtOnce, nodes.size()); ++i) {
        calls.push_back(call(nodes[i], {.directory = account_.target, .other_than = source}));
        calls.back().data = account_.source.entries;
      }
      auto replies = converse(calls, {}, control_);
      if (cancellation_.signal() != 0) return cancellation_.outcome("while looking for what is to be staged");
      if (auto outcome = first_failure(calls, replies)) return outcome;
      for (auto& reply : replies) answers.push_back(std::move(reply.answer));
    }
    return std::nullopt;
  }

  std::optional<Outcome> send(const std::vector<Call>& calls) {
    auto archive = Archive::of(account_.directory, names_, edge_.context.environment);
    if (!archive) return failed(kConfigError, "--stage: " + archive.error().message, kInstallTar);
    const bool shows = edge_.environment.stderr_is_terminal && edge_.messages.verbosity() > Verbosity::kQuiet;
    auto control = control_;
    if (shows) {
      control.sent = [&, last = Clock::time_point()](std::uint64_t bytes) mutable {
        if (Clock::now() - last < std::chrono::milliseconds(200)) return;
        last = Clock::now();
        edge_.err << fmt::format("\rstaging: {} of {} to {} node{}\033[K", size_text(bytes),
                                 size_text(account_.source.bytes), calls.size(), calls.size() == 1 ? "" : "s")
                  << std::flush;
      };
    }
    const auto replies = converse(calls, archive->source(), control);
    if (shows) edge_.err << "\r\033[K" << std::flush;
    if (cancellation_.signal() != 0) return cancellation_.outcome("while staging");
    if (std::any_of(replies.begin(), replies.end(),
                    [](const auto& reply) { return reply.state == Reply::State::kSourceSilent; }))
      return failed(kConfigError, "--stage: " + gave_nothing(), unreadable_hint(gave_nothing()));
    if (auto words = archive->end(); !words.empty())
      return failed(kConfigError, fmt::format("--stage: {} cannot be read: {}", account_.directory, words),
                    unreadable_hint(words));
    return first_failure(calls, replies);
  }

  /// The causes, each with its nodes: not those that were stopped for it. Another attempt is worth while only
  /// where all of them are that a node was not reached.
  std::optional<Outcome> first_failure(const std::vector<Call>& calls, const std::vector<Reply>& replies) {
    std::vector<std::string> problems;
    std::map<std::string, std::vector<std::string>> nodes;
    std::string remedy;
    int status = kNodeUnreachable;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const Reply& reply = replies[i];
      if (reply.state == Reply::State::kDone || reply.state == Reply::State::kStopped) continue;
      if (!nodes.contains(reply.problem)) problems.push_back(reply.problem);
      nodes[reply.problem].push_back(calls[i].node);
      if (remedy.empty()) remedy = reply.remedy;
      if (reply.state != Reply::State::kUnreached) status = kConfigError;
    }
    if (problems.empty()) return std::nullopt;
    std::string causes;
    for (const auto& problem : problems)
      causes += fmt::format("{}to {}: {}", causes.empty() ? "" : "; ", list_of(nodes[problem]), problem);
    return failed(status, fmt::format("--stage: {} cannot be brought {}", account_.directory, causes),
                  remedy);
  }

  const LaunchPlan& plan_;
  const StartEdge& edge_;
  StageAccount& account_;
  std::string names_;  ///< of all that DIR has
  Cancellation cancellation_;
  ConversationControl control_;
};

}  // namespace

std::optional<Outcome> check_stage(const LaunchOptions& options, const LaunchContext& context) {
  for (std::size_t i = 0; i < options.stage.size(); ++i) {
    const auto& wish = options.stage[i];
    const auto& [directory, target] = context.staged.at(i);
    std::error_code failure;
    if (!fs::is_directory(directory, failure) && !wish.target.empty()) {
      const std::string& started_in = context.environment.working_directory;
      const std::string whole = wish.directory + ":" + wish.target;
      std::size_t colon = wish.directory.size();
      do {
        colon = whole.find(':', colon + 1);
        const std::string longer = whole.substr(0, colon);
        if (!fs::is_directory(absolute_path(longer, started_in), failure)) continue;
        return failed(
            kConfigError, fmt::format("--stage: {} is not there: a colon ends DIR", wish.directory),
            fmt::format("ln -s {} LINK; --stage LINK:{}", shell_quote(longer),
                        colon == std::string::npos ? "TARGET" : shell_quote(whole.substr(colon + 1))));
      } while (colon != std::string::npos);
    }
    if (!fs::is_directory(directory, failure)) {
      return failed(kConfigError,
                    fmt::format("--stage: {} is {}", wish.directory,
                                fs::exists(directory, failure) ? "not a directory" : "not there"),
                    "DIR of --stage DIR[:TARGET] is a directory on this node");
    }
    if (lies_below(target, directory) || lies_below(directory, target))
      return failed(kConfigError,
                    fmt::format("--stage: one of {} and {} is within the other", directory, target),
                    "give a TARGET beside it");
  }
  return std::nullopt;
}

std::optional<Outcome> stage_all(const LaunchPlan& plan, const StartEdge& edge,
                                 std::vector<StageAccount>& accounts) {
  for (std::size_t i = 0; i < edge.options.stage.size(); ++i) {
    StageAccount& account = accounts.emplace_back();
    if (auto outcome = Staging(plan, edge, edge.context.staged.at(i), account).run()) return outcome;
    if (!account.nodes.empty()) {
      edge.messages.note(stage_text(edge.options.stage[i].directory, account.source, account.nodes));
    }
  }
  return std::nullopt;
}

}  // namespace shipyard::launcher::stage
