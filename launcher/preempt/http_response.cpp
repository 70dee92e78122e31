#include "launcher/preempt/http_response.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"

namespace shipyard::preempt {
namespace {

using Parsed = Result<std::optional<HttpResponse>>;
constexpr std::string_view kLineEnd = "\r\n";

Error fault(std::string_view what) { return input_error(fmt::format("HTTP answer: {}", what)); }

Error fault(std::string_view what, std::string_view line, std::size_t offset = 0) {
  Error error = fault(what);
  error.excerpt = {std::string(line.substr(0, 200)), std::min<std::size_t>(offset, 200)};
  return error;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// A whole number without sign in `base`; nullopt for anything else. Larger ones than a body may have are all
/// alike: kMaxBodyBytes + 1.
std::optional<std::size_t> to_length(std::string_view digits, int base) {
  if (digits.empty()) return std::nullopt;
  std::size_t length = 0;
  for (const char c : digits) {
    const int digit = hex_value(c);
    if (digit < 0 || digit >= base) return std::nullopt;
    length = std::min(length * static_cast<std::size_t>(base) + static_cast<std::size_t>(digit),
                      kMaxBodyBytes + 1);
  }
  return length;
}

struct Head {
  int status = 0;
  std::optional<std::size_t> length;
  bool chunked = false;
};

/// "HTTP/1.1 200 OK".
Result<int> read_status(std::string_view line) {
  constexpr std::string_view kProtocol = "HTTP/1.";
  if (!line.starts_with(kProtocol)) return fault("no HTTP/1 status line", line);
  if (line.size() < 12 || (line[7] != '0' && line[7] != '1') || line[8] != ' ') {
    return fault("no HTTP/1 status line", line, kProtocol.size());
  }
  const auto status = to_length(line.substr(9, 3), 10);
  if (!status || *status < 100 || (line.size() > 12 && line[12] != ' ')) return fault("no status", line, 9);
  if (*status < 200) return fault("an interim answer that nobody asked for", line, 9);
  return static_cast<int>(*status);
}

Status read_field(std::string_view line, Head& head) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return fault("no header field", line);
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "Content-Length")) {
    const auto length = to_length(value, 10);
    if (!length) return fault("no length", line, colon + 1);
    if (head.length && *head.length != *length) return fault("two lengths", line, colon + 1);
    head.length = length;
  } else if (equals_ignoring_case(name, "Transfer-Encoding")) {
    if (head.chunked || !equals_ignoring_case(value, "chunked"))
      return fault("an unknown transfer coding", line, colon + 1);
    head.chunked = true;
  }
  return Ok{};
}

/// Without the empty line.
Result<Head> read_head(std::string_view text) {
  Head head;
  auto end = text.find(kLineEnd);
  const auto status = read_status(text.substr(0, end));
  if (!status) return status.error();
  head.status = *status;
  while (end != std::string_view::npos) {
    text.remove_prefix(end + kLineEnd.size());
    end = text.find(kLineEnd);
    if (auto read = read_field(text.substr(0, end), head); !read) return read.error();
  }
  // Two senders may have had a hand in it (RFC 9112, 6.1).
  if (head.chunked && head.length) return fault("both a length and chunks");
  return head;
}

Parsed too_short(std::string_view what, bool closed) {
  if (closed) return fault(fmt::format("ends in its {}", what));
  return std::optional<HttpResponse>{};
}

Parsed read_chunks(std::string_view text, int status, bool closed) {
  HttpResponse response{.status = status};
  constexpr std::size_t kMaxLine = 1'024;
  while (true) {
    const auto end = text.find(kLineEnd);
    if (end == std::string_view::npos) {
      if (text.size() > kMaxLine) return fault("a chunk without a length", text);
      return too_short("chunks", closed);
    }
    if (end > kMaxLine) return fault("a chunk without a length", text);
    const std::string_view line = text.substr(0, end);
    const auto length = to_length(trimmed(line.substr(0, line.find(';'))), 16);
    if (!length) return fault("a chunk without a length", line);
    if (*length > kMaxBodyBytes - response.body.size()) {
      return fault(fmt::format("longer than {} bytes", kMaxBodyBytes));
    }
    text.remove_prefix(end + kLineEnd.size());
    if (*length == 0) break;
    if (text.size() < *length + kLineEnd.size()) {
      // What is there already may be wrong all the same.
      if (text.size() > *length && text[*length] != '\r') return fault("a chunk that is longer than it says");
      return too_short("chunks", closed);
    }
    response.body += text.substr(0, *length);
    if (text.substr(*length, kLineEnd.size()) != kLineEnd)
      return fault("a chunk that is longer than it says");
    text.remove_prefix(*length + kLineEnd.size());
  }
  // Trailer fields: none of ours; to the empty line.
  while (!text.starts_with(kLineEnd)) {
    const auto end = text.find(kLineEnd);
    if (end == std::string_view::npos) {
      if (text.size() > kMaxHeadBytes) return fault("a trailer without an end");
      return too_short("trailer", closed);
    }
    text.remove_prefix(end + kLineEnd.size());
  }
  return std::optional(std::move(response));
}

}  // namespace

Parsed parse_http_response(std::string_view received, bool closed) {
  constexpr std::string_view kHeadEnd = "\r\n\r\n";
  const auto end = received.substr(0, kMaxHeadBytes).find(kHeadEnd);
  if (end == std::string_view::npos) {
    if (received.size() >= kMaxHeadBytes)
      return fault(fmt::format("a head of more than {} bytes", kMaxHeadBytes));
    // A server that speaks something else need not be waited for.
    constexpr std::string_view kProtocol = "HTTP/1.";
    if (received.substr(0, kProtocol.size()) != kProtocol.substr(0, received.size())) {
      return fault("no HTTP/1 status line", received.substr(0, received.find(kLineEnd)));
    }
    return too_short("head", closed);
  }
  const auto head = read_head(received.substr(0, end));
  if (!head) return head.error();
  const std::string_view rest = received.substr(end + kHeadEnd.size());
  if (head->chunked) return read_chunks(rest, head->status, closed);
  if (head->status == 204 || head->status == 304) return std::optional(HttpResponse{.status = head->status});
  if (head->length.value_or(rest.size()) > kMaxBodyBytes) {
    return fault(fmt::format("longer than {} bytes", kMaxBodyBytes));
  }
  if (head->length ? rest.size() < *head->length : !closed) return too_short("body", closed);
  return std::optional(
      HttpResponse{head->status, std::string(rest.substr(0, head->length.value_or(rest.size())))});
}

}  // namespace shipyard::preempt
