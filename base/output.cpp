#include "base/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>

namespace shipyard {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr std::chrono::milliseconds kHurry{1000};

std::atomic<bool> in_hurry{false};

bool is_to_end() {
  sigset_t pending;
  ::sigpending(&pending);
  const auto is_pending = [&](int number) { return sigismember(&pending, number) == 1; };
  return in_hurry || is_pending(SIGTERM) || is_pending(SIGINT) || is_pending(SIGHUP) || is_pending(SIGQUIT);
}

/// False where the reader has not read although this process is to end.
bool wait_for_reader(int fd) {
  for (auto hurried = std::chrono::milliseconds(0); !becomes_writable(fd, kLook);) {
    if (is_to_end() && (hurried += kLook) >= kHurry) return false;
  }
  return true;
}

}  // namespace

bool becomes_writable(int fd, std::chrono::milliseconds limit) {
  pollfd polled{fd, POLLOUT, 0};
  return ::poll(&polled, 1, static_cast<int>(limit.count())) > 0;
}

bool is_writable(int fd) { return becomes_writable(fd, std::chrono::milliseconds(0)); }

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      (void)becomes_writable(fd, std::chrono::seconds(1));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

PatientOutput::int_type PatientOutput::overflow(int_type character) {
  if (!traits_type::eq_int_type(character, traits_type::eof()))
    pending_ += traits_type::to_char_type(character);
  return traits_type::not_eof(character);
}

std::streamsize PatientOutput::xsputn(const char* text, std::streamsize size) {
  pending_.append(text, static_cast<std::size_t>(size));
  return size;
}

int PatientOutput::sync() {
  std::string_view text = pending_;
  int failure = 0;
  // So much goes into a pipe that is writable without waiting (pipe(7)).
  while (!text.empty() && failure == 0 && wait_for_reader(fd_)) {
    const auto piece = text.substr(0, PIPE_BUF);
    failure = write_all(fd_, piece);
    text.remove_prefix(piece.size());
  }
  pending_.clear();
  return failure == 0 ? 0 : -1;
}

void hurry_output() { in_hurry = true; }

}  // namespace shipyard
