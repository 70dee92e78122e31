#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard {

/// Errors only (-q), the default, the commands (-v), every decision (-vv).
enum class Verbosity { kQuiet, kNormal, kCommands, kDecisions };

/// `tool: error|warning|note: …` lines on a stream, in colour where it is a terminal and NO_COLOR is not set
/// (no-color.org). The only way in which a tool speaks about itself; stdout carries results alone.
class Messages {
 public:
  /// `stream` must outlive the object.
  Messages(std::ostream& stream, std::string tool, const Environment& environment,
           Verbosity verbosity = Verbosity::kNormal);

  void set_verbosity(Verbosity verbosity) { verbosity_ = verbosity; }
  [[nodiscard]] Verbosity verbosity() const { return verbosity_; }

  void error(const Error& error) const;
  void warning(std::string_view text) const;
  void note(std::string_view text) const;      ///< not with -q
  void command(std::string_view text) const;   ///< with -v
  void decision(std::string_view text) const;  ///< with -vv

 private:
  void line(std::string_view label, std::string_view colour, std::string_view text) const;

  std::ostream& stream_;
  std::string tool_;
  bool colour_;
  int columns_;
  Verbosity verbosity_;
};

/// The error as `tool: error: …` with the place under a caret and the hint on lines of their own. The excerpt
/// is cut to fit `columns`, and bytes that a terminal would act on are shown as `?`.
[[nodiscard]] std::string format_error(std::string_view tool, const Error& error, int columns = 80);

/// The text broken at blanks so that no line is longer than `columns`; lines after the first begin with
/// `indent` blanks. A word that is too long stands alone.
[[nodiscard]] std::string wrap(std::string_view text, int columns, int indent);

}  // namespace shipyard
