#include "launcher/stage/fetch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/output.hpp"
#include "launcher/check/ssh_failure.hpp"
#include "launcher/stage/partial.hpp"
#include "launcher/stage/tar.hpp"

namespace shipyard::launcher::stage {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Fetching {
 public:
  Fetching(const Fetch& wish, const Environment& environment, const FetchControl& control)
      : wish_(wish), environment_(environment), control_(control) {}

  Result<std::uint64_t> run() {
    const SaidWords said;
    Command command = wish_.command;
    command.standard_input = command.standard_output = Command::Stream::kPipe;
    command.standard_error = Command::Stream::kNull;
    command.error_file = said.fd();
    auto child = Child::start(command);
    if (!child) return child.error();
    // Short: it has room for that.
    write_all(child->stdin_pipe().get(), format_request(wish_.request));
    (void)child->stdin_pipe().close();
    auto answer = read_answer(child->stdout_pipe().get());
    if (!answer) {
      const auto exit = child->wait_for(milliseconds(500));
      if (!exit || exit->success() || control_.cancelled()) return answer.error();
      return Error{Error::Code::kSystem, check::ssh_failure(*exit, said.text()).words};
    }
    if (!answer->problem.empty()) return Error{Error::Code::kSystem, answer->problem, answer->remedy};
    if (answer->matches == 0 || answer->matches == kSharedPlace) return answer->matches;
    if (auto unpacked = unpack(*child, said); !unpacked) return unpacked.error();
    return answer->matches;
  }

 private:
  /// Byte by byte, since what is behind it is tar's.
  Result<Answer> read_answer(int pipe) {
    std::string line;
    const auto end = Clock::now() + control_.silence;
    while (Clock::now() < end) {
      if (control_.cancelled()) return ended_before();
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
    return input_error("the node has not answered in time");
  }

  Status unpack(Child& sender, const SaidWords& sender_said) {
    auto partial = Partial::make(wish_.directory, wish_.node);
    if (!partial) return partial.error();
    ::chmod(partial->path().c_str(), wish_.mode);
    if (auto done = unpack_into(*partial, sender, sender_said); !done) return done;
    const std::string own = wish_.directory + "/" + wish_.node;
    if (::rename(partial->path().c_str(), own.c_str()) != 0) return system_error("cannot make " + own, errno);
    partial->leave();
    return Ok{};
  }

  Status unpack_into(Partial& partial, Child& sender, const SaidWords& sender_said) {
    const SaidWords said;
    // One archive may follow another.
    Command tar = tar_command({"--extract", "--ignore-zeros", "--no-same-owner", "--delay-directory-restore",
                               "--directory", partial.path(), "--file=-"},
                              environment_);
    tar.standard_input = Command::Stream::kPipe;
    tar.error_file = said.fd();
    auto child = Child::start(tar);
    if (!child) return child.error();
    bool is_stuck = false;
    if (auto moved = move_all(sender.stdout_pipe(), child->stdin_pipe(), is_stuck); !moved)
      return is_stuck ? leave(*child, partial) : moved;
    (void)sender.stdout_pipe().close();
    (void)child->stdin_pipe().close();
    std::optional<Exit> unpacked;
    const auto end = Clock::now() + control_.silence;
    while (!(unpacked = child->wait_for(kGlance))) {
      if (control_.cancelled()) return ended_before();
      if (Clock::now() >= end) return leave(*child, partial);
    }
    const auto sent = sender.wait_for(std::chrono::seconds(10));
    if (!unpacked->success()) {
      const std::string here = said.cause_or(*unpacked);
      if (lacks_room(here, partial.path()))
        return Error{Error::Code::kSystem, fmt::format("no room left in {} on this node", wish_.directory),
                     "--collect-to names a directory on a larger disk"};
      // What has come is no whole archive: why, the node knows.
      if (here != "Unexpected EOF in archive" && here != "This does not look like a tar archive")
        return Error{Error::Code::kSystem, here};
    }
    if (!unpacked->success() || !sent || !sent->success()) {
      const std::string there = cause_of(sender_said.text());
      return Error{Error::Code::kSystem, there.empty() ? "it has not come whole" : there};
    }
    return Ok{};
  }

  /// From the node to tar, until one of them has ended: how, they say themselves.
  Status move_all(FileDescriptor& from, FileDescriptor& to, bool& is_stuck) {
    ::fcntl(to.get(), F_SETFL, O_NONBLOCK);
    std::string block;
    std::string_view rest;
    auto last_sign = Clock::now();
    while (true) {
      if (control_.cancelled()) return ended_before();
      if (Clock::now() - last_sign >= control_.silence) {
        is_stuck = !rest.empty();
        return input_error(fmt::format("no sign of life for {} s", control_.silence.count()));
      }
      pollfd polled[] = {{rest.empty() ? from.get() : -1, POLLIN, 0},
                         {to.get(), static_cast<short>(rest.empty() ? 0 : POLLOUT), 0}};
      if (::poll(polled, std::size(polled), static_cast<int>(kGlance.count())) <= 0) continue;
      last_sign = Clock::now();
      if ((polled[1].revents & POLLERR) != 0) return Ok{};
      if (rest.empty()) {
        block.resize(kStreamBlock);
        const ssize_t got = ::read(from.get(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return Ok{};
        rest = std::string_view(block).substr(0, static_cast<std::size_t>(got));
      } else {
        const ssize_t put = ::write(to.get(), rest.data(), rest.size());
        if (put < 0 && errno != EINTR && errno != EAGAIN) return Ok{};
        if (put > 0) rest.remove_prefix(static_cast<std::size_t>(put));
      }
    }
  }

  /// Whoever asks a file system that hangs for something hangs as well, and cannot be killed.
  Error leave(Child& tar, Partial& partial) const {
    Error error = input_error(fmt::format("{} has taken nothing for {} s; what has come is left in {}",
                                          wish_.directory, control_.silence.count(), partial.path()));
    tar.leave();
    partial.leave();
    control_.stuck();
    return error;
  }

  const Fetch& wish_;
  const Environment& environment_;
  const FetchControl& control_;
};

}  // namespace

Error ended_before() { return input_error("ended before"); }

Result<std::uint64_t> fetch(const Fetch& wish, const Environment& environment, const FetchControl& control) {
  return Fetching(wish, environment, control).run();
}

}  // namespace shipyard::launcher::stage
