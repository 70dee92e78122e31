#include "launcher/stage/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/file_descriptor.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

/// FNV-1a, 64 bits (draft-eastlake-fnv): it has no adversary.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char letter : text) take(static_cast<unsigned char>(letter));
    take(0);
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }
  [[nodiscard]] std::string text() const { return fmt::format("{:016x}", value_); }

 private:
  void take(unsigned byte) { value_ = (value_ ^ byte) * 0x100000001b3ULL; }

  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

/// In an order that is the same everywhere.
Result<std::vector<fs::path>> sorted_entries(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure))
    entries.push_back(entry->path());
  if (failure) return system_error("cannot read " + directory.string(), failure.value());
  std::sort(entries.begin(), entries.end());
  return entries;
}

class Lister {
 public:
  Lister(Unreadable unreadable, const std::function<bool(const std::string&)>& met)
      : unreadable_(unreadable), met_(met) {}

  Status list(const fs::path& directory, const std::string& name) {
    auto entries = sorted_entries(directory);
    if (!entries) return fail(entries.error());
    for (const auto& entry : *entries) {
      const std::string file = entry.filename().string();
      if (name.empty() && file.starts_with(kPartialPrefix)) continue;
      struct stat info {};
      if (::lstat(entry.c_str(), &info) != 0) {
        if (auto failed = fail(system_error("cannot read " + entry.string(), errno)); !failed) return failed;
        continue;
      }
      const std::string path = name + "/" + file;
      if (!S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode) && !S_ISREG(info.st_mode)) continue;
      if (met_ && !met_("." + path)) return input_error("ended before");
      if (S_ISDIR(info.st_mode)) {
        add(path, fmt::format("d {:o}", info.st_mode & 07777U));
        if (auto listed = list(entry, path); !listed) return listed;
      } else if (S_ISLNK(info.st_mode)) {
        std::error_code failure;
        add(path, "l " + fs::read_symlink(entry, failure).string());
        ++listing_.files;
      } else {
        add(path, fmt::format("f {:o} {}", info.st_mode & 07777U, info.st_size),
            fmt::format("{}.{:09}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec));
        ++listing_.files;
        listing_.bytes += static_cast<std::uint64_t>(info.st_size);
      }
    }
    return Ok{};
  }

  Listing done() {
    listing_.names = names_.text();
    return listing_;
  }

 private:
  [[nodiscard]] Status fail(const Error& error) const {
    return unreadable_ == Unreadable::kIsAnError ? Status(error) : Status(Ok{});
  }
  void add(const std::string& path, const std::string& what, const std::string& time = {}) {
    Digest one;
    for (const auto& part : {path, what, time}) one.add(part);
    const std::uint64_t digest = one.value();
    listing_.entries.append(reinterpret_cast<const char*>(&digest), sizeof digest);
    names_.add(path);
    names_.add(what);
  }

  Unreadable unreadable_;
  const std::function<bool(const std::string&)>& met_;
  Digest names_;
  Listing listing_;
};

Error cannot_write(const fs::path& path, int why) {
  return system_error("cannot write " + path.string(), why, kWritableTarget);
}

bool is_a_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() == fs::file_type::directory;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

/// rename(2) does not leave a mount, even where the file system is one.
bool is_same_mount(const fs::path& a, const fs::path& b) {
  struct stat first {};
  struct stat second {};
  if (::lstat(a.c_str(), &first) != 0 || ::lstat(b.c_str(), &second) != 0 || first.st_dev != second.st_dev)
    return false;
#ifdef STATX_MNT_ID
  struct statx one {};
  struct statx other {};
  if (::statx(AT_FDCWD, a.c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &one) == 0 &&
      ::statx(AT_FDCWD, b.c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &other) == 0 &&
      (one.stx_mask & other.stx_mask & STATX_MNT_ID) != 0)
    return one.stx_mnt_id == other.stx_mnt_id;
#endif
  return true;
}

/// Whether entries of `from` can be moved there; open_up is still to come.
Status check_directory(const fs::path& from, const fs::path& to) {
  if (!is_same_mount(from, to))
    return input_error(fmt::format("{} is a file system of its own there", to.string()),
                       "give another TARGET, or that directory one of its own: --stage may be repeated");
  if (::access(to.c_str(), W_OK | X_OK) == 0) return Ok{};
  const int why = errno;
  if (struct stat info{}; why == EACCES && ::stat(to.c_str(), &info) == 0 && info.st_uid == ::geteuid())
    return Ok{};
  return cannot_write(to, why);
}

/// Whether `file`, which is there, can be replaced in `directory`.
Status check_replacement(const fs::path& file, const fs::path& directory) {
  if (!is_same_mount(file, directory))
    return input_error(fmt::format("{} is mounted there", file.string()), "give another TARGET");
  struct stat of_directory {};
  struct stat of_file {};
  const uid_t own = ::geteuid();
  // rename(2) in a directory with the sticky bit.
  const bool is_anothers = ::stat(directory.c_str(), &of_directory) == 0 &&
                           (of_directory.st_mode & S_ISVTX) != 0 && of_directory.st_uid != own &&
                           ::lstat(file.c_str(), &of_file) == 0 && of_file.st_uid != own;
  return is_anothers && own != 0 ? Status(cannot_write(file, EPERM)) : Status(Ok{});
}

/// What can be wrong is found before anything is moved. `to` is a directory.
Status check_merge(const fs::path& from, const fs::path& to) {
  auto entries = sorted_entries(from);
  if (!entries) return entries.error();
  bool gets_entries = false;
  for (const auto& entry : *entries) {
    const fs::path other = to / entry.filename();
    const bool directory = is_a_directory(entry);
    if (!is_there(other)) {
      gets_entries = true;
      continue;
    }
    if (directory != is_a_directory(other)) {
      return input_error(
          fmt::format("{} is {} there, and {} here", other.string(),
                      directory ? "no directory" : "a directory", directory ? "a directory" : "none"),
          "remove it there, or give another TARGET");
    }
    if (!directory) {
      gets_entries = true;
      if (auto checked = check_replacement(other, to); !checked) return checked;
    } else if (auto checked = check_merge(entry, other); !checked) {
      return checked;
    }
  }
  return gets_entries ? check_directory(from, to) : Ok{};
}

Status move_all(const fs::path& from, const fs::path& to) {
  auto entries = sorted_entries(from);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    const fs::path other = to / entry.filename();
    if (is_a_directory(entry) && is_a_directory(other)) {
      if (auto moved = move_all(entry, other); !moved) return moved;
      continue;
    }
    if (::rename(entry.c_str(), other.c_str()) != 0) return cannot_write(other, errno);
  }
  return Ok{};
}

