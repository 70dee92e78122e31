#include "batch/local/nodes/engine_call.hpp"

#include <fmt/format.h>

#include "base/subprocess.hpp"
#include "batch/local/engine.hpp"

namespace shipyard::local {

Result<std::string> call_engine(const std::string& engine, std::vector<std::string> words,
                                const Environment& environment, std::chrono::seconds limit) {
  const std::string what = fmt::format("{} {}", engine, words.at(0));
  Command command;
  command.argv = std::move(words);
  command.argv.insert(command.argv.begin(), engine);
  command.environment = environment.as_strings();
  command.standard_output = command.standard_error = Command::Stream::kPipe;
  command.own_process_group = true;
  auto completed = run(std::move(command), limit);
  if (!completed) return completed.error();
  if (!completed->exit.success())
    return Error{
        Error::Code::kSystem, fmt::format("{}: {}", what, clean_engine_message(completed->errors)), {}, {}};
  return std::move(completed->output);
}

}  // namespace shipyard::local
