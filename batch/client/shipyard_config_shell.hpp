#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shipyard::batch {

/// The text cut at the blanks at which a POSIX shell would cut it, each word as it is written: quotes, `$(…)`
/// and backslashes stay in it.
[[nodiscard]] std::vector<std::string> shell_words(std::string_view text);

/// The word without its quotes; none where a shell would put something else in its place (`$(…)`, `` ` ``).
/// Variables stay as they are.
[[nodiscard]] std::optional<std::string> unquoted(std::string_view word);

/// One of the text's words, at any depth of quotes, is this program, with or without a directory in front.
[[nodiscard]] bool calls_program(std::string_view text, std::string_view program);

/// Names that begin with `prefix`, in the order of the text, none twice.
[[nodiscard]] std::vector<std::string> names_with_prefix(std::string_view text, std::string_view prefix);

}  // namespace shipyard::batch
