#pragma once

#include <unistd.h>

#include <utility>

namespace shipyard {

/// Owns an open file descriptor, or none (-1).
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      (void)close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { (void)close(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// close(2)'s return value; 0 where nothing was open.
  int close() { return fd_ >= 0 ? ::close(std::exchange(fd_, -1)) : 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Every descriptor of this process, for one that is to hold nothing open that another waits for. Where
/// close_range(2) is missing (a kernel before 5.9, as AlmaLinux 8 has) or forbidden (seccomp), one by one.
void close_all_descriptors();

}  // namespace shipyard
