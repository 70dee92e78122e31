#include "bench/harness/launch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kGrace{5};

/// Takes what is there without waiting; closes the pipe at its end.
void take(FileDescriptor& pipe, std::string& text) {
  char buffer[64 * 1024];
  while (pipe) {
    const ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
    if (got > 0) {
      if (text.size() <= kMostOutput) text.append(buffer, static_cast<std::size_t>(got));
      if (static_cast<std::size_t>(got) < sizeof buffer) return;
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      if (got == 0 || errno != EAGAIN) (void)pipe.close();
      return;
    }
  }
}

}  // namespace

Result<Launch> launch(const std::vector<std::string>& command, const Environment& environment,
                      std::chrono::milliseconds limit, SignalDescriptor& signals) {
  // Where shipyard-mpirun is told to end with its standard input, it gets the one that is meant.
  const bool lifeline = environment.get("SHIPYARD_LIFELINE").has_value();
  auto child = Child::start({.argv = command,
                             .environment = environment.as_strings(),
                             .standard_input = lifeline ? Command::Stream::kInherit : Command::Stream::kNull,
                             .standard_output = Command::Stream::kPipe,
                             .standard_error = Command::Stream::kPipe,
                             .own_process_group = true,
                             .parent_death_signal = SIGTERM});
  if (!child) return child.error();
  for (const auto* pipe : {&child->stdout_pipe(), &child->stderr_pipe()})
    ::fcntl(pipe->get(), F_SETFL, O_NONBLOCK);

  Launch result;
  auto deadline = Clock::now() + limit;
  const auto end_it = [&](Launch::End why) {
    if (result.end != Launch::End::kItself) return;
    result.end = why;
    child->signal(SIGTERM);
    deadline = Clock::now() + kGrace;
  };
  while (!child->try_wait()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      if (result.end != Launch::End::kItself) break;
      end_it(Launch::End::kTimeout);
      continue;
    }
    pollfd polled[3] = {{child->stdout_pipe().get(), POLLIN, 0},
                        {child->stderr_pipe().get(), POLLIN, 0},
                        {signals.fd(), POLLIN, 0}};
    ::poll(polled, 3, static_cast<int>(std::min<long>(left, 1 << 30)));
    take(child->stdout_pipe(), result.output);
    take(child->stderr_pipe(), result.errors);
    if (std::max(result.output.size(), result.errors.size()) > kMostOutput) end_it(Launch::End::kTooMuch);
    while (const auto signal = signals.read()) {
      if (signal->number == SIGCHLD || is_ignored(signal->number)) continue;
      result.signal = signal->number;
      end_it(Launch::End::kInterrupted);
    }
  }
  // Without waiting for whoever else has them open.
  take(child->stdout_pipe(), result.output);
  take(child->stderr_pipe(), result.errors);
  if (result.end != Launch::End::kItself) {
    child->signal(SIGKILL);
    const auto exit = child->wait_for(kGrace);
    result.exit = exit.value_or(Exit{true, SIGKILL});
    kill_all_descendants();  // ranks have groups of their own
  } else {
    result.exit = child->wait();
  }
  return result;
}

std::string what_went_wrong(const Launch& launched, std::chrono::milliseconds limit) {
  switch (launched.end) {
    case Launch::End::kTimeout:
      return fmt::format("no end within {:g} s, so it was ended",
                         std::chrono::duration<double>(limit).count());
    case Launch::End::kTooMuch:
      return fmt::format("it printed more than {} MiB, so it was ended", kMostOutput >> 20);
    case Launch::End::kInterrupted:
      return fmt::format("ended, as {} asked for it", signal_name(launched.signal));
    case Launch::End::kItself:
      break;
  }
  return launched.exit.success() ? std::string() : describe(launched.exit);
}

std::string last_words(const std::string& text) {
  constexpr int kLines = 10;
  std::size_t from = text.find_last_not_of('\n');
  if (from == std::string::npos) return {};
  const std::size_t end = from + 1;
  for (int line = 0; line < kLines && from != std::string::npos; ++line)
    from = from == 0 ? std::string::npos : text.rfind('\n', from - 1);
  std::string words = "  ";
  for (std::size_t i = from == std::string::npos ? 0 : from + 1; i < end; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      words += "\n  ";
    } else {
      words += c < 0x20 && c != '\t' ? '?' : static_cast<char>(c);
    }
  }
  return words + "\n";
}

}  // namespace shipyard::bench
