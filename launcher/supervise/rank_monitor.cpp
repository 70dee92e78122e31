#include "launcher/supervise/rank_monitor.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/listener.hpp"
#include "base/socket_address.hpp"

namespace shipyard::supervise {
namespace {

/// A stranger gets no more of our memory than a RANK line needs. A rank may name every other of 8192 CPUs.
constexpr std::size_t kLongestHello = 1024;
constexpr std::size_t kLongestLine = 32 * 1024;
/// 64 connections each. Bounded, since one that cannot be accepted (EMFILE) stays where it is.
constexpr int kMostRounds = 1000;

/// To a peer that does not read, nothing: its buffer is full long after it counts as lost.
void say(const FileDescriptor& fd, const LauncherMessage& message) {
  const std::string line = format_message(message);
  ssize_t ignored = ::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)ignored;
}

bool is_loopback(const IpAddress& address) { return !address.ipv6 && address.bytes[0] == 127; }

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur;
}

Result<RankMonitor> RankMonitor::listen(const IpAddress& address, std::string token,
                                        std::chrono::milliseconds silence_limit) {
  RankMonitor monitor;
  monitor.silence_limit_ = silence_limit;
  monitor.token_ = std::move(token);
  monitor.names_peers_ = !is_loopback(address);
  monitor.address_ = to_string(address);
  auto listener = Listener::at(address);
  if (!listener) return listener.error();
  monitor.listener_ = std::move(listener->fd);
  const std::string port = std::to_string(listener->port);
  monitor.endpoint_ = (address.ipv6 ? "[" + to_string(address) + "]" : to_string(address)) + ":" + port;

  monitor.epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!monitor.epoll_) return system_error("cannot make an event queue", errno);
  epoll_event event{.events = EPOLLIN, .data = {.fd = monitor.listener_.get()}};
  ::epoll_ctl(monitor.epoll_.get(), EPOLL_CTL_ADD, monitor.listener_.get(), &event);
  return monitor;
}

void RankMonitor::accept_all() {
  while (true) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    FileDescriptor fd(
        ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    notice_dead_peer(fd.get(), silence_limit_);
    const int number = fd.get();
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = number}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event);
    if (hung_up_) ::shutdown(number, SHUT_WR);
    Connection& connection = connections_[number];
    connection = {};
    connection.fd = std::move(fd);
    connection.heard = Clock::now();
    if (auto address = address_of(reinterpret_cast<const sockaddr&>(peer)))
      connection.peer = to_string(*address);
  }
}

void RankMonitor::handle() {
  // Until there is nothing more: who has spoken must not count as silent since others were heard first.
  // A rank that fails takes others with it, and both may have come by now: who has said how it ended goes
  // before those that are gone without a word.
  std::vector<Connection> gone;
  for (int round = 0; round < kMostRounds && handle_some(gone); ++round) {
  }
  // And this node, which is still there, after others: for their loss mpirun has killed what ran here.
  std::stable_partition(gone.begin(), gone.end(),
                        [&](const Connection& connection) { return connection.peer != address_; });
  for (const auto& connection : gone) note_loss(connection, connection.timed_out);
}

bool RankMonitor::handle_some(std::vector<Connection>& gone) {
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_.get(), events, 64, 0);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.fd == listener_.get()) {
      accept_all();
      continue;
    }
    auto found = connections_.find(events[i].data.fd);
    if (found == connections_.end() || read(found->second)) continue;
    Connection connection = std::move(found->second);
    connections_.erase(found);
    if (connection.is_stderr) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.fd.get(), nullptr);
      if (stderr_sink_)
        stderr_sink_(std::move(connection.fd), connection.rank, std::move(connection.received));
    } else {
      gone.push_back(std::move(connection));
    }
  }
  return count > 0;
}

void RankMonitor::note_loss(const Connection& connection, bool silent) {
  auto record = records_.find(connection.rank);
  if (record == records_.end() || record->second.ended()) return;
  record->second.lost = true;
  record->second.silent = silent;
  record->second.order = ++events_;
  ++lost_;
  if (silent) ++silent_;
}

void RankMonitor::beat(Clock::time_point now) {
  if (now - last_beat_ > 2 * interval()) {
    for (auto& [number, connection] : connections_) connection.heard = now;
  }
  last_beat_ = now;
  judge_silence(now);
  say_to_all({});
}

