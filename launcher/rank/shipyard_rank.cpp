// The program beside every rank: binds itself, enters the working directory, starts the rank, which inherits
// the binding, and tells the launcher what it runs on and how it ended.
//
//   shipyard-rank [--directory DIR] [--relay-stderr] [--watch-preemption] [--colon WORD] [--] PROGRAM
//   [ARGUMENT…] shipyard-rank --reap JOB
//
// --relay-stderr takes the program's standard error to the launcher itself, past mpirun, whose own words are
// then alone on its standard error. --watch-preemption asks Azure's metadata service, on the first rank of
// each node, whether the node is about to be taken away. --reap kills what a job has left on this node
// (reap.hpp).
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
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cpu_list.hpp"
#include "base/environment.hpp"
#include "base/file.hpp"
#include "base/ip_network.hpp"
#include "base/signals.hpp"
#include "base/socket_address.hpp"
#include "base/subprocess.hpp"
#include "base/terminal.hpp"
#include "launcher/preempt/preemption_watch.hpp"
#include "launcher/rank/binding.hpp"
#include "launcher/rank/error_relay.hpp"
#include "launcher/rank/infiniband.hpp"
#include "launcher/rank/pmix_clients.hpp"
#include "launcher/rank/rank_layout.hpp"
#include "launcher/supervise/rank_protocol.hpp"
#include "launcher/supervise/reap.hpp"

namespace shipyard {
namespace {

using std::chrono::milliseconds;
using supervise::LauncherMessage;
using supervise::RankMessage;
using Clock = std::chrono::steady_clock;

constexpr int kOwnFailure = 125;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
/// What the rank gets between SIGTERM and SIGKILL once the launcher is gone.
constexpr std::chrono::seconds kGrace{2};
/// Until the launcher has said how long it may be silent.
constexpr milliseconds kFirstLimit{15'000};
/// More than this in one line is not the launcher.
constexpr std::size_t kLongestLine = 64;

struct RankOptions {
  std::string directory;
  bool relay_stderr = false;
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
  const timeval none{};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
  notice_dead_peer(fd.get(), kFirstLimit);
  return fd;
}

void tell(const FileDescriptor& launcher, const std::vector<RankMessage>& messages) {
  std::string lines;  // in one packet
  for (const auto& message : messages) lines += supervise::format_message(message);
  ssize_t ignored = ::send(launcher.get(), lines.data(), lines.size(), MSG_NOSIGNAL);
  (void)ignored;  // a launcher that is gone needs no answer
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
bool has_dead_input(const Environment& environment) {
  const auto rank = environment.get("PMI_RANK");
  return rank && *rank != "0" && environment.has("PMI_FD") && !environment.has("OMPI_COMM_WORLD_RANK");
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
  tell(launcher, {{exit.signalled ? RankMessage::Kind::kSignal : RankMessage::Kind::kExit, exit.value}});
}

/// Who of this node's ranks has called MPI_Init.
class Attendance {
 public:
  explicit Attendance(const Environment& environment) {
    const auto text = environment.get("OMPI_COMM_WORLD_LOCAL_SIZE").value_or("");
    std::from_chars(text.data(), text.data() + text.size(), ranks_);
    if (auto port = rank::pmix_server_port(environment); port && ranks_ > 0) clients_.emplace(*port);
  }

  /// Asks the kernel, until all of them were seen.
  void look() {
    if (!clients_ || complete()) return;
    for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
      if (auto table = read_file(path)) clients_->note(*table);
    }
  }
  [[nodiscard]] bool any() const { return clients_ && clients_->count() > 0; }
  /// A rank that ends well has left MPI together with all others, or has never entered it: in the first case
  /// all of them have.
  [[nodiscard]] bool someone_missing() const { return clients_ && !complete(); }

 private:
  [[nodiscard]] bool complete() const { return clients_->count() >= ranks_; }

  int ranks_ = 0;
  std::optional<rank::PmixClients> clients_;
};
/// Starts the watch where this rank is the first of its node: one is enough, and the metadata service answers
/// five requests a second. What stands against it is told to the launcher.
std::optional<preempt::PreemptionWatch> watch_preemption(const Environment& environment,
                                                         const FileDescriptor& launcher) {
  const auto refuse = [&](const std::string& why) {
    tell(launcher, {{RankMessage::Kind::kUnwatched, 0, {}, why}});
    return std::nullopt;
  };
  std::optional<std::string_view> local;
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"}) {
    if (!local) local = environment.get(name);
  }
  if (!local)
    return refuse(
        "neither OMPI_COMM_WORLD_LOCAL_RANK nor MPI_LOCALRANKID says which rank is the node's first");
  if (*local != "0") return std::nullopt;
  const auto url = environment.get(preempt::kMetadataVariable);
  const auto service =
      preempt::parse_metadata_url(url && !url->empty() ? *url : std::string_view(preempt::kAzureMetadataUrl));
  if (!service) return refuse(service.error().message);
  auto watch = preempt::PreemptionWatch::start({.service = *service});
  if (!watch) return refuse(watch.error().message);
  return std::move(*watch);
}

/// A rank that runs, the launcher at the other end of the connection, and what passes between the two.
class Watch {
 public:
  Watch(Child& child, const FileDescriptor& launcher, SignalDescriptor& signals, rank::ErrorRelay* relay,
        Attendance attendance, preempt::PreemptionWatch* preemption)
      : child_(child),
        launcher_(launcher),
        signals_(signals),
        relay_(relay),
        attendance_(std::move(attendance)),
        preemption_(preemption) {}

