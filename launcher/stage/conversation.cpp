#include "launcher/stage/conversation.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>

#include "launcher/check/ssh_failure.hpp"

namespace shipyard::launcher::stage {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = check::SshFailure::Kind;
using std::chrono::milliseconds;

/// Of the stream in memory at most: a node may fall so far behind without holding up the others.
constexpr std::size_t kWindow = 16 * 1024 * 1024;

/// A stream that several readers are at, each at its own place.
class Window {
 public:
  explicit Window(int source) : source_(source) {}

  [[nodiscard]] bool wants_more() const { return source_ >= 0 && !ended_ && end() - start_ < kWindow; }
  [[nodiscard]] int source() const { return source_; }
  /// There is nothing more to read.
  [[nodiscard]] bool is_read() const { return source_ < 0 || ended_; }
  [[nodiscard]] std::uint64_t end() const { return start_ + held_; }

  void read_more() {
    std::string block(kStreamBlock, '\0');
    const ssize_t got = ::read(source_, block.data(), block.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
      ended_ = true;
      return;
    }
    block.resize(static_cast<std::size_t>(got));
    add(std::move(block));
  }
  void add(std::string block) {
    held_ += block.size();
    blocks_.push_back(std::move(block));
  }
  /// What is there from `place` on, as far as one block goes.
  [[nodiscard]] std::string_view at(std::uint64_t place) const {
    std::uint64_t first = start_;
    for (const auto& block : blocks_) {
      if (place < first + block.size())
        return std::string_view(block).substr(static_cast<std::size_t>(place - first));
      first += block.size();
    }
    return {};
  }
  void drop_before(std::uint64_t place) {
    while (!blocks_.empty() && start_ + blocks_.front().size() <= place) {
      start_ += blocks_.front().size();
      held_ -= blocks_.front().size();
      blocks_.pop_front();
    }
  }

 private:
  int source_;
  bool ended_ = false;
  std::deque<std::string> blocks_;
  std::uint64_t start_ = 0;
  std::size_t held_ = 0;
};

struct Session {
  std::size_t call;
  Child child;
  std::string request;    ///< what of it is still to be sent
  std::string_view data;  ///< the same
  std::uint64_t place = 0;
  Clock::time_point last_sign = Clock::now();
  std::string output = {};
  std::string errors = {};

  [[nodiscard]] bool is_sending() { return static_cast<bool>(child.stdin_pipe()); }
};

void take(FileDescriptor& pipe, std::string& text) {
  char buffer[16 * 1024];
  const ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
  if (got > 0) {
    text.append(buffer, static_cast<std::size_t>(got));
    // The answer is the last of it.
    if (text.size() > 2 * kLongestLine) text.erase(0, text.size() - kLongestLine);
  } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
    (void)pipe.close();
  }
}

class Conversation {
 public:
  Conversation(const std::vector<Call>& calls, const Source& source, const ConversationControl& control)
      : calls_(calls),
        source_(source),
        window_(source.stream),
        is_complete_(source.stream < 0),
        control_(control),
        replies_(calls.size()) {}

  std::vector<Reply> run() {
    for (std::size_t i = 0; i < calls_.size(); ++i) start(i);
    while (!sessions_.empty()) {
      if (!wait_for_events()) return {};
      if (!failed_ && !is_complete_ && window_.is_read()) complete();
      if (source_is_silent()) {
        for (const auto& session : sessions_)
          fail(session.call, Reply::State::kSourceSilent,
               fmt::format("nothing for {} s", control_.silence.count()));
        break;  // the end of each session ends its node
      }
      std::erase_if(sessions_, [this](Session& session) { return is_over(session); });
      if (failed_) {
        for (auto& session : sessions_) (void)session.child.stdin_pipe().close();
      }
      move_window();
    }
    return std::move(replies_);
  }

 private:
  void start(std::size_t call) {
    Command command = calls_[call].command;
    command.standard_input = command.standard_output = command.standard_error = Command::Stream::kPipe;
    auto child = Child::start(command);
    if (!child) {
      fail(call, Reply::State::kNoSuchProgram, child.error().message, child.error().hint);
      return;
    }
    ::fcntl(child->stdin_pipe().get(), F_SETFL, O_NONBLOCK);
    sessions_.push_back({call, std::move(*child), format_request(calls_[call].request), calls_[call].data});
  }

  /// Nodes that are slow hold it up as well, and tell that themselves.
  bool source_is_silent() {
    const bool is_awaited = !failed_ && !is_complete_ && (window_.wants_more() || window_.is_read());
    if (!is_awaited) source_sign_ = Clock::now();
    return Clock::now() - source_sign_ >= control_.silence;
  }

  /// Until it is known that the source was whole, no node hears the end.
  void complete() {
    const auto whole = source_.is_whole();
    if (!whole) return;
    failed_ = !*whole;
    is_complete_ = *whole;
    if (is_complete_) window_.add(std::string(kWholeMark));
  }

  /// Something to send that is there already.
  bool has_more(Session& session) {
    return session.is_sending() && (!session.request.empty() || !session.data.empty() ||
                                    session.place < window_.end() || is_complete_);
  }

