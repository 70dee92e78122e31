// The program beside every rank: enters the working directory, starts the rank, and tells the launcher how it
// ended.
//
//   shipyard-rank [--directory DIR] [--colon WORD] [--] PROGRAM [ARGUMENT…]
//
// An argument WORD is a ":" for the program, which mpirun would not let through.
//
// It exists because mpirun cannot be believed alone: Open MPI 5.0 exits with 0 after a node was lost, 4.1
// and 5.0 give a missing program different statuses of their own, and ranks outlive an mpirun that was
// killed. Linked statically: it has to run on any node, in a millisecond. Without a launcher (a command that
// --dry-run printed) it becomes the program.

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include "base/environment.hpp"
#include "base/ip_network.hpp"
#include "base/signals.hpp"
#include "base/socket_address.hpp"
#include "base/subprocess.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard {
namespace {

using supervise::RankMessage;
using Clock = std::chrono::steady_clock;

constexpr int kOwnFailure = 125;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
/// What the rank gets between SIGTERM and SIGKILL once the launcher is gone.
constexpr std::chrono::seconds kGrace{2};

struct RankOptions {
  std::string directory;
  std::vector<std::string> program;
};

RankOptions parse(const std::vector<std::string>& arguments) {
  RankOptions options;
  std::size_t i = 0;
  if (i + 1 < arguments.size() && arguments[i] == "--directory") {
    options.directory = arguments[i + 1];
    i += 2;
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

/// "10.0.0.4:40123" or "[fe80::1]:40123".
FileDescriptor connect_to(std::string_view endpoint) {
  auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = endpoint.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  auto address = parse_address(host);
  int port = 0;
  std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  if (!address || port <= 0 || port > 65535) {
    errno = EINVAL;
    return {};
  }
  const SocketAddress remote(*address, static_cast<std::uint16_t>(port));
  FileDescriptor fd(::socket(remote.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  // connect(2) follows SO_SNDTIMEO; the default is two minutes.
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), remote.get(), remote.size()) != 0) return {};
  notice_dead_peer(fd.get());
  return fd;
}

void tell(const FileDescriptor& launcher, const RankMessage& message) {
  const std::string line = supervise::format_message(message);
  ssize_t ignored = ::send(launcher.get(), line.data(), line.size(), MSG_NOSIGNAL);
  (void)ignored;  // a launcher that is gone needs no answer
}

int own_rank(const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (auto text = environment.get(name)) {
      int rank = -1;
      std::from_chars(text->data(), text->data() + text->size(), rank);
      if (rank >= 0) return rank;
    }
  }
  return 0;
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  std::string result = name[0] != '\0' ? name : "?";
  for (char& c : result) c = c == ' ' ? '_' : c;
  return result;
}

/// mpirun's daemon has put us and the rank into a group of our own; only then may the group be signalled.
bool has_own_group() { return ::getpgrp() == ::getpid(); }

void tell_end(const FileDescriptor& launcher, const Exit& exit) {
  if (!launcher) return;
  tell(launcher,
       {exit.signalled ? RankMessage::Kind::kSignal : RankMessage::Kind::kExit, exit.value, {}, {}});
}

/// The launcher is gone or has hung up: the rank ends, and what it has started with it.
[[noreturn]] void end_rank(Child& child, const FileDescriptor& launcher) {
  // SIGTERM is blocked for us.
  has_own_group() ? (void)send_signal(-::getpid(), SIGTERM) : child.signal(SIGTERM);
  if (!child.wait_for(kGrace)) child.signal(SIGKILL);
  tell_end(launcher, child.wait());
  if (has_own_group()) send_signal(-::getpid(), SIGKILL);
  ::_exit(kOwnFailure);
}

/// Waits for the rank's end, or ends it when the launcher's side of the connection does.
Exit watch(Child& child, const FileDescriptor& launcher, SignalDescriptor& signals) {
  while (true) {
    if (auto exit = child.try_wait()) return *exit;
    pollfd polled[2] = {{signals.fd(), POLLIN, 0}, {launcher.get(), POLLIN, 0}};
    ::poll(polled, 2, -1);
    while (signals.read()) {
      // mpirun's signals go to the whole group, so the rank has them already; SIGCHLD is looked into above.
    }
    char byte = 0;
    if (polled[1].revents != 0 && ::recv(launcher.get(), &byte, 1, 0) <= 0) end_rank(child, launcher);
  }
}

int fail(const std::string& what, int error) {
  fmt::print(stderr, "shipyard-rank: error: {}: {} (on {})\n", what, std::generic_category().message(error),
             host_name());
  return what.starts_with("directory") ? kOwnFailure : error == ENOENT ? kNotFound : kNotExecutable;
}

int run_rank(const std::vector<std::string>& arguments) {
  RankOptions options = parse(arguments);
  if (options.program.empty()) {
    fmt::print(stderr, "usage: shipyard-rank [--directory DIR] [--colon WORD] [--] PROGRAM [ARGUMENT...]\n");
    return kOwnFailure;
  }
  Environment environment = Environment::capture();
  const std::string endpoint(environment.get(supervise::kReportVariable).value_or(""));
  const std::string token(environment.get(supervise::kTokenVariable).value_or(""));
  environment.variables.erase(supervise::kReportVariable);

  FileDescriptor launcher;
  if (!endpoint.empty()) {
    launcher = connect_to(endpoint);
    if (!launcher) {
      fmt::print(stderr, "shipyard-rank: error: cannot reach the launcher at {} from {}: {}\n", endpoint,
                 host_name(), std::generic_category().message(errno));
      return kOwnFailure;
    }
    tell(launcher, {RankMessage::Kind::kRank, own_rank(environment), token, host_name()});
  }

  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) {
    const int error = errno;
    if (!launcher) return fail("directory " + options.directory, error);
    tell(launcher, {RankMessage::Kind::kFail, error, {}, "directory"});
    return kOwnFailure;
  }
  if (!options.directory.empty()) environment.variables["PWD"] = options.directory;

  SignalDescriptor signals(
      {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM, SIGTSTP});
  int error = 0;
  auto child = Child::start({.argv = options.program,
                             .environment = environment.as_strings(),
                             .standard_input = Command::Stream::kInherit,
                             .parent_death_signal = SIGKILL},
                            &error);
  if (!child) {
    if (!launcher) return fail("program " + options.program[0], error);
    tell(launcher, {RankMessage::Kind::kFail, error, {}, "program"});
    return error == ENOENT ? kNotFound : kNotExecutable;
  }
  const Exit exit = watch(*child, launcher, signals);
  tell_end(launcher, exit);
  if (exit.signalled) die_by_signal(exit.value);
  ::_exit(exit.value);
}

}  // namespace
}  // namespace shipyard

int main(int argc, char** argv) { return shipyard::run_rank({argv + 1, argv + argc}); }
