#pragma once

#include <string>
#include <string_view>

namespace shipyard::batch {

/// Words from elsewhere as part of a message: control characters (line ends, a terminal's escapes) as blanks,
/// none at its end, and no more than `most` bytes, cut between characters of UTF-8; without the
/// signatures of URLs.
[[nodiscard]] std::string one_line(std::string_view words, std::size_t most = 300);

/// The last line that is not empty, so.
[[nodiscard]] std::string last_line(std::string_view text);

}  // namespace shipyard::batch
