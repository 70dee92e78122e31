#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace shipyard {

/// What a process was given at its start, captured once as a value; tests write one literally. Nothing else
/// in the project calls getenv, getcwd or isatty.
struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  std::string working_directory;     ///< absolute; empty where it was removed under us
  std::string executable_directory;  ///< directory of the running program (/proc/self/exe)
  unsigned user_id = 0;              ///< effective
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  int terminal_columns = 80;  ///< of stderr, or COLUMNS; 80 where unknown
  /// Variables that were taken out of the environment: nothing that is started from here gets them.
  std::map<std::string, Secret, std::less<>> secrets = {};
  bool stdin_is_file = false;  ///< a regular one

  /// The variables named in `secrets` are put there and are gone from the process: from environ, and from
  /// what /proc/PID/environ shows. To be called before there is another thread.
  [[nodiscard]] static Environment capture(const std::vector<std::string>& secrets = {});

  /// The variable's value; nullopt where it is not set. A set but empty variable gives "".
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  /// True where it is set and not empty.
  [[nodiscard]] bool has(std::string_view name) const;

  /// The secret of this name; nullptr where there is none, or an empty one.
  [[nodiscard]] const Secret* secret(std::string_view name) const;

  /// `NAME=VALUE` strings, as execve(2) takes them; without secrets.
  [[nodiscard]] std::vector<std::string> as_strings() const;
};

/// Splits `NAME=VALUE` strings; those without `=` are left out.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_variables(
    const std::vector<std::string>& strings);

/// The directories of a PATH-like variable in order; an empty element means "." (POSIX).
[[nodiscard]] std::vector<std::string> split_path(std::string_view path);

}  // namespace shipyard
