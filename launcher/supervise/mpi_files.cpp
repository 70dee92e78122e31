#include "launcher/supervise/mpi_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

namespace shipyard::supervise {
namespace {

void add_once(std::vector<std::string>& paths, std::string_view path) {
  if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.emplace_back(path);
}

bool is_own(const std::string& path, mode_t kind) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && info.st_uid == ::geteuid() && (info.st_mode & S_IFMT) == kind;
}

constexpr std::string_view kTools[] = {"prterun.", "prted.", "prte."};

/// "/tmp/ompi.HOST.UID/pid.PID" of mpirun and "/tmp/ompi.HOST.UID/jf.NUMBER" of a daemon (4.1),
/// "/tmp/prterun.HOST.PID.UID" and "/tmp/prted.HOST.PID.UID" (5.0); nothing that a user could have meant by
/// the variable.
bool is_session_directory(std::string_view path) {
  const auto has = [&](std::string_view part) { return path.find(part) != std::string_view::npos; };
  return path.starts_with('/') && !has("/..") &&
         (has("/ompi.") || std::any_of(std::begin(kTools), std::end(kTools),
                                       [&](auto tool) { return has("/" + std::string(tool)); }));
}

std::string temporary_directory_of(const MpiFiles::Variables& environment) {
  for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return "/tmp";
}

/// 4.1's is one of several below a directory of the user's; that stays while there are others.
void remove_parent_if_empty(const std::string& directory) {
  const auto parent = std::filesystem::path(directory).parent_path();
  if (is_session_directory(parent.string())) ::rmdir(parent.c_str());
}

}  // namespace

void MpiFiles::note(std::string_view maps, const Variables& environment) {
  for (std::string_view name : {"/dev/shm/vader_segment.", "/dev/shm/sm_segment."}) {
    for (auto at = maps.find(name); at != std::string_view::npos; at = maps.find(name, at + 1))
      add_once(segments_, maps.substr(at, maps.find_first_of(" \n", at) - at));
  }
  const auto directory = environment.find("PMIX_SERVER_TMPDIR");
  if (directory != environment.end() && is_session_directory(directory->second))
    add_once(directories_, directory->second);
}

void MpiFiles::note_daemon(pid_t pid, const Variables& environment) {
  const std::string temporary_directory = temporary_directory_of(environment);
  const std::string user = "." + std::to_string(::geteuid());
  const std::string process = "." + std::to_string(pid) + user;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(temporary_directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    const auto is_of = [&](std::string_view tool) { return name.starts_with(tool); };
    if (name.ends_with(process) && std::any_of(std::begin(kTools), std::end(kTools), is_of)) {
      add_once(directories_, entry->path().string());
    } else if (name.starts_with("ompi.") && name.ends_with(user)) {
      add_once(directories_, entry->path().string() + "/pid." + std::to_string(pid));
    }
  }
}

void MpiFiles::remove() const {
  for (const auto& segment : segments_) {
    if (is_own(segment, S_IFREG)) ::unlink(segment.c_str());
  }
  for (const auto& directory : directories_) {
    std::error_code ignored;
    if (!is_own(directory, S_IFDIR)) continue;
    std::filesystem::remove_all(directory, ignored);
    remove_parent_if_empty(directory);
  }
}

}  // namespace shipyard::supervise
