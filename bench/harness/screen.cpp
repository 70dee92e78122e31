#include "bench/harness/screen.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/file_descriptor.hpp"

namespace shipyard::bench {
namespace {

constexpr std::array<std::string_view, 10> kLaunchers = {
    "mpirun",        "mpiexec",      "orterun",         "prterun",        "prun",
    "mpiexec.hydra", "mpirun.mpich", "hydra_pmi_proxy", "mpirun.openmpi", "shipyard-mpirun"};
/// Open MPI 4.1's and 5.0's, and Hydra's, options that put something before each line or write it elsewhere.
constexpr std::array<std::string_view, 8> kTagging = {
    "tag-output", "timestamp-output", "output-filename", "output",
    "xml",        "prepend-rank",     "prepend-pattern", "outfile-pattern"};
constexpr int kMostAncestors = 16;
constexpr std::size_t kNameBytes = 15;  // proc(5): comm

bool is_launcher(const Ancestor& ancestor) {
  return std::any_of(kLaunchers.begin(), kLaunchers.end(),
                     [&](std::string_view name) { return ancestor.name == name.substr(0, kNameBytes); });
}

bool tags(const Ancestor& ancestor) {
  return std::any_of(ancestor.arguments.begin(), ancestor.arguments.end(), [](std::string_view argument) {
    if (!argument.starts_with('-')) return false;
    argument.remove_prefix(std::min(argument.find_first_not_of('-'), argument.size()));
    return std::find(kTagging.begin(), kTagging.end(), argument.substr(0, argument.find('='))) !=
           kTagging.end();
  });
}

std::optional<int> columns_of(const std::string& path) {
  struct stat kind {};
  if (::stat(path.c_str(), &kind) != 0 || !S_ISCHR(kind.st_mode)) return std::nullopt;
  const FileDescriptor terminal(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!terminal || ::isatty(terminal.get()) != 1) return std::nullopt;
  winsize size{};
  if (::ioctl(terminal.get(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

bool is_pipe(const std::string& path) {
  struct stat kind {};
  return ::stat(path.c_str(), &kind) == 0 && (S_ISFIFO(kind.st_mode) || S_ISSOCK(kind.st_mode));
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The fourth field of /proc/PID/stat; the second one, in parentheses, may hold blanks.
pid_t parent_of(const std::string& directory) {
  const std::string stat = contents(directory + "/stat");
  std::istringstream rest(stat.substr(std::min(stat.rfind(')'), stat.size() - 1) + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

}  // namespace

std::optional<Screen> choose_screen(const std::vector<Ancestor>& ancestors) {
  const Ancestor* furthest = nullptr;
  for (const Ancestor& ancestor : ancestors) {
    if (!is_launcher(ancestor)) continue;
    if (tags(ancestor)) return std::nullopt;
    furthest = &ancestor;
  }
  if (furthest == nullptr || furthest->output_is_pipe) return std::nullopt;
  if (furthest->output_columns) return Screen{true, *furthest->output_columns};
  if (furthest->error_columns) return Screen{false, *furthest->error_columns};
  return std::nullopt;
}

std::vector<Ancestor> ancestors() {
  std::vector<Ancestor> found;
  pid_t pid = ::getppid();
  while (pid > 0 && found.size() < kMostAncestors) {
    const std::string directory = "/proc/" + std::to_string(pid);
    Ancestor ancestor{.name = contents(directory + "/comm"),
                      .arguments = {},
                      .output_columns = columns_of(directory + "/fd/1"),
                      .error_columns = columns_of(directory + "/fd/2"),
                      .output_is_pipe = is_pipe(directory + "/fd/1")};
    if (!ancestor.name.empty() && ancestor.name.back() == '\n') ancestor.name.pop_back();
    std::istringstream arguments(contents(directory + "/cmdline"));
    for (std::string argument; std::getline(arguments, argument, '\0');)
      ancestor.arguments.push_back(argument);
    found.push_back(std::move(ancestor));
    pid = parent_of(directory);
  }
  return found;
}

}  // namespace shipyard::bench
