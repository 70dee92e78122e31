#include "batch/local/service/node_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace shipyard::local {
namespace {

constexpr std::size_t kMostEntries = 100'000;
constexpr int kMostLevels = 64;

std::optional<std::vector<std::string>> components(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    std::string part(path.substr(at, end - at));
    at = end + 1;
    if (part.empty()) continue;
    if (part == "." || part == ".." || part.find('\0') != std::string::npos) return std::nullopt;
    parts.push_back(std::move(part));
  }
  return parts;
}

/// A component at a time, none of which may be a symbolic link; O_NONBLOCK so that a pipe does not wait for
/// its other end. errno is that of openat(2).
FileDescriptor open_below(const std::string& directory, const std::vector<std::string>& parts) {
  FileDescriptor here(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t i = 0; here && i < parts.size(); ++i) {
    const int flags =
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (i + 1 < parts.size() ? O_DIRECTORY : 0);
    here = FileDescriptor(::openat(here.get(), parts[i].c_str(), flags));
  }
  return here;
}

Time time_of(std::int64_t seconds, std::uint32_t nanoseconds) {
  // A task can give its files any time; this clock ends in 2262.
  seconds = std::clamp<std::int64_t>(seconds, 0, 9'200'000'000);
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::seconds(seconds) +
                                                         std::chrono::nanoseconds(nanoseconds)));
}

/// Nothing for what is neither a file nor a directory. `name` empty: the descriptor itself.
std::optional<NodeFile> facts_of(int fd, const char* name, std::string path) {
  struct statx found {};
  const unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
  if (::statx(fd, name, AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0), wanted, &found) != 0)
    return std::nullopt;
  if (!S_ISREG(found.stx_mode) && !S_ISDIR(found.stx_mode)) return std::nullopt;
  NodeFile file;
  file.path = std::move(path);
  file.is_directory = S_ISDIR(found.stx_mode);
  file.size = found.stx_size;
  file.modified = time_of(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec);
  // Not every file system knows when a file was made.
  file.created = (found.stx_mask & STATX_BTIME) != 0
                     ? time_of(found.stx_btime.tv_sec, found.stx_btime.tv_nsec)
                     : file.modified;
  file.mode = found.stx_mode;
  return file;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { (void)::closedir(directory); }
};

void list(int fd, const std::string& prefix, bool recursive, int level, std::vector<NodeFile>& files) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd));
  if (directory == nullptr) {
    (void)::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || files.size() >= kMostEntries) continue;
    auto file = facts_of(::dirfd(directory.get()), name.c_str(), prefix + name);
    if (!file) continue;
    const bool descend = recursive && file->is_directory && level < kMostLevels;
    files.push_back(std::move(*file));
    if (!descend) continue;
    const int below =
        ::openat(::dirfd(directory.get()), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) list(below, prefix + name + "/", true, level + 1, files);
  }
}

}  // namespace

std::variant<OpenNodeFile, FileFault> open_node_file(const std::string& directory, const std::string& path) {
  const auto parts = components(path);
  if (!parts) return FileFault::kNotFound;
  auto fd = std::make_shared<FileDescriptor>(open_below(directory, *parts));
  if (!*fd) return errno == EACCES || errno == EPERM ? FileFault::kNotReadable : FileFault::kNotFound;
  std::string plain;
  for (const auto& part : *parts) plain += (plain.empty() ? "" : "/") + part;
  auto facts = facts_of(fd->get(), "", plain);
  if (!facts) return FileFault::kNotFound;
  if (facts->is_directory) fd.reset();
  return OpenNodeFile{std::move(*facts), std::move(fd)};
}

std::optional<std::vector<NodeFile>> list_node_files(const std::string& directory, const std::string& path,
                                                     bool recursive) {
  const auto parts = components(path);
  if (!parts) return std::nullopt;
  FileDescriptor fd = open_below(directory, *parts);
  if (!fd) return std::nullopt;
  std::string prefix;
  for (const auto& part : *parts) prefix += part + "/";
  std::vector<NodeFile> files;
  list(fd.release(), prefix, recursive, 0, files);
  std::sort(files.begin(), files.end(), [](const NodeFile& a, const NodeFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace shipyard::local