struct DirectoryMode {
  fs::path name;  ///< below the directory that was asked about
  mode_t mode;
};

/// So that entries can be made, moved and removed in this directory, where it is ours. Its mode before.
/// `parent` is an open directory or AT_FDCWD; where another user may write there a link can take the place of
/// `name`, and is not followed.
mode_t open_up(int parent, const std::string& name) {
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return S_IRWXU;
  const mode_t mode = info.st_mode & 07777U;
  if (info.st_uid == ::geteuid() && (mode & S_IRWXU) != S_IRWXU)
    ::fchmodat(parent, name.c_str(), mode | S_IRWXU, AT_SYMLINK_NOFOLLOW);
  return mode;
}

/// The directory, and all in it; those above come first. `path`: its name below the first of them.
void open_up_all(int parent, const std::string& name, const fs::path& path,
                 std::vector<DirectoryMode>& modes) {
  modes.push_back({path, open_up(parent, name)});
  const FileDescriptor directory(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  DIR* entries = ::fdopendir(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 0));
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string below = entry->d_name;
    struct stat info {};
    if (below != "." && below != ".." &&
        ::fstatat(directory.get(), below.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode))
      open_up_all(directory.get(), below, path / below, modes);
  }
  ::closedir(entries);
}

}  // namespace

void remove_tree(const std::string& directory) {
  std::vector<DirectoryMode> modes;
  open_up_all(AT_FDCWD, directory, {}, modes);
  std::error_code ignored;
  fs::remove_all(directory, ignored);
}

Result<Listing> list_tree(const std::string& directory, Unreadable unreadable,
                          const std::function<bool(const std::string& path)>& met) {
  Lister lister(unreadable, met);
  if (auto listed = lister.list(directory, {}); !listed) return listed.error();
  return lister.done();
}

bool has_all(const Listing& there, std::string_view entries) {
  const auto sorted = [](std::string_view bytes) {
    std::vector<std::uint64_t> digests(bytes.size() / sizeof(std::uint64_t));
    if (!digests.empty()) std::memcpy(digests.data(), bytes.data(), digests.size() * sizeof(std::uint64_t));
    std::sort(digests.begin(), digests.end());
    return digests;
  };
  const auto all = sorted(there.entries);
  const auto wanted = sorted(entries);
  return std::includes(all.begin(), all.end(), wanted.begin(), wanted.end());
}

Status merge_tree(const std::string& from, const std::string& to) {
  if (auto checked = check_merge(from, to); !checked) return checked;
  std::vector<DirectoryMode> modes;
  open_up_all(AT_FDCWD, from, {}, modes);
  for (auto& directory : modes) {
    const fs::path other = directory.name.empty() ? fs::path(to) : fs::path(to) / directory.name;
    if (!is_a_directory(other)) continue;
    const mode_t before = open_up(AT_FDCWD, other.string());
    // The target itself keeps its own.
    if (directory.name.empty()) directory.mode = before;
  }
  auto moved = move_all(from, to);
  for (auto directory = modes.rbegin(); directory != modes.rend(); ++directory) {
    const fs::path other = directory->name.empty() ? fs::path(to) : fs::path(to) / directory->name;
    if (is_a_directory(other)) ::fchmodat(AT_FDCWD, other.c_str(), directory->mode, AT_SYMLINK_NOFOLLOW);
  }
  return moved;
}

}  // namespace shipyard::launcher::stage
