#include "launcher/rank/error_relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace shipyard::rank {
namespace {

void make_pipe(FileDescriptor& read_end, FileDescriptor& write_end) {
  int ends[2] = {-1, -1};
  (void)::pipe2(ends, O_CLOEXEC);
  read_end = FileDescriptor(ends[0]);
  write_end = FileDescriptor(ends[1]);
}

}  // namespace

ErrorRelay::ErrorRelay(FileDescriptor pipe, std::function<FileDescriptor()> connect, int fallback)
    : pipe_(std::move(pipe)), connect_(std::move(connect)), fallback_(fallback) {
  make_pipe(finish_read_, finish_write_);
  make_pipe(done_read_, done_write_);
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { carry(); });
}

ErrorRelay::~ErrorRelay() { thread_.detach(); }

void ErrorRelay::finish() { (void)finish_write_.close(); }

void ErrorRelay::carry() {
  std::array<char, 16384> buffer{};
  bool last_round = false;
  while (true) {
    const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (got > 0) {
      send(buffer.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR) || last_round) break;
    std::array<pollfd, 2> polled{pollfd{pipe_.get(), POLLIN, 0}, pollfd{finish_read_.get(), POLLIN, 0}};
    ::poll(polled.data(), polled.size(), -1);
    last_round = polled[1].revents != 0;
  }
  (void)connection_.close();
  (void)done_write_.close();
}

void ErrorRelay::send(const char* data, std::size_t size) {
  if (!tried_) {
    tried_ = true;
    connection_ = connect_();
  }
  while (size > 0) {
    ssize_t sent =
        connection_ ? ::send(connection_.get(), data, size, MSG_NOSIGNAL) : ::write(fallback_, data, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && !connection_) return;
    if (sent < 0) {
      (void)connection_.close();
      continue;
    }
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

}  // namespace shipyard::rank
