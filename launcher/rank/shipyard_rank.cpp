// The program beside every rank: binds itself, enters the working directory, starts the rank, which inherits
// the binding, and tells the launcher what it runs on and how it ended.
//
//   shipyard-rank [--directory DIR] [--relay-stderr] [--find-infiniband] [--watch-preemption] [--colon WORD]
//                 [--] PROGRAM …
//
//   shipyard-rank --reap JOB
//
// --relay-stderr takes the program's standard error to the launcher itself, past mpirun, whose own words are
// then alone on its standard error. --find-infiniband sets UCX_NET_DEVICES to the InfiniBand ports of this
// node that are near to the rank, where the rank does not have it already. --watch-preemption asks Azure's
// metadata service, on the first rank of each node, whether the node is about to be taken away. --reap kills
// what a job has left on this node (reap.hpp).
//
// An argument WORD is a ":" for the program, which mpirun would not let through. SHIPYARD_LAYOUT
// (rank_layout.hpp) holds the CPUs and the variables of every rank; without it nothing is bound, and only
// reported where mpirun has bound the rank.
//
// It exists because mpirun cannot be believed alone: Open MPI 5.0 exits with 0 after a node was lost, 4.1
// and 5.0 give a missing program different statuses of their own, and ranks outlive an mpirun that was
// killed; and because mpirun's own flags cannot describe every layout. It starts in a millisecond and needs
// nothing on the node but the C library; linked to that dynamically, so that a test can put an affinity of
// another machine under it (LD_PRELOAD). Without a launcher (a command that --dry-run printed) it becomes the
// program.

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/cpu_list.hpp"
#include "base/environment.hpp"
#include "base/exit_status.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "base/terminal.hpp"
#include "launcher/preempt/preemption_watch.hpp"
#include "launcher/rank/binding.hpp"
#include "launcher/rank/error_relay.hpp"
#include "launcher/rank/infiniband.hpp"
#include "launcher/rank/launcher_connection.hpp"
#include "launcher/rank/rank_layout.hpp"
#include "launcher/rank/watch.hpp"
#include "launcher/supervise/rank_protocol.hpp"
#include "launcher/supervise/reap.hpp"

