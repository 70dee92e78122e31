#include "batch/local/nodes/node_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_descriptor.hpp"
#include "base/output.hpp"
#include "batch/local/node_docker/rewrite.hpp"

namespace shipyard::local {
namespace {

/// By which the processes of a task are found on their node. No name of Batch's or ours: those reach the
/// container.
constexpr const char* kMarkerVariable = "LOCAL_NODE_TASK";
/// What is kept of what the engine's client says.
constexpr std::size_t kMostErrors = 16 << 10;
constexpr std::string_view kNotFound = "shipyard-local: not found";
constexpr std::string_view kSession = "shipyard-local: session ";

/// $0: the directory for the outputs; $1…: the command. The engine makes it the leader of a session
/// (setsid(2)).
constexpr const char* kStart =
    "echo \"shipyard-local: session $$\" >&2; "
    "command -v -- \"$1\" >/dev/null 2>&1 || { echo 'shipyard-local: not found' >&2; exit 127; }; "
    "exec \"$@\" >>\"$0/stdout.txt\" 2>>\"$0/stderr.txt\" </dev/null";

/// $0: the variable with its value; $1: how often it is looked after SIGTERM, each time 0.1 s; $2: sessions,
/// with blanks around each (proc(5): the sixth field of stat, behind a name that may hold anything). A
/// process may start another while the list is read: it is read until nothing is found.
constexpr const char* kEnd =
    "session_of() { read -r line <\"$1/stat\" || return; set -- ${line##*\\) }; echo \"$4\"; }; "
    "sessions=$2; "
    "marked() { for p in /proc/[0-9]*; do "
    "case $sessions in *\" $(session_of \"$p\") \"*) echo \"${p#/proc/}\"; continue ;; esac; "
    "if tr '\\0' '\\n' 2>/dev/null <\"$p/environ\" | grep -qxF -- \"$0\"; then echo \"${p#/proc/}\"; fi; "
    "done 2>/dev/null; }; "
    "signal=TERM; left=$1; "
    "while all=$(marked) && test -n \"$all\"; do "
    "if test \"$left\" -le 0; then signal=KILL; fi; "
    "if test \"$signal\" = KILL || test \"$left\" = \"$1\"; then kill -\"$signal\" $all 2>/dev/null; fi; "
    "left=$((left - 1)); test \"$left\" -gt -100 || exit 1; sleep 0.1; done";

}  // namespace

Result<NodeCommand> NodeCommand::start(const NodeCommandOrder& order, const Environment& environment) {
  Command command;
  auto& argv = command.argv;
  argv = {order.engine, "exec", "--user", order.user, "--workdir", order.directory};
  command.environment = environment.as_strings();
  const auto set = [&](const std::string& name, const std::string& value) {
    // The name alone: the client takes the value from its own environment, which nobody else can read. Later
    // ones win there.
    argv.insert(argv.end(), {"--env", name});
    std::erase_if(command.environment,
                  [&](const std::string& entry) { return entry.starts_with(name + "="); });
    command.environment.push_back(fmt::format("{}={}", name, value));
  };
  std::string file;
  for (const auto& [name, value] : order.variables) {
    if (!node_docker::belongs_to_the_client(name, order.engine == "podman")) {
      set(name, value);
    } else if (value.find('\n') == std::string::npos) {
      // The client would obey it itself: in a file, which nobody else can read either.
      file += fmt::format("{}={}\n", name, value);
    } else {
      return input_error(fmt::format("the variable {} has a line break", name));
    }
  }
  const FileDescriptor variables(::memfd_create("variables", MFD_CLOEXEC));
  if (!file.empty()) {
    if (!variables || write_all(variables.get(), file) != 0)
      return system_error("no file for the variables", errno);
    argv.insert(argv.end(), {"--env-file", fmt::format("/dev/fd/{}", variables.get())});
    command.kept_files = {variables.get()};
  }
  set(kMarkerVariable, order.marker);
  argv.insert(argv.end(), {order.container, "/bin/sh", "-c", kStart, order.output_directory});
  argv.insert(argv.end(), order.words.begin(), order.words.end());
  command.standard_output = Command::Stream::kNull;
  command.standard_error = Command::Stream::kPipe;
  command.own_process_group = true;
  auto child = Child::start(command);
  if (!child) return child.error();
  return NodeCommand(std::move(*child));
}

std::optional<NodeCommandEnd> NodeCommand::wait_for(std::chrono::milliseconds limit) {
  const auto exit = child_.wait_for(limit);
  read_available(child_.stderr_pipe(), errors_, kMostErrors);
  read_session();
  if (!exit) return std::nullopt;
  NodeCommandEnd end;
  end.exit = *exit;
  end.not_found = errors_.find(kNotFound) != std::string::npos;
  if (!end.not_found) end.complaint = errors_;
  return end;
}

void NodeCommand::read_session() {
  const auto end = errors_.find('\n');
  if (!session_.empty() || !errors_.starts_with(kSession) || end == std::string::npos) return;
  session_ = errors_.substr(kSession.size(), end - kSession.size());
  errors_.erase(0, end + 1);
}

void end_processes(const std::string& engine, const std::string& node, const std::string& marker,
                   const std::vector<std::string>& sessions, std::chrono::seconds grace,
                   const Environment& environment) {
  Command command;
  command.argv = {engine,
                  "exec",
                  "--user",
                  "0",
                  node,
                  "/bin/sh",
                  "-c",
                  kEnd,
                  fmt::format("{}={}", kMarkerVariable, marker),
                  fmt::format("{}", grace.count() * 10),
                  fmt::format(" {} ", fmt::join(sessions, " "))};
  command.environment = environment.as_strings();
  command.standard_output = command.standard_error = Command::Stream::kPipe;
  (void)run(std::move(command), grace + std::chrono::seconds(30));
}

}  // namespace shipyard::local
