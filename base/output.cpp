#include "base/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace shipyard {

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

}  // namespace shipyard
