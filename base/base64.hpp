#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shipyard {

/// RFC 4648, section 4, with padding and on one line.
[[nodiscard]] std::string encode_base64(std::string_view bytes);

/// The bytes; line ends and blanks are skipped, as base64(1) and PEM put them there. Nothing where the rest
/// is no base64 with padding.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace shipyard
