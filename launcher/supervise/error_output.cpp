#include "launcher/supervise/error_output.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/output.hpp"

namespace shipyard::supervise {
namespace {

/// A rank that ends no line within this time has its beginning shown.
constexpr std::chrono::milliseconds kLineLimit{200};
/// pipe(7): what poll(2) calls writable takes so much at once.
constexpr std::size_t kAtOnce = PIPE_BUF;

}  // namespace

void MpirunWords::append(std::string_view text) {
  const std::size_t room = kKeptOfEachEnd - first_.size();
  first_.append(text.substr(0, room));
  if (text.size() <= room) return;
  last_.append(text.substr(room));
  if (last_.size() > 2 * kKeptOfEachEnd) {
    const std::size_t surplus = last_.size() - kKeptOfEachEnd;
    last_.erase(0, surplus);
    left_out_ += surplus;
  }
}

std::string MpirunWords::text() const {
  std::string result = first_;
  std::string_view last = last_;
  std::size_t left_out = left_out_;
  if (last.size() > kKeptOfEachEnd) {
    left_out += last.size() - kKeptOfEachEnd;
    last.remove_prefix(last.size() - kKeptOfEachEnd);
  }
  if (left_out > 0) result += "\n[… " + std::to_string(left_out) + " bytes left out …]\n";
  result += last;
  result.erase(std::remove(result.begin(), result.end(), '\0'), result.end());
  return result;
}

ErrorOutput::ErrorOutput(int target, Tag tag)
    : target_(target), tag_(std::move(tag)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void ErrorOutput::add(FileDescriptor connection, int rank, std::string received) {
  const int number = connection.get();
  epoll_event event{.events = EPOLLIN, .data = {.fd = number}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event);
  Source& source = sources_[number];
  source.fd = std::move(connection);
  source.rank = rank;
  take(source, received);
}

void ErrorOutput::write_pending() {
  while (!pending_.empty() && is_writable(target_)) {
    const ssize_t written = ::write(target_, pending_.data(), std::min(pending_.size(), kAtOnce));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (written < 0) pending_.clear();  // nobody is there to read it
    if (written > 0) {
      pending_.erase(0, static_cast<std::size_t>(written));
      bytes_ += static_cast<std::size_t>(written);
    }
  }
}

void ErrorOutput::handle() {
  write_pending();
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_.get(), events, 64, 0);
  char buffer[kAtOnce];
  for (int i = 0; i < count && pending_.empty(); ++i) {
    auto found = sources_.find(events[i].data.fd);
    const ssize_t got = ::recv(found->second.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
      take(found->second, {buffer, static_cast<std::size_t>(got)});
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      if (!found->second.line.empty()) show(found->second, found->second.line);
      sources_.erase(found);
    }
  }
}

void ErrorOutput::take(Source& source, std::string_view text) {
  const auto end = text.rfind('\n');
  if (end != std::string_view::npos) {
    show(source, source.line + std::string(text.substr(0, end + 1)));
    source.line.clear();
    text.remove_prefix(end + 1);
  }
  if (text.empty()) return;
  if (source.line.empty()) source.since = Clock::now();
  source.line += text;
  if (source.line.size() >= kAtOnce) {
    show(source, source.line);
    source.line.clear();
  }
}

void ErrorOutput::show(Source& source, std::string_view text) {
  std::string tagged;
  if (const std::string tag = tag_ ? tag_(source.rank) : std::string(); !tag.empty()) {
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size() - 1) + 1;
      if (!source.begun) tagged += tag;
      tagged += text.substr(start, end - start);
      source.begun = tagged.back() != '\n';
      start = end;
    }
    text = tagged;
  }
  pending_ += text;
  write_pending();
}

std::optional<ErrorOutput::Clock::time_point> ErrorOutput::next_flush() const {
  std::optional<Clock::time_point> next;
  if (blocked()) return next;  // it is the reader who says when it goes on
  for (const auto& [number, source] : sources_) {
    if (!source.line.empty() && (!next || source.since + kLineLimit < *next))
      next = source.since + kLineLimit;
  }
  return next;
}

void ErrorOutput::flush(Clock::time_point now) {
  write_pending();
  if (blocked()) return;
  for (auto& [number, source] : sources_) {
    if (source.line.empty() || now < source.since + kLineLimit) continue;
    show(source, source.line);
    source.line.clear();
  }
}

}  // namespace shipyard::supervise
