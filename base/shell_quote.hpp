#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shipyard {

/// The word as a POSIX shell reads it back unchanged; quoted only where it needs to be.
[[nodiscard]] std::string shell_quote(std::string_view word);
/// The words joined by single blanks, each quoted.
[[nodiscard]] std::string shell_quote(const std::vector<std::string>& words);

}  // namespace shipyard