  /// Waits for the rank's end, and until all that it has written is on its way; or ends the rank when the
  /// launcher's side of the connection ends or falls silent.
  Exit run() {
    while (true) {
      if (auto exit = child_.try_wait(); exit && !exit_) {
        exit_ = exit;
        take_attendance();
        if (exit->success() && attendance_.someone_missing()) tell(launcher_, {{RankMessage::Kind::kAbsent}});
        if (relay_ != nullptr) relay_->finish();
      }
      if (exit_ && (relay_ == nullptr || relayed_)) return *exit_;
      wait_for_event();
      const auto now = Clock::now();
      if (now >= next_beat_) beat(now);
    }
  }

 private:
  void wait_for_event() {
    pollfd polled[4] = {{signals_.fd(), POLLIN, 0},
                        {launcher_.get(), POLLIN, 0},
                        {exit_ && relay_ != nullptr ? relay_->done_fd() : -1, POLLIN, 0},
                        {preemption_ != nullptr ? preemption_->fd() : -1, POLLIN, 0}};
    const auto left = std::chrono::ceil<milliseconds>(next_beat_ - Clock::now()).count();
    ::poll(polled, 4, static_cast<int>(std::max<long>(left, 0)));
    if (polled[2].revents != 0) relayed_ = true;
    if (polled[3].revents != 0) tell_news();
    while (signals_.read()) {
      // mpirun's signals go to the whole group, so the rank has them already; SIGCHLD is looked into in
      // run().
    }
    reap_orphans(child_.pid());
    if (polled[1].revents != 0) listen();
  }

  void tell_news() {
    const auto news = preemption_->take();
    if (!news.problem.empty()) tell(launcher_, {{RankMessage::Kind::kUnwatched, 0, {}, news.problem}});
    if (!news.preemption) return;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    tell(launcher_, {{.kind = RankMessage::Kind::kPreempt,
                      .number = static_cast<int>(preempt::time_left(*news.preemption, now).count()),
                      .text = news.preemption->description,
                      .type = std::string(preempt::event_type_name(news.preemption->type)),
                      .event = news.preemption->event_id}});
  }

  void listen() {
    char buffer[1024];
    const ssize_t got = ::recv(launcher_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) end_rank();
    heard_ = Clock::now();
    received_.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = received_.find('\n')) != std::string::npos;) {
      const auto message = supervise::parse_launcher_message(received_.substr(0, end));
      received_.erase(0, end + 1);
      if (!message) end_rank();
      obey(*message);
    }
    if (received_.size() > kLongestLine) end_rank();
  }

  void obey(const LauncherMessage& message) {
    if (message.kind == LauncherMessage::Kind::kLive) {
      limit_ = milliseconds(message.number);
      notice_dead_peer(launcher_.get(), limit_);
      next_beat_ = Clock::now();
    } else if (message.kind == LauncherMessage::Kind::kSignal && !exit_) {
      // SIGKILL is meant for all that the rank has started, another signal for the rank.
      if (message.number == SIGKILL) kill_all_children();
      child_.signal(message.number);
    }
  }

  void beat(Clock::time_point now) {
    // A node that was stopped itself hears what has arrived meanwhile before it judges.
    const bool late = now > next_beat_ + supervise::beat_interval(limit_);
    if (late) heard_ = now;
    if (now >= heard_ + limit_) end_rank();
    tell(launcher_, {{RankMessage::Kind::kBeat}});
    if (!exit_) take_attendance();
    next_beat_ = now + supervise::beat_interval(limit_);
  }

