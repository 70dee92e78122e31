#include "base/environment.hpp"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

extern char** environ;  // NOLINT: POSIX

namespace shipyard {
namespace {

int columns_of_terminal(const Environment& environment) {
  winsize size{};
  if (environment.stderr_is_terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  if (auto text = environment.get("COLUMNS")) {
    int columns = 0;
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), columns);
    if (error == std::errc{} && end == text->data() + text->size() && columns > 0) return columns;
  }
  return 80;
}

/// The variable's value, taken out of the environment. /proc/PID/environ shows the memory that execve(2) put
/// the strings into, so they are overwritten there.
std::optional<Secret> take_variable(const std::string& name) {
  std::optional<Secret> result;
  const std::string prefix = name + "=";
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(prefix)) continue;
    if (!result) result.emplace(std::string(text.substr(prefix.size())));
    explicit_bzero(*entry + prefix.size(), text.size() - prefix.size());
  }
  unsetenv(name.c_str());
  return result;
}

}  // namespace

Environment Environment::capture(const std::vector<std::string>& secrets) {
  Environment result;
  for (const auto& name : secrets) {
    if (auto secret = take_variable(name)) result.secrets.emplace(name, std::move(*secret));
  }
  std::vector<std::string> strings;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) strings.emplace_back(*entry);
  result.variables = parse_variables(strings);
  std::error_code ignored;
  result.working_directory = std::filesystem::current_path(ignored).string();
  result.executable_directory =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
  result.user_id = geteuid();
  result.stdin_is_terminal = isatty(STDIN_FILENO) == 1;
  struct stat input {};
  result.stdin_is_file = ::fstat(STDIN_FILENO, &input) == 0 && S_ISREG(input.st_mode);
  result.stdout_is_terminal = isatty(STDOUT_FILENO) == 1;
  result.stderr_is_terminal = isatty(STDERR_FILENO) == 1;
  result.terminal_columns = columns_of_terminal(result);
  return result;
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
  auto found = variables.find(name);
  if (found == variables.end()) return std::nullopt;
  return found->second;
}

bool Environment::has(std::string_view name) const {
  auto value = get(name);
  return value.has_value() && !value->empty();
}

const Secret* Environment::secret(std::string_view name) const {
  auto found = secrets.find(name);
  return found == secrets.end() || found->second.empty() ? nullptr : &found->second;
}

std::vector<std::string> Environment::as_strings() const {
  std::vector<std::string> result;
  result.reserve(variables.size());
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

std::map<std::string, std::string, std::less<>> parse_variables(const std::vector<std::string>& strings) {
  std::map<std::string, std::string, std::less<>> result;
  for (const auto& text : strings) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> result;
  while (true) {
    auto colon = path.find(':');
    auto part = path.substr(0, colon);
    result.emplace_back(part.empty() ? "." : part);
    if (colon == std::string_view::npos) return result;
    path.remove_prefix(colon + 1);
  }
}

}  // namespace shipyard
