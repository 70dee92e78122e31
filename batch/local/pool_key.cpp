#include "batch/local/pool_key.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/base64.hpp"
#include "base/file.hpp"
#include "base/shell_quote.hpp"
#include "batch/local/pool_plan.hpp"

namespace shipyard::local {

Result<Secret> make_key(const std::string& directory, const Edge& edge) {
  const auto command = key_command(directory);
  edge.messages.command(shell_quote(command));
  const auto outcome = run_jobs({{command}}, edge.environment, edge.interruption)[0];
  if (edge.interruption.signal() != 0) return Secret();
  if (outcome.error && outcome.error->code == Error::Code::kNotFound) {
    return Error{Error::Code::kNotFound,
                 "ssh-keygen is not installed, which makes the pool's key",
                 "./scripts/setup installs it (Debian's package openssh-client)",
                 {}};
  }
  if (!outcome.success()) {
    const std::string said = outcome.error ? outcome.error->message : outcome.completed.errors;
    return Error{
        Error::Code::kSystem, fmt::format("ssh-keygen cannot make the pool's key: {}", said), {}, {}};
  }
  auto text = read_file(command.back());
  ::unlink(command.back().c_str());
  ::unlink((command.back() + ".pub").c_str());
  if (!text) return text.error();
  return Secret(encode_base64(*text));
}

}  // namespace shipyard::local
