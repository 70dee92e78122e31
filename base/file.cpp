#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "base/file_descriptor.hpp"

namespace shipyard {
namespace {

int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string resolve_link(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
  return resolved ? std::string(resolved.get()) : path;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    Error error = system_error("cannot read " + path, errno);
    if (errno == ENOENT) error.code = Error::Code::kNotFound;
    return error;
  }
  std::string content;
  char buffer[64 * 1024];
  while (true) {
    ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read " + path, errno);
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return input_error("cannot read " + path + ": larger than " + std::to_string(max_bytes >> 20) + " MiB");
    }
  }
}

Status write_file_atomically(const std::string& path, std::string_view content, mode_t mode) {
  const std::string target = resolve_link(path);
  std::string temporary = target + ".XXXXXX";
  FileDescriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return system_error("cannot write " + path, errno);
  int failure = ::fchmod(fd.get(), mode) == 0 ? 0 : errno;
  if (failure == 0) failure = write_all(fd.get(), content);
  if (fd.close() != 0 && failure == 0) failure = errno;
  if (failure == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) failure = errno;
  if (failure != 0) {
    ::unlink(temporary.c_str());
    return system_error("cannot write " + path, failure);
  }
  return Ok{};
}

}  // namespace shipyard