void RankMonitor::judge_silence(Clock::time_point now) {
  silence_deadline_ = Clock::time_point::max();
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    Connection& connection = entry->second;
    if (now - connection.heard < silence_limit_) {
      silence_deadline_ = std::min(silence_deadline_, connection.heard + silence_limit_);
      ++entry;
      continue;
    }
    note_loss(connection, true);
    entry = connections_.erase(entry);
  }
}

std::size_t RankMonitor::connected() const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& entry) { return entry.second.rank >= 0; }));
}

void RankMonitor::say_to_all(const LauncherMessage& message) {
  for (const auto& [number, connection] : connections_) {
    if (connection.rank >= 0) say(connection.fd, message);
  }
}

void RankMonitor::send_signal(int number) { say_to_all({LauncherMessage::Kind::kSignal, number}); }

bool RankMonitor::read(Connection& connection) {
  char buffer[4096];
  while (true) {
    ssize_t got = ::recv(connection.fd.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      connection.timed_out = errno == ETIMEDOUT || errno == EHOSTUNREACH;
      return errno == EAGAIN;
    }
    if (got == 0) return false;
    connection.heard = Clock::now();
    connection.received.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = connection.received.find('\n')) != std::string::npos;) {
      const std::string line = connection.received.substr(0, end);
      connection.received.erase(0, end + 1);
      if (!take_line(connection, line)) return false;
    }
    if (connection.received.size() > (connection.rank < 0 ? kLongestHello : kLongestLine)) return false;
  }
}

bool RankMonitor::take_line(Connection& connection, std::string_view line) {
  auto message = parse_message(line);
  if (!message) return false;
  if (message->kind == RankMessage::Kind::kStderr) {
    if (message->token != token_ || connection.rank >= 0) return false;
    connection.is_stderr = true;
    connection.rank = message->number;
    return false;  // what follows is no line of ours
  }
  if (message->kind == RankMessage::Kind::kRank) {
    if (message->token != token_ || connection.rank >= 0) return false;
    connection.rank = message->number;
    RankRecord& record = records_[message->number];
    record = {};
    record.rank = message->number;
    // The user knows the nodes by their addresses; a container's own name says nothing.
    record.host = names_peers_ ? connection.peer : message->text;
    record.on_this_node = connection.peer == address_;
    say(connection.fd, {LauncherMessage::Kind::kLive, static_cast<int>(silence_limit_.count())});
    return true;
  }
  auto found = records_.find(connection.rank);
  if (found == records_.end()) return false;
  if (message->kind == RankMessage::Kind::kBeat) return true;
  RankRecord& record = found->second;
  if (message->kind == RankMessage::Kind::kJoined) return joined_ = true;
  if (message->kind == RankMessage::Kind::kAbsent) return record.absent = absent_ = true;
  if (record.ended()) return false;
  if (message->kind == RankMessage::Kind::kBound) {
    record.cpus = std::move(message->text);
    record.stands_for = std::move(message->planned);
    return true;
  }
  if (message->kind == RankMessage::Kind::kUnbound) {
    record.problem = std::move(message->text);
    return true;
  }
  if (message->kind == RankMessage::Kind::kPreempt) {
    if (!preemption_)
      preemption_ = {record.host, std::chrono::seconds(message->number), std::move(message->type),
                     std::move(message->event), std::move(message->text)};
    return true;
  }
  if (message->kind == RankMessage::Kind::kUnwatched) {
    const bool known = std::any_of(unwatched_.begin(), unwatched_.end(),
                                   [&](const auto& node) { return node.host == record.host; });
    if (!known) unwatched_.push_back({record.host, std::move(message->text)});
    return true;
  }
  if (message->kind == RankMessage::Kind::kFail) {
    record.start_error = message->number;
    record.missing = message->text;
  } else {
    record.exit = Exit{message->kind == RankMessage::Kind::kSignal, message->number};
  }
  record.order = ++events_;
  ++ended_;
  failed_ = failed_ || record.failed();
  return true;
}

void RankMonitor::hang_up() {
  hung_up_ = true;
  for (auto& [number, connection] : connections_) ::shutdown(number, SHUT_WR);
}

}  // namespace shipyard::supervise
