#include "launcher/supervise/reap.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/file_descriptor.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard::supervise {
namespace {

constexpr int kRounds = 10;
/// For all that are killed in a round to be gone: until then they may still have forked.
constexpr std::chrono::milliseconds kGoneLimit{500};

std::vector<pid_t> processes() {
  std::vector<pid_t> result;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), &::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure == std::errc{} && end == name.data() + name.size()) result.push_back(pid);
  }
  return result;
}

/// /proc/PID/NAME; empty where the process is gone, or another user's.
std::string proc_file(pid_t pid, const char* name) {
  std::string text;
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[8192];
  for (ssize_t got = 0; file && (got = ::read(file.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

MpiFiles::Variables environment_of(pid_t pid) {
  std::vector<std::string> entries;
  std::istringstream text(proc_file(pid, "environ"));
  for (std::string entry; std::getline(text, entry, '\0');) entries.push_back(std::move(entry));
  return parse_variables(entries);
}

std::string entry_of(std::string_view job) { return std::string(kJobVariable) + "=" + std::string(job); }

bool is_marked(pid_t pid, const std::string& entry) {
  const std::string text = proc_file(pid, "environ");
  for (std::size_t at = text.find(entry); at != std::string::npos; at = text.find(entry, at + 1)) {
    const std::size_t end = at + entry.size();
    if ((at == 0 || text[at - 1] == '\0') && (end == text.size() || text[end] == '\0')) return true;
  }
  return false;
}

/// Its descriptor where it was killed.
FileDescriptor kill_if_marked(pid_t pid, const std::string& entry) {
  if (!is_marked(pid, entry)) return {};
  // glibc before 2.36 has no functions for these.
  FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Looked at once more: now the number cannot come to mean another process.
  if (!process || !is_marked(pid, entry)) return {};
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) return {};
  return process;
}

void wait_until_gone(const std::vector<FileDescriptor>& processes_killed) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + kGoneLimit;
  for (const auto& process : processes_killed) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd polled{process.get(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>(std::max<long>(left, 0)));
  }
}

}  // namespace

MpiFiles files_of_marked(std::string_view job) {
  MpiFiles files;
  for (pid_t pid : job.empty() ? std::vector<pid_t>() : processes()) {
    if (!is_marked(pid, entry_of(job))) continue;
    const auto environment = environment_of(pid);
    files.note(proc_file(pid, "maps"), environment);
    files.note_daemon(pid, environment, proc_file(pid, "cmdline"));
  }
  return files;
}

int kill_marked(std::string_view job) {
  if (job.empty()) return 0;
  const std::string entry = entry_of(job);
  const MpiFiles files = files_of_marked(job);
  int killed = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<FileDescriptor> processes_killed;
    for (pid_t pid : processes()) {
      if (pid == ::getpid()) continue;
      if (auto process = kill_if_marked(pid, entry)) processes_killed.push_back(std::move(process));
    }
    if (processes_killed.empty()) break;
    killed += static_cast<int>(processes_killed.size());
    wait_until_gone(processes_killed);
  }
  files.remove();
  return killed;
}

}  // namespace shipyard::supervise
