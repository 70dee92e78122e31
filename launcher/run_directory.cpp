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
#include "base/output.hpp"

namespace shipyard::launcher {
namespace {

constexpr const char* kRemedy = "TMPDIR names the directory that holds it";

/// What tells a run directory from any other, and one that is in use from one whose launcher was killed:
/// locked as long as that lives (flock(2)). It holds the machine's boot id: on a file system that several
/// machines share a lock may be known to one of them alone.
constexpr const char* kLockName = "/launcher.lock";
/// One that has just been made is not locked yet.
constexpr std::chrono::seconds kYoung{60};

std::string boot_id() {
  auto id = read_file("/proc/sys/kernel/random/boot_id");
  return id ? std::move(*id) : std::string();
}

/// None where another process holds it, or there is no such file.
FileDescriptor lock(const std::string& directory, int flags) {
  FileDescriptor file(::open((directory + kLockName).c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return file;
}

bool is_abandoned(const std::string& directory) {
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() ||
      info.st_mtime + kYoung.count() >= ::time(nullptr))
    return false;
  const auto held = lock(directory, O_RDWR);
  const auto machine = held ? read_file(directory + kLockName) : Result<std::string>(std::string());
  return machine && !machine->empty() && *machine == boot_id();
}

/// `path`: "/tmp/shipyard-mpirun.abcd1234".
void remove_abandoned(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path own(path);
  const std::string prefix = own.stem().string() + ".";
  std::error_code failure;
  for (fs::directory_iterator entry(own.parent_path(), failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    if (entry->path().filename().string().starts_with(prefix) && is_abandoned(entry->path().string()))
      fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

Result<RunDirectory> RunDirectory::make(const std::string& path,
                                        const std::map<std::string, std::string>& files) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return system_error("cannot make the run directory " + path, errno, kRemedy);
  }
  RunDirectory directory(path, lock(path, O_RDWR | O_CREAT | O_EXCL));
  if (!directory.lock_) return system_error("cannot write " + path + kLockName, errno, kRemedy);
  write_all(directory.lock_.get(), boot_id());
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
