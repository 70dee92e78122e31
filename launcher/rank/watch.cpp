#include "launcher/rank/watch.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include "base/exit_status.hpp"
#include "base/socket_address.hpp"
#include "launcher/preempt/metadata_service.hpp"
#include "launcher/supervise/rank_protocol.hpp"
#include "launcher/supervise/reap.hpp"

namespace shipyard::rank {
namespace {

using std::chrono::milliseconds;

/// What the rank gets between SIGTERM and SIGKILL once the launcher is gone.
constexpr std::chrono::seconds kGrace{2};
/// More than this in one line is not the launcher.
constexpr std::size_t kLongestLine = 64;

/// Where mpirun is gone with the launcher, its last act is to kill us, who may not have come to our end by
/// then: a child of ours outside of its reach ends what is left.
pid_t kill_marked_later(const std::string& job, std::chrono::steady_clock::time_point when) {
  if (const pid_t child = ::fork(); child != 0) return child;
  ::setsid();
  close_all_descriptors();
  const auto files = supervise::files_of_marked(job);
  std::this_thread::sleep_until(when);
  supervise::kill_marked(job);
  files.remove();
  ::_exit(0);
}

/// mpirun's daemon has put us and the rank into a group of our own; only then may the group be signalled.
bool has_own_group() { return ::getpgrp() == ::getpid(); }

}  // namespace

using supervise::LauncherMessage;
using supervise::RankMessage;

Exit Watch::run() {
  while (true) {
    if (auto exit = child_.try_wait(); exit && !exit_) {
      exit_ = exit;
      take_attendance();
      if (exit->success() && attendance_.someone_missing()) tell(launcher_, {{RankMessage::Kind::kAbsent}});
      if (relay_ != nullptr) relay_->finish();
    }
    if (exit_ && (relay_ == nullptr || relayed_)) {
      files_.remove();
      return *exit_;
    }
    wait_for_event();
    const auto now = Clock::now();
    if (now >= next_beat_) beat(now);
  }
}

void Watch::wait_for_event() {
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

void Watch::tell_news() {
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

void Watch::listen() {
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

void Watch::obey(const LauncherMessage& message) {
  if (message.kind == LauncherMessage::Kind::kLive) {
    limit_ = milliseconds(message.number);
    notice_dead_peer(launcher_.get(), limit_);
    next_beat_ = Clock::now();
  } else if (message.kind == LauncherMessage::Kind::kSignal && !exit_) {
    // SIGKILL is meant for all that the rank has started, another signal for the rank.
    if (message.number == SIGKILL) {
      files_ = supervise::files_of_marked(job_);
      kill_all_children();
    }
    child_.signal(message.number);
  }
}

void Watch::beat(Clock::time_point now) {
  // A node that was stopped itself hears what has arrived meanwhile before it judges.
  const bool late = now > next_beat_ + supervise::beat_interval(limit_);
  if (late) heard_ = now;
  if (now >= heard_ + limit_) end_rank();
  tell(launcher_, {{RankMessage::Kind::kBeat}});
  if (!exit_) take_attendance();
  next_beat_ = now + supervise::beat_interval(limit_);
}

void Watch::take_attendance() {
  const bool known = attendance_.any();
  attendance_.look();
  if (attendance_.any() && !known) tell(launcher_, {{RankMessage::Kind::kJoined}});
}

/// The launcher is gone or has hung up: the rank ends, and what it has started with it. The daemon of a node
/// that is cut off would still wait for the network for minutes: once every rank of the node has had its
/// grace, what has the job's mark is killed.
void Watch::end_rank() {
  const auto grace_over = Clock::now() + kGrace;
  // The rank's grace begins when all files have been found.
  const pid_t heir = kill_marked_later(job_, grace_over + kGrace);
  const auto files = supervise::files_of_marked(job_);
  if (!exit_) {
    // SIGTERM is blocked for us.
    has_own_group() ? (void)send_signal(-::getpid(), SIGTERM) : child_.signal(SIGTERM);
    if (!child_.wait_for(kGrace)) child_.signal(SIGKILL);
    exit_ = child_.wait();
  }
  tell_end(launcher_, *exit_);
  ::shutdown(launcher_.get(), SHUT_RDWR);
  kill_all_descendants({heir});
  std::this_thread::sleep_until(grace_over);
  supervise::kill_marked(job_);
  files.remove();
  if (has_own_group()) send_signal(-::getpid(), SIGKILL);
  ::_exit(kOwnFailure);
}

std::optional<std::string_view> local_rank(const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"}) {
    if (const auto local = environment.get(name)) return local;
  }
  return std::nullopt;
}

std::optional<preempt::PreemptionWatch> watch_preemption(const Environment& environment,
                                                         const FileDescriptor& launcher) {
  const auto refuse = [&](const std::string& why) {
    tell(launcher, {{RankMessage::Kind::kUnwatched, 0, {}, why}});
    return std::nullopt;
  };
  const auto local = local_rank(environment);
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

}  // namespace shipyard::rank
