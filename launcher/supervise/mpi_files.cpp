#include "launcher/supervise/mpi_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>

namespace shipyard::supervise {
namespace {

namespace fs = std::filesystem;

void add_once(std::vector<std::string>& paths, std::string_view path) {
  if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.emplace_back(path);
}

bool is_own(const std::string& path, mode_t kind) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && info.st_uid == ::geteuid() && (info.st_mode & S_IFMT) == kind;
}

constexpr const char* kTools[] = {"prterun.", "prted.", "prte."};

bool is_tools(const std::string& name) {
  return std::any_of(std::begin(kTools), std::end(kTools), [&](auto tool) { return name.starts_with(tool); });
}

/// 4.1's directory is one of several below one of the user's.
bool has_parent_of_user(const fs::path& path) {
  return path.parent_path().filename().string().starts_with("ompi.");
}

/// "/tmp/ompi.HOST.UID/pid.PID" of mpirun and "/tmp/ompi.HOST.UID/jf.NUMBER" of a daemon (4.1),
/// "/tmp/prterun.HOST.PID.UID" and "/tmp/prted.HOST.PID.UID" (5.0); nothing that a user could have meant by
/// the variable.
bool is_session_directory(const fs::path& path) {
  const std::string name = path.filename().string();
  return path.is_absolute() && path == path.lexically_normal() &&
         (is_tools(name) ||
          (has_parent_of_user(path) && (name.starts_with("pid.") || name.starts_with("jf."))));
}

std::string temporary_directory_of(const MpiFiles::Variables& environment) {
  for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return "/tmp";
}

/// Of a daemon of 4.1, whose directory is that of the job's family, the upper half of the number; nullopt: it
/// is none.
std::optional<unsigned> job_family(std::string_view command_line) {
  constexpr std::string_view kOption{"ess_base_jobid\0", 15};
  const auto at = command_line.find(kOption);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view number = command_line.substr(at + kOption.size());
  unsigned job = 0;
  const auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), job);
  if (failure != std::errc{}) return std::nullopt;
  return job >> 16;
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

void MpiFiles::note_daemon(pid_t pid, const Variables& environment, std::string_view command_line) {
  const fs::path place = temporary_directory_of(environment);
  utsname system{};
  ::uname(&system);
  const std::string whole = system.nodename;
  // Open MPI leaves the domain out unless it is told otherwise.
  for (const std::string& host : {whole.substr(0, whole.find('.')), whole}) {
    const auto user = fmt::format("{}.{}", host, ::geteuid());
    const auto process = fmt::format("{}.{}.{}", host, pid, ::geteuid());
    for (const char* tool : kTools) add_once(directories_, (place / (tool + process)).string());
    add_once(directories_, (place / ("ompi." + user) / fmt::format("pid.{}", pid)).string());
    if (const auto family = job_family(command_line))
      add_once(directories_, (place / ("ompi." + user) / fmt::format("jf.{}", *family)).string());
  }
}

void MpiFiles::remove() const {
  for (const auto& segment : segments_) {
    if (is_own(segment, S_IFREG)) ::unlink(segment.c_str());
  }
  for (const auto& directory : directories_) {
    std::error_code ignored;
    if (is_own(directory, S_IFDIR)) fs::remove_all(directory, ignored);
    // 4.1's is one of several, and may not have been made yet; the directory of the user's stays while there
    // are others.
    if (!is_tools(fs::path(directory).filename().string()) && has_parent_of_user(directory))
      ::rmdir(fs::path(directory).parent_path().c_str());
  }
}

}  // namespace shipyard::supervise