  bool wait_for_events() {
    std::vector<pollfd> polled;
    for (auto& session : sessions_) {
      polled.push_back({session.child.stdout_pipe().get(), POLLIN, 0});
      polled.push_back({session.child.stderr_pipe().get(), POLLIN, 0});
      polled.push_back({has_more(session) ? session.child.stdin_pipe().get() : -1, POLLOUT, 0});
    }
    const std::size_t source = polled.size();
    polled.push_back({window_.wants_more() && !failed_ ? window_.source() : -1, POLLIN, 0});
    for (int fd : control_.cancel_fds) polled.push_back({fd, POLLIN, 0});
    // A child whose pipes are closed may end without an event.
    ::poll(polled.data(), polled.size(), 200);
    for (std::size_t i = source + 1; i < polled.size(); ++i) {
      if (polled[i].revents != 0 && control_.cancelled && control_.cancelled()) return false;
    }
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      Session& session = sessions_[i];
      const auto ready = [&](std::size_t k) { return polled[3 * i + k].revents != 0; };
      if (ready(0)) take(session.child.stdout_pipe(), session.output);
      if (ready(1)) take(session.child.stderr_pipe(), session.errors);
      if (ready(2)) send(session);
      if (ready(0) || ready(1) || ready(2)) session.last_sign = Clock::now();
    }
    if (polled[source].revents != 0) {
      window_.read_more();
      source_sign_ = Clock::now();
      // Nobody was late who had nothing to take.
      for (auto& session : sessions_) session.last_sign = std::max(session.last_sign, Clock::now() - kGlance);
    }
    return true;
  }

  void send(Session& session) {
    const std::string_view part = !session.request.empty() ? session.request
                                  : !session.data.empty()  ? session.data
                                                           : window_.at(session.place);
    if (part.empty()) {
      if (is_complete_) (void)session.child.stdin_pipe().close();
      return;
    }
    const ssize_t sent = ::write(session.child.stdin_pipe().get(), part.data(), part.size());
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) (void)session.child.stdin_pipe().close();
    } else if (!session.request.empty()) {
      session.request.erase(0, static_cast<std::size_t>(sent));
    } else if (!session.data.empty()) {
      session.data.remove_prefix(static_cast<std::size_t>(sent));
    } else {
      session.place += static_cast<std::uint64_t>(sent);
    }
  }

  void move_window() {
    if (window_.source() < 0) return;
    std::uint64_t least = window_.end();
    for (auto& session : sessions_) {
      if (session.is_sending()) least = std::min(least, session.place);
    }
    window_.drop_before(least);
    if (control_.sent) control_.sent(least);
  }

  bool is_over(Session& session) {
    const bool is_digesting = window_.source() >= 0 && !session.is_sending();
    const auto limit = is_digesting ? control_.last_answer : control_.silence;
    const bool late =
        Clock::now() - session.last_sign >= limit && (has_more(session) || !session.is_sending());
    if (!session.child.stdout_pipe() && !session.child.stderr_pipe()) {
      if (auto exit = session.child.wait_for(milliseconds(late ? 0 : 100))) {
        finish(session, *exit);
        return true;
      }
    }
    if (!late) return false;
    // Its destructor ends it.
    fail(session.call, Reply::State::kUnreached, fmt::format("no sign of life for {} s", limit.count()));
    return true;
  }

  void finish(const Session& session, const Exit& exit) {
    if (!exit.success()) {
      const auto [kind, words] = check::ssh_failure(exit, session.errors);
      const bool has_run = kind == Kind::kNoLauncher || (kind == Kind::kOther && !exit.signalled);
      fail(session.call, has_run ? Reply::State::kNoSuchProgram : Reply::State::kUnreached, words,
           has_run ? check::kSameVersion : "");
      return;
    }
    auto answer = parse_answer(session.output);
    if (!answer) {
      fail(session.call, Reply::State::kNoSuchProgram, answer.error().message, check::kSameVersion);
      return;
    }
    replies_[session.call].answer = std::move(*answer);
    const Answer& said = replies_[session.call].answer;
    if (said.problem.empty()) {
      replies_[session.call].state = Reply::State::kDone;
    } else {
      fail(session.call, Reply::State::kRefused, said.problem, said.remedy);
    }
  }

  void fail(std::size_t call, Reply::State state, const std::string& why, const std::string& remedy = {}) {
    replies_[call].problem = why;
    replies_[call].remedy = remedy;
    replies_[call].state = failed_ ? Reply::State::kStopped : state;
    if (state == Reply::State::kSourceSilent) return;
    // All are asked where nothing is sent: what is wrong is told of all at once.
    if (window_.source() >= 0) failed_ = true;
  }

  static constexpr milliseconds kGlance{1000};

  const std::vector<Call>& calls_;
  const Source& source_;
  Window window_;
  Clock::time_point source_sign_ = Clock::now();
  bool is_complete_;  ///< nothing will be added to the window
  const ConversationControl& control_;
  std::vector<Reply> replies_;
  std::vector<Session> sessions_;
  bool failed_ = false;
};

}  // namespace

std::vector<Reply> converse(const std::vector<Call>& calls, const Source& source,
                            const ConversationControl& control) {
  return Conversation(calls, source, control).run();
}

}  // namespace shipyard::launcher::stage
