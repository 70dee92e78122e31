#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard {

/// One option of a tool, as help, parser and man page know it.
struct OptionSpec {
  std::string name;               ///< long name without dashes
  char letter = 0;                ///< short name; 0: none
  std::string value = {};         ///< placeholder of its value, e.g. "N"; empty: a flag
  std::string help;               ///< one sentence
  std::string variable = {};      ///< environment variable that gives it where the option is absent
  std::string default_text = {};  ///< shown in the help
  bool repeatable = false;
  std::vector<std::string> aliases = {};  ///< spelled whole, e.g. "-np"

  bool operator==(const OptionSpec&) const = default;
};

struct OptionGroup {
  std::string title;
  std::vector<OptionSpec> options;
};

/// A tool's command line. Operands are what is left: none, any, or a program whose arguments pass untouched.
struct CommandLineSpec {
  enum class Operands { kNone, kAny, kProgram };

  std::string tool;
  std::string usage;     ///< after the tool's name
  std::string sentence;  ///< what the tool does
  std::vector<OptionGroup> groups;
  Operands operands = Operands::kNone;
  std::string epilogue = {};          ///< printed as it is: examples, exit status
  std::size_t operands_in_front = 0;  ///< of a program: options may stand between these and after them
};

/// Values by option name, each with its origin: "--ppn", "SHIPYARD_PPN".
class ParsedCommandLine {
 public:
  struct Value {
    std::string text;
    std::string origin;
  };

  /// Given on the command line or by its variable.
  [[nodiscard]] bool has(std::string_view name) const;
  /// How often it was given (for -v).
  [[nodiscard]] int count(std::string_view name) const;
  /// The last value given.
  [[nodiscard]] std::optional<Value> get(std::string_view name) const;
  [[nodiscard]] std::vector<Value> all(std::string_view name) const;

  std::map<std::string, std::vector<Value>, std::less<>> values;
  std::vector<std::string> operands;
};

/// Options > environment. An unknown option names the nearest one. `arguments` without the program's own
/// name.
Result<ParsedCommandLine> parse_command_line(const CommandLineSpec& spec,
                                             const std::vector<std::string>& arguments,
                                             const Environment& environment);

/// The text of --help, at most `columns` wide where words allow.
[[nodiscard]] std::string help_text(const CommandLineSpec& spec, int columns = 80);

/// A whole number of `minimum`…`maximum`; the error names `value.origin` and what was found.
Result<int> parse_number(const ParsedCommandLine::Value& value, int minimum, int maximum);

/// The candidate that differs least from `word` by edits; empty where all are far.
[[nodiscard]] std::string nearest_match(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace shipyard
