#include "launcher/check/connect_back.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/listener.hpp"
#include "base/socket_address.hpp"

namespace shipyard::launcher::check {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t kLongestQuestion = 256;
constexpr std::size_t kMostConnections = 512;
constexpr int kRoundTrips = 4;

std::string question_with(const std::string& token) { return "CLOCK " + token + "\n"; }

std::int64_t now() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// False: nothing until `deadline`.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  pollfd polled{fd, events, 0};
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return left > 0 && ::poll(&polled, 1, static_cast<int>(left)) > 0;
}

/// A line without its end; nullopt: there was none.
std::optional<std::string> receive_line(int fd, Clock::time_point deadline) {
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < kLongestQuestion) {
    char buffer[64];
    if (!wait_for(fd, POLLIN, deadline)) return std::nullopt;
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return std::nullopt;
    line.append(buffer, static_cast<std::size_t>(got));
  }
  return line.substr(0, line.find('\n'));
}

}  // namespace

Result<ConnectBackListener> ConnectBackListener::listen(const IpAddress& address, const std::string& token) {
  ConnectBackListener result;
  result.question_ = question_with(token);
  auto listener = Listener::at(address);
  if (!listener) return listener.error();
  result.listener_ = std::move(listener->fd);
  result.port_ = listener->port;
  result.epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!result.epoll_) return system_error("cannot make an event queue", errno);
  epoll_event event{.events = EPOLLIN, .data = {.fd = result.listener_.get()}};
  ::epoll_ctl(result.epoll_.get(), EPOLL_CTL_ADD, result.listener_.get(), &event);
  return result;
}

void ConnectBackListener::accept_all() {
  while (true) {
    FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    if (connections_.size() >= kMostConnections) continue;
    const int number = fd.get();
    hasten_dialogue(number, false);
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = number}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event);
    connections_[number].fd = std::move(fd);
  }
}

void ConnectBackListener::handle() {
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_.get(), events, 64, 0);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.fd == listener_.get()) {
      accept_all();
      continue;
    }
    auto found = connections_.find(events[i].data.fd);
    if (found != connections_.end() && !answer(found->second)) connections_.erase(found);
  }
}

bool ConnectBackListener::answer(Connection& connection) {
  char buffer[kLongestQuestion];
  const ssize_t got = ::recv(connection.fd.get(), buffer, sizeof buffer, 0);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  connection.received.append(buffer, static_cast<std::size_t>(got));
  if (connection.received.find('\n') == std::string::npos)
    return connection.received.size() < kLongestQuestion;
  // A node asks once and waits for the answer.
  if (connection.received != question_) return false;
  connection.received.clear();
  const std::string time = std::to_string(now()) + "\n";
  return ::send(connection.fd.get(), time.data(), time.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(time.size());
}

ConnectBack connect_back(const IpAddress& address, std::uint16_t port, const std::string& token,
                         milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  const SocketAddress remote(address, port);
  const FileDescriptor fd(::socket(remote.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {.problem = error_words(errno)};
  hasten_dialogue(fd.get(), false);
  if (::connect(fd.get(), remote.get(), remote.size()) != 0) {
    if (errno != EINPROGRESS) return {.problem = error_words(errno)};
    if (!wait_for(fd.get(), POLLOUT, deadline)) return {.problem = "no answer"};
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return {.problem = error_words(error)};
  }
  ConnectBack best;
  const std::string question = question_with(token);
  for (int i = 0; i < kRoundTrips; ++i) {
    const std::int64_t asked = now();
    const auto start = Clock::now();
    if (::send(fd.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0)
      return {.problem = error_words(errno)};
    const auto line = receive_line(fd.get(), deadline);
    const std::int64_t round_trip = std::chrono::duration_cast<nanoseconds>(Clock::now() - start).count();
    std::int64_t theirs = 0;
    if (!line || std::from_chars(line->data(), line->data() + line->size(), theirs).ec != std::errc{} ||
        theirs < 0)
      return {.problem = "connected, but it did not answer"};
    if (i > 0 && round_trip / 1000 >= best.round_trip_us) continue;
    best.round_trip_us = round_trip / 1000;
    best.clock_ahead_us = (asked + round_trip / 2 - theirs) / 1000;
  }
  return best;
}

}  // namespace shipyard::launcher::check