namespace shipyard {
namespace {

using rank::connect_to;
using rank::tell;
using rank::tell_end;
using rank::Watch;
using supervise::RankMessage;

struct RankOptions {
  std::string directory;
  bool relay_stderr = false;
  bool find_infiniband = false;
  bool watch_preemption = false;
  std::vector<std::string> program;
};

RankOptions parse(const std::vector<std::string>& arguments) {
  RankOptions options;
  std::size_t i = 0;
  if (i + 1 < arguments.size() && arguments[i] == "--directory") {
    options.directory = arguments[i + 1];
    i += 2;
  }
  if (i < arguments.size() && arguments[i] == "--relay-stderr") {
    options.relay_stderr = true;
    ++i;
  }
  if (i < arguments.size() && arguments[i] == "--find-infiniband") {
    options.find_infiniband = true;
    ++i;
  }
  if (i < arguments.size() && arguments[i] == "--watch-preemption") {
    options.watch_preemption = true;
    ++i;
  }
  std::string colon = ":";
  if (i + 1 < arguments.size() && arguments[i] == "--colon") {
    colon = arguments[i + 1];
    i += 2;
  }
  if (i < arguments.size() && arguments[i] == "--") ++i;
  options.program.assign(arguments.begin() + static_cast<long>(i), arguments.end());
  if (options.program.size() > 1)
    std::replace(options.program.begin() + 1, options.program.end(), colon, std::string(":"));
  return options;
}

std::optional<int> own_rank(const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (auto text = environment.get(name)) {
      int rank = -1;
      std::from_chars(text->data(), text->data() + text->size(), rank);
      if (rank >= 0) return rank;
    }
  }
  return std::nullopt;
}

/// Hydra gives all ranks but rank 0 an input that nobody ever writes to or closes: to read it would hang.
/// Intel's is known by MPI_LOCALRANKID.
bool has_dead_input(const Environment& environment) {
  const auto rank = environment.get("PMI_RANK");
  return rank && *rank != "0" && (environment.has("PMI_FD") || environment.has("MPI_LOCALRANKID")) &&
         !environment.has("OMPI_COMM_WORLD_RANK");
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  std::string result = name[0] != '\0' ? name : "?";
  for (char& c : result) c = c == ' ' ? '_' : c;
  return result;
}

/// What became of the rank's part of the layout.
struct Placement {
  std::string problem;         ///< why it is not bound as planned
  std::optional<Error> error;  ///< the layout makes no sense: the rank must not start
  std::string cpus;            ///< what it really runs on; empty: the kernel would not say
  std::string stands_for;      ///< the planned CPUs that these stand for, where they differ
  bool without_port = false;   ///< MPI goes over InfiniBand, and no port of this node is ACTIVE
};

Status bind_as_planned(const rank::RankSettings& settings, std::string& target) {
  const auto planned = parse_cpu_list(settings.cpus);
  const auto usable = parse_cpu_list(settings.usable);
  if (!planned || !usable) return input_error("no list of CPUs");  // find_rank_settings lets none through
  const auto own = rank::own_cpus();
  if (!own) return own.error();
  const auto cpus = rank::cpus_on_this_node(*planned, *usable, *own);
  if (!cpus) return cpus.error();
  target = format_cpu_list(*cpus);
  return rank::bind_to(*cpus);
}

/// Binds this process as the layout in `environment` says, and puts the rank's variables there in its place.
Placement place_rank(Environment& environment, std::optional<int> own, bool find_infiniband) {
  Placement result;
  const std::string table(environment.get(rank::kLayoutVariable).value_or(""));
  environment.variables.erase(rank::kLayoutVariable);
  rank::RankSettings settings;
  if (!table.empty() && !own) {
    // All ranks on the CPUs of rank 0 would be worse.
    result.problem = "none of OMPI_COMM_WORLD_RANK, PMIX_RANK and PMI_RANK says which rank it is";
  } else if (!table.empty()) {
    auto found = rank::find_rank_settings(table, *own);
    if (!found) {
      result.error = std::move(found.error());
      return result;
    }
    settings = std::move(*found);
  }
  std::string target;
  if (!settings.cpus.empty()) {
    if (auto bound = bind_as_planned(settings, target); !bound) result.problem = bound.error().message;
  }
  const auto real = rank::own_cpus();
  if (real) result.cpus = format_cpu_list(*real);
  if (result.cpus == target && target != settings.cpus) result.stands_for = settings.cpus;

  for (const auto& [name, value] : settings.variables) environment.variables.emplace(name, value);
  if (find_infiniband && real && !environment.get("UCX_NET_DEVICES")) {
    const std::string ports = rank::nearest_infiniband_ports("/sys", *real);
    if (!ports.empty()) environment.variables["UCX_NET_DEVICES"] = ports;
    result.without_port = ports.empty();
  }
  return result;
}

std::string missing_port_warning() {
  return fmt::format(
      "no InfiniBand port of {} is ACTIVE, while MPI goes over InfiniBand: UCX is left to take any network "
      "there, and the other nodes may not reach it",
      host_name());
}

/// As the rank's own standard error: by `connection`, or else by ours.
void warn(const FileDescriptor& connection, const std::string& warning) {
  const std::string line = "shipyard-rank: warning: " + warning + "\n";
  const auto size = static_cast<ssize_t>(line.size());
  if (!connection || ::send(connection.get(), line.data(), line.size(), MSG_NOSIGNAL) != size)
    fmt::print(stderr, "{}", line);
}

/// The first words to the launcher.
void introduce(const FileDescriptor& launcher, int rank, const std::string& token,
               const Placement& placement) {
  std::vector<RankMessage> messages{{RankMessage::Kind::kRank, rank, token, host_name()}};
  std::string problem = placement.problem;
  if (placement.error) {
    problem = placement.error->message;
    if (!placement.error->excerpt.text.empty()) {
      problem += fmt::format(" at character {} of it", placement.error->excerpt.offset + 1);
    }
  }
  if (!problem.empty()) messages.push_back({RankMessage::Kind::kUnbound, 0, {}, problem});
  if (!placement.cpus.empty())
    messages.push_back({RankMessage::Kind::kBound, 0, {}, placement.cpus, placement.stands_for});
  if (placement.error) messages.push_back({RankMessage::Kind::kFail, EINVAL, {}, "layout"});
  tell(launcher, messages);
}

int fail(const std::string& what, int error) {
  fmt::print(stderr, "shipyard-rank: error: {}: {} (on {})\n", what, std::generic_category().message(error),
             host_name());
  return what.starts_with("directory") ? kOwnFailure
         : error == ENOENT             ? kProgramNotFound
                                       : kProgramNotExecutable;
}

int run_rank(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "--reap") {
    supervise::kill_marked(arguments[1]);
    return 0;
  }
  RankOptions options = parse(arguments);
  if (options.program.empty()) {
    fmt::print(
        stderr,
        "usage: shipyard-rank [--directory DIR] [--relay-stderr] [--find-infiniband] [--watch-preemption]\n"
        "                     [--colon WORD] [--] PROGRAM [ARGUMENT...]\n"
        "       shipyard-rank --reap JOB\n");
    return kOwnFailure;
  }
  Environment environment = Environment::capture();
  const std::string endpoint(environment.get(supervise::kReportVariable).value_or(""));
  const std::string token(environment.get(supervise::kTokenVariable).value_or(""));
  for (const char* name : {supervise::kReportVariable, supervise::kTokenVariable})
    environment.variables.erase(name);

