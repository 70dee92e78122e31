#include "batch/client/job_key.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/file.hpp"
#include "base/subprocess.hpp"
#include "base/temporary_directory.hpp"

namespace shipyard::batch {

Result<Secret> make_job_key(const Environment& environment) {
  const auto directory = TemporaryDirectory::make(environment, "shipyard-key");
  if (!directory) return directory.error();
  const std::string file = directory->path() + "/id_ed25519";
  Command command;
  command.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "shipyard", "-f", file};
  command.environment = environment.as_strings();
  command.standard_output = command.standard_error = Command::Stream::kPipe;
  const auto completed = run(std::move(command), std::chrono::seconds(30));
  auto text = read_file(file, 64 << 10);
  if (!completed) {
    Error error = completed.error();
    if (error.code == Error::Code::kNotFound) {
      error.message = "ssh-keygen is not installed, which makes the job's key";
      error.hint = "Debian's package openssh-client";
    }
    return error;
  }
  if (!completed->exit.success() || !text)
    return Error{Error::Code::kSystem,
                 fmt::format("ssh-keygen cannot make the job's key: {}", completed->errors),
                 {},
                 {}};
  return Secret(encode_base64(*text));
}

}  // namespace shipyard::batch
