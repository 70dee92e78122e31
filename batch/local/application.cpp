#include "batch/local/application.hpp"

#include <fmt/format.h>

#include <csignal>
#include <optional>

#include "base/shell_quote.hpp"
#include "base/signals.hpp"

namespace shipyard::local {

Result<ApplicationEnd> run_application(const std::vector<std::string>& argv, Input input,
                                       std::chrono::seconds kill_after, const Edge& edge) {
  using Clock = std::chrono::steady_clock;
  using std::chrono::milliseconds;
  constexpr milliseconds kLong{3'600'000};

  edge.messages.command(shell_quote(argv));
  Command command;
  command.argv = argv;
  command.environment = edge.environment.as_strings();
  command.standard_input = input == Input::kLifeline ? Command::Stream::kPipe : Command::Stream::kInherit;
  // Away from a Ctrl-C at the terminal, which would kill the client and leave the application without a word;
  // but a client that reads the terminal has to be in the foreground.
  command.own_process_group = input == Input::kLifeline;
  auto child = Child::start(command);
  if (!child) return child.error();

  std::optional<Clock::time_point> deadline;
  while (true) {
    if (auto exit = child->try_wait()) return ApplicationEnd{*exit, true};
    const auto now = Clock::now();
    const int signals = edge.interruption.count();
    if (signals > 0 && !deadline) {
      deadline = now + kill_after;
      (void)child->stdin_pipe().close();
      if (input == Input::kHandedOn) child->signal(edge.interruption.signal());
      if (kill_after.count() > 0) {
        edge.messages.note(fmt::format("{}: the application has {} s to end; a second one ends the wait",
                                       signal_name(edge.interruption.signal()), kill_after.count()));
      }
    }
    if (signals > 1 || (deadline && now >= *deadline)) {
      child->signal(SIGKILL);
      return ApplicationEnd{child->wait(), false};
    }
    edge.interruption.wait(deadline ? std::chrono::ceil<milliseconds>(*deadline - now) : kLong);
  }
}

}  // namespace shipyard::local
