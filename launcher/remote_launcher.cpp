#include "launcher/remote_launcher.hpp"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>

#include "base/shell_quote.hpp"

namespace shipyard::launcher {
namespace {

std::string own_path(const Environment& environment) {
  // The tree for images of other distributions starts this program by its own loader (images/tree/wrapper).
  if (auto libexec = environment.get("SHIPYARD_LIBEXEC"); libexec && !libexec->empty())
    return (std::filesystem::path(*libexec) / "../../bin/shipyard-mpirun").lexically_normal().string();
  return environment.executable_directory + "/shipyard-mpirun";
}

Command with_pipes(std::vector<std::string> argv, const Environment& environment) {
  return {.argv = std::move(argv),
          .environment = environment.as_strings(),
          .standard_input = Command::Stream::kPipe,
          .standard_output = Command::Stream::kPipe,
          .standard_error = Command::Stream::kPipe,
          .own_process_group = true,
          .parent_death_signal = SIGKILL};
}

}  // namespace

Command remote_launcher(const Environment& environment, const std::string& ssh_config,
                        const std::string& node, const std::string& option) {
  // Run by whatever shell the user has there.
  const std::string line =
      "exec sh -c " + shell_quote(fmt::format("test -x {0} && exec {0} {1}; exec shipyard-mpirun {1}",
                                              shell_quote(own_path(environment)), option));
  // The proxy hands over connections of a gate that may be long gone, so ssh makes its own here. Without a
  // terminal nothing can be asked of anybody.
  return with_pipes({"ssh", "-F", ssh_config, "-T", "-o", "ProxyCommand=none", "-o", "ProxyUseFdpass=no",
                     "-o", "BatchMode=yes", node, line},
                    environment);
}

Command own_launcher(const Environment& environment, const std::string& option) {
  return with_pipes({own_path(environment), option}, environment);
}

}  // namespace shipyard::launcher