  void take_attendance() {
    const bool known = attendance_.any();
    attendance_.look();
    if (attendance_.any() && !known) tell(launcher_, {{RankMessage::Kind::kJoined}});
  }

  /// The launcher is gone or has hung up: the rank ends, and what it has started with it. The daemon of a
  /// node that is cut off would still wait for the network for minutes: once every rank of the node has had
  /// its grace, what has the job's mark is killed.
  [[noreturn]] void end_rank() {
    const auto grace_over = Clock::now() + kGrace;
    if (!exit_) {
      // SIGTERM is blocked for us.
      has_own_group() ? (void)send_signal(-::getpid(), SIGTERM) : child_.signal(SIGTERM);
      if (!child_.wait_for(kGrace)) child_.signal(SIGKILL);
      exit_ = child_.wait();
    }
    tell_end(launcher_, *exit_);
    ::shutdown(launcher_.get(), SHUT_RDWR);
    kill_all_descendants();
    std::this_thread::sleep_until(grace_over);
    if (const char* job = std::getenv(supervise::kJobVariable)) supervise::kill_marked(job);
    if (has_own_group()) send_signal(-::getpid(), SIGKILL);
    ::_exit(kOwnFailure);
  }

  Child& child_;
  const FileDescriptor& launcher_;
  SignalDescriptor& signals_;
  rank::ErrorRelay* relay_;
  Attendance attendance_;
  preempt::PreemptionWatch* preemption_;
  std::optional<Exit> exit_;
  bool relayed_ = false;
  std::string received_;
  milliseconds limit_ = kFirstLimit;
  Clock::time_point heard_ = Clock::now();
  Clock::time_point next_beat_ = heard_ + supervise::beat_interval(limit_);
};

/// What became of the rank's part of the layout.
struct Placement {
  std::string problem;         ///< why it is not bound as planned
  std::optional<Error> error;  ///< the layout makes no sense: the rank must not start
  std::string cpus;            ///< what it really runs on; empty: the kernel would not say
  std::string stands_for;      ///< the planned CPUs that these stand for, where they differ
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
Placement place_rank(Environment& environment, std::optional<int> own) {
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
  if (settings.find_infiniband && real && !environment.get("UCX_NET_DEVICES")) {
    const std::string ports = rank::nearest_infiniband_ports("/sys", *real);
    if (!ports.empty()) environment.variables["UCX_NET_DEVICES"] = ports;
  }
  return result;
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
  return what.starts_with("directory") ? kOwnFailure : error == ENOENT ? kNotFound : kNotExecutable;
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
        "usage: shipyard-rank [--directory DIR] [--relay-stderr] [--watch-preemption] [--colon WORD] [--]\n"
        "                     PROGRAM [ARGUMENT...]\n"
        "       shipyard-rank --reap JOB\n");
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
  }
  const std::optional<int> rank = own_rank(environment);
  const Placement placement = place_rank(environment, rank);
  if (launcher) introduce(launcher, rank.value_or(0), token, placement);
  if (placement.error) {
    if (!launcher) fmt::print(stderr, "{}", format_error("shipyard-rank", *placement.error));
    return kOwnFailure;
  }
  if (!launcher && !placement.problem.empty()) {
    fmt::print(stderr, "shipyard-rank: warning: {} on {} is not bound as planned: {}\n",
               rank ? fmt::format("rank {}", *rank) : "a rank", host_name(), placement.problem);
  }

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
    return error == ENOENT ? kNotFound : kNotExecutable;
  }
  std::optional<rank::ErrorRelay> relay;
  if (options.relay_stderr) {
    relay.emplace(
        std::move(child->stderr_pipe()),
        [&] {
          FileDescriptor connection = connect_to(endpoint);
          if (connection) tell(connection, {{RankMessage::Kind::kStderr, rank.value_or(0), token, {}}});
          return connection;
        },
        STDERR_FILENO);
  }
  std::optional<preempt::PreemptionWatch> preemption;
  if (options.watch_preemption) preemption = watch_preemption(environment, launcher);
  const Exit exit = Watch(*child, launcher, signals, relay ? &*relay : nullptr, Attendance(environment),
                          preemption ? &*preemption : nullptr)
                        .run();
  tell_end(launcher, exit);
  if (!exit.success()) kill_all_descendants();
  if (exit.signalled) die_by_signal(exit.value);
  ::_exit(exit.value);
}

}  // namespace
}  // namespace shipyard

int main(int argc, char** argv) { return shipyard::run_rank({argv + 1, argv + argc}); }
