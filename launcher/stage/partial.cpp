#include "launcher/stage/partial.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "launcher/stage/place.hpp"
#include "launcher/stage/tree.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 100;

/// The lock of the directory that has this name; none where another holds it.
FileDescriptor lock(const std::string& path) {
  FileDescriptor held(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat own {};
  struct stat named {};
  if (held && ::flock(held.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(held.get(), &own) == 0 &&
      // One that had removed it may have held the lock until now.
      ::lstat(path.c_str(), &named) == 0 && own.st_ino == named.st_ino)
    return held;
  return {};
}

/// What the names of this machine's begin with.
std::string own_prefix() { return fmt::format("{}{}.", kPartialPrefix, boot_id()); }

bool is_on_own_disk(int file) {
  constexpr std::array<long, 6> kTypes = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                          TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC};
  struct statfs info {};
  return ::fstatfs(file, &info) == 0 && std::find(kTypes.begin(), kTypes.end(), info.f_type) != kTypes.end();
}

LeftPartial left_partial(int file, const std::string& name) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return {};
  // Its modification time may be that of DIR; the time of its last change nobody can set.
  const auto changed = std::chrono::system_clock::from_time_t(info.st_ctim.tv_sec);
  return {
      .is_own_users = info.st_uid == ::geteuid(),
      .is_on_own_disk = is_on_own_disk(file),
      .is_own_machines = !boot_id().empty() && name.starts_with(own_prefix()),
      .age = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - changed)};
}

}  // namespace

bool is_abandoned(const LeftPartial& left) {
  constexpr std::chrono::hours kLongest{24};
  return left.is_own_users && (left.is_on_own_disk || left.is_own_machines || left.age > kLongest);
}

Result<Partial> Partial::make(const std::string& parent, const std::string& name) {
  // Between its making and its lock another may take it for an abandoned one.
  for (int i = 0; i < kTries; ++i) {
    std::string path = fmt::format("{}/{}{}{}XXXXXX", parent, own_prefix(), name, name.empty() ? "" : ".");
    if (::mkdtemp(path.data()) == nullptr) return system_error("cannot write into " + parent, errno);
    if (auto held = lock(path)) return Partial(std::move(path), std::move(held));
    ::rmdir(path.c_str());
  }
  return system_error("cannot write into " + parent, EAGAIN);
}

Result<Partial> Partial::mark(const std::string& parent) {
  const std::string mark = parent + "/" + kCollectingMark;
  // Between its making and what is in it another may remove it.
  for (int i = 0; i < kTries; ++i) {
    if (::mkdir(mark.c_str(), 0700) != 0 && errno != EEXIST)
      return system_error("cannot write into " + parent, errno);
    auto partial = make(mark);
    if (partial) partial->mark_ = mark;
    if (std::error_code ignored; partial || fs::exists(mark, ignored)) return partial;
  }
  return system_error("cannot write into " + parent, EAGAIN);
}

void Partial::remove_abandoned(const std::string& parent) {
  std::error_code failure;
  for (fs::directory_iterator entry(parent, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    const std::string path = entry->path().string();
    if (name == kCollectingMark) {
      remove_abandoned(path);
      ::rmdir(path.c_str());
    } else if (name.starts_with(kPartialPrefix)) {
      const auto held = lock(path);
      if (held && is_abandoned(left_partial(held.get(), name))) remove_tree(path);
    }
  }
}

Partial::Partial(Partial&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      mark_(std::exchange(other.mark_, {})),
      lock_(std::move(other.lock_)) {}

void Partial::remove() {
  if (!path_.empty()) remove_tree(path_);
  path_.clear();
  if (!mark_.empty()) ::rmdir(mark_.c_str());
  mark_.clear();
}

}  // namespace shipyard::launcher::stage