  FileDescriptor launcher;
  if (!endpoint.empty()) {
    launcher = connect_to(endpoint);
    if (!launcher) {
      fmt::print(stderr, "shipyard-rank: error: cannot reach the launcher at {} from {}: {}\n", endpoint,
                 host_name(), std::generic_category().message(errno));
      return kOwnFailure;
    }
  }
  const std::optional<int> rank = own_rank(environment);
  const Placement placement = place_rank(environment, rank, options.find_infiniband);
  if (launcher) introduce(launcher, rank.value_or(0), token, placement);
  if (placement.error) {
    if (!launcher) fmt::print(stderr, "{}", format_error("shipyard-rank", *placement.error));
    return kOwnFailure;
  }
  if (!launcher && !placement.problem.empty()) {
    fmt::print(stderr, "shipyard-rank: warning: {} on {} is not bound as planned: {}\n",
               rank ? fmt::format("rank {}", *rank) : "a rank", host_name(), placement.problem);
  }

  const auto connect_stderr = [&] {
    FileDescriptor connection = connect_to(endpoint);
    if (connection) tell(connection, {{RankMessage::Kind::kStderr, rank.value_or(0), token, {}}});
    return connection;
  };
  // Where nobody says which rank is the first of the node: better said twice than not at all.
  if (placement.without_port && rank::local_rank(environment).value_or("0") == "0")
    warn(launcher && options.relay_stderr ? connect_stderr() : FileDescriptor(), missing_port_warning());

  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) {
    const int error = errno;
    if (!launcher) return fail("directory " + options.directory, error);
    tell(launcher, {{RankMessage::Kind::kFail, error, {}, "directory"}});
    return kOwnFailure;
  }
  if (!options.directory.empty()) environment.variables["PWD"] = options.directory;

  if (!launcher) {
    const int error = become_program({.argv = options.program, .environment = environment.as_strings()});
    return fail("program " + options.program[0], error);
  }

  // What the rank leaves behind, in whatever session, comes to us and not to the container's first process.
  become_subreaper();
  SignalDescriptor signals(
      {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM, SIGTSTP});
  int error = 0;
  auto child = Child::start(
      {.argv = options.program,
       .environment = environment.as_strings(),
       .standard_input = has_dead_input(environment) ? Command::Stream::kNull : Command::Stream::kInherit,
       .standard_error = options.relay_stderr ? Command::Stream::kPipe : Command::Stream::kInherit,
       .parent_death_signal = SIGKILL},
      &error);
  if (!child) {
    tell(launcher, {{RankMessage::Kind::kFail, error, {}, "program"}});
    return error == ENOENT ? kProgramNotFound : kProgramNotExecutable;
  }
  std::optional<rank::ErrorRelay> relay;
  if (options.relay_stderr) {
    relay.emplace(std::move(child->stderr_pipe()), connect_stderr, STDERR_FILENO);
  }
  std::optional<preempt::PreemptionWatch> preemption;
  if (options.watch_preemption) preemption = rank::watch_preemption(environment, launcher);
  const Exit exit =
      Watch(std::string(environment.get(supervise::kJobVariable).value_or("")), *child, launcher, signals,
            relay ? &*relay : nullptr, rank::Attendance(environment), preemption ? &*preemption : nullptr)
          .run();
  tell_end(launcher, exit);
  if (!exit.success()) kill_all_descendants();
  if (exit.signalled) die_by_signal(exit.value);
  ::_exit(exit.value);
}

}  // namespace
}  // namespace shipyard

int main(int argc, char** argv) { return shipyard::run_rank({argv + 1, argv + argc}); }
