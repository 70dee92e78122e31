#include "launcher/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <utility>

#include "base/file.hpp"

namespace shipyard::launcher {
namespace {

constexpr const char* kRemedy = "TMPDIR names the directory that holds it";

/// One that has just been made is not locked yet.
constexpr std::chrono::seconds kYoung{60};

/// Locked against removal; none where another process holds it.
FileDescriptor lock(const std::string& path) {
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return directory;
}

/// `path`: "/tmp/shipyard-mpirun.abcd1234".
void remove_abandoned(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path own(path);
  const std::string prefix = own.stem().string() + ".";
  std::error_code failure;
  for (fs::directory_iterator entry(own.parent_path(), failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    struct stat info {};
    if (!name.starts_with(prefix) || ::lstat(entry->path().c_str(), &info) != 0) continue;
    const bool old = info.st_mtime + kYoung.count() < ::time(nullptr);
    if (info.st_uid != ::geteuid() || !S_ISDIR(info.st_mode) || !old) continue;
    std::error_code ignored;
    if (const auto held = lock(entry->path().string())) fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

Result<RunDirectory> RunDirectory::make(const std::string& path,
                                        const std::map<std::string, std::string>& files) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return system_error("cannot make the run directory " + path, errno, kRemedy);
  }
  RunDirectory directory(path, lock(path));
  remove_abandoned(path);
  if (auto written = write(files); !written) {
    Error error = written.error();
    error.hint = kRemedy;
    return error;
  }
  return directory;
}

Status RunDirectory::write(const std::map<std::string, std::string>& files) {
  for (const auto& [name, content] : files) {
    if (auto written = write_file_atomically(name, content, 0600); !written) return written.error();
  }
  return Ok{};
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

RunDirectory::~RunDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace shipyard::launcher
