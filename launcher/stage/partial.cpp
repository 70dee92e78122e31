#include "launcher/stage/partial.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "launcher/stage/tree.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

Result<Partial> Partial::make(const std::string& parent, const std::string& name) {
  // Between its making and its lock another may take it for an abandoned one.
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    std::string path = fmt::format("{}/{}{}{}XXXXXX", parent, kPartialPrefix, name, name.empty() ? "" : ".");
    if (::mkdtemp(path.data()) == nullptr) return system_error("cannot write into " + parent, errno);
    if (auto held = lock(path)) return Partial(std::move(path), std::move(held));
    ::rmdir(path.c_str());
  }
  return system_error("cannot write into " + parent, EAGAIN);
}

Result<Partial> Partial::mark(const std::string& parent) {
  std::string path = parent + "/" + kCollectingMark;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("cannot write into " + parent, errno);
  FileDescriptor held = lock(path);
  return Partial(std::move(path), std::move(held));
}

void Partial::remove_abandoned(const std::string& parent) {
  std::error_code failure;
  for (fs::directory_iterator entry(parent, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (!entry->path().filename().string().starts_with(kPartialPrefix)) continue;
    if (const auto held = lock(entry->path().string())) remove_tree(entry->path().string());
  }
}

Partial::Partial(Partial&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

void Partial::remove() {
  if (!path_.empty()) remove_tree(path_);
  path_.clear();
}

}  // namespace shipyard::launcher::stage
