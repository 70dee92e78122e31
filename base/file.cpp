#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/output.hpp"

namespace shipyard {
namespace {

/// Where the links at `path` lead, also to a file that does not exist yet.
std::string resolve_links(std::string path) {
  constexpr int kMaxLinks = 40;  // as the kernel
  for (int i = 0; i < kMaxLinks; ++i) {
    std::error_code failure;
    const auto link = std::filesystem::read_symlink(path, failure);
    if (failure) break;
    path = (std::filesystem::path(path).parent_path() / link).string();
  }
  return path;
}

/// The number of the open file that a path like /dev/stdout names; -1 for other paths. To open such a name
/// again would lose the place in the file that its other users have reached.
int open_file_number(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view directory : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(directory)) continue;
    int number = -1;
    const char* end = path.data() + path.size();
    auto [stop, failure] = std::from_chars(path.data() + directory.size(), end, number);
    if (failure == std::errc{} && stop == end) return number;
  }
  return -1;
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

Result<AtomicFile> AtomicFile::open(const std::string& path, mode_t mode) {
  const std::string action = "cannot write " + path;
  struct stat former {};
  const bool exists = ::stat(path.c_str(), &former) == 0;
  if (exists && S_ISDIR(former.st_mode)) return system_error(action, EISDIR);
  if (const int number = open_file_number(path); number >= 0) {
    FileDescriptor fd(::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!fd) return system_error(action, errno);
    return AtomicFile(path, std::move(fd));
  }
  if (exists && !S_ISREG(former.st_mode)) {
    FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return system_error(action, errno);
    return AtomicFile(path, std::move(fd));
  }
  std::string target = resolve_links(path);
  std::string temporary = target + ".XXXXXX";
  FileDescriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return system_error(action, errno);
  AtomicFile file(path, std::move(fd));
  file.target_ = std::move(target);
  file.temporary_ = std::move(temporary);
  // An editor that root runs leaves a user's file to the user. Before the mode: chown(2) clears bits of it.
  if (exists && (former.st_uid != ::geteuid() || former.st_gid != ::getegid()) &&
      ::fchown(file.fd(), former.st_uid, former.st_gid) != 0 && errno != EPERM)
    return system_error(action, errno);
  if (::fchmod(file.fd(), mode) != 0) return system_error(action, errno);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::move(other.fd_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, "")) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status AtomicFile::commit() {
  const std::string action = "cannot write " + path_;
  if (fd_.close() != 0) return system_error(action, errno);
  if (temporary_.empty()) return Ok{};
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return system_error(action, errno);
  temporary_.clear();
  return Ok{};
}

Status write_file_atomically(const std::string& path, std::string_view content, mode_t mode) {
  auto file = AtomicFile::open(path, mode);
  if (!file) return file.error();
  if (const int failure = write_all(file->fd(), content); failure != 0)
    return system_error("cannot write " + path, failure);
  return file->commit();
}

}  // namespace shipyard
