#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard::preempt {

/// An answer to a GET (RFC 9112), without its header fields.
struct HttpResponse {
  int status = 0;
  std::string body;

  bool operator==(const HttpResponse&) const = default;
};

inline constexpr std::size_t kMaxHeadBytes = 16 * 1024;
inline constexpr std::size_t kMaxBodyBytes = 256 * 1024;
/// What an answer may take on the wire; whoever sends more is not listened to.
inline constexpr std::size_t kMaxResponseBytes = kMaxHeadBytes + 4 * kMaxBodyBytes;

/// Reads what has arrived so far: nullopt where more must come. `closed`: nothing more comes. A body has a
/// Content-Length, is chunked, or ends with the connection. Strict: lines end with CR LF, no other transfer
/// coding, no two lengths, no 1xx answer. Never throws.
Result<std::optional<HttpResponse>> parse_http_response(std::string_view received, bool closed);

}  // namespace shipyard::preempt
