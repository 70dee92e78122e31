#include "launcher/preempt/metadata_service.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"

namespace shipyard::preempt {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kScheme = "http://";
constexpr const char* kUrlHint =
    "an address as in http://169.254.169.254 or http://127.0.0.1:8080 is expected";

Error wrong_url(std::string_view what, std::string_view url, std::size_t offset) {
  Error error = input_error(fmt::format("{}: {}", kMetadataVariable, what), kUrlHint);
  error.excerpt = {std::string(url), offset};
  return error;
}

/// Waits for `events` at `fd`.
Status wait_for(int fd, short events, int cancel, Clock::time_point end, const std::string& what) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    if (left <= milliseconds(0)) return Error{Error::Code::kSystem, what + ": no answer in time", {}, {}};
    pollfd polled[2] = {{fd, events, 0}, {cancel, POLLIN, 0}};  // a negative descriptor is left out: poll(2)
    const int ready = ::poll(polled, 2, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return system_error(what, errno);
    if (ready <= 0) continue;
    if (polled[1].revents != 0) return Error{Error::Code::kSystem, what + ": cancelled", {}, {}};
    return Ok{};
  }
}

Result<FileDescriptor> connect_to(const MetadataService& service, Clock::time_point end, int cancel,
                                  const std::string& url) {
  const SocketAddress remote(service.address, service.port);
  FileDescriptor fd(::socket(remote.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error(url, errno);
  if (::connect(fd.get(), remote.get(), remote.size()) == 0) return fd;
  if (errno != EINPROGRESS) return system_error(url, errno);
  if (auto waited = wait_for(fd.get(), POLLOUT, cancel, end, url); !waited) return waited.error();
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return system_error(url, error);
  return fd;
}

Status send_all(const FileDescriptor& fd, std::string_view text, int cancel, Clock::time_point end,
                const std::string& url) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto waited = wait_for(fd.get(), POLLOUT, cancel, end, url); !waited) return waited;
    } else if (errno != EINTR) {
      return system_error(url, errno);
    }
  }
  return Ok{};
}

Result<HttpResponse> receive(const FileDescriptor& fd, int cancel, Clock::time_point end,
                             const std::string& url) {
  std::string received;
  char buffer[16 * 1024];
  while (true) {
    if (auto waited = wait_for(fd.get(), POLLIN, cancel, end, url); !waited) return waited.error();
    const ssize_t size = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size < 0) return system_error(url, errno);
    received.append(buffer, static_cast<std::size_t>(size));
    if (received.size() > kMaxResponseBytes) return input_error(url + ": an answer without an end");
    auto parsed = parse_http_response(received, size == 0);
    if (!parsed) {
      parsed.error().message = fmt::format("{}: {}", url, parsed.error().message);
      return parsed.error();
    }
    if (*parsed) return std::move(**parsed);
  }
}

}  // namespace

Result<MetadataService> parse_metadata_url(std::string_view url) {
  if (!url.starts_with(kScheme)) return wrong_url("no http:// address", url, 0);
  std::string_view rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto offset = [&](std::size_t at) { return kScheme.size() + at; };
  if (const auto slash = rest.find_first_of("/?#"); slash != std::string_view::npos) {
    return wrong_url("a path has no place here", url, offset(slash));
  }
  MetadataService service;
  // The port stands behind the last colon, unless that is inside the brackets of an IPv6 address.
  std::string_view host = rest;
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
    host = rest.substr(0, colon);
    const std::string_view digits = rest.substr(colon + 1);
    auto [last, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), service.port);
    if (failure != std::errc{} || last != digits.data() + digits.size() || service.port == 0) {
      return wrong_url("no port of 1 to 65535", url, offset(colon + 1));
    }
  }
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  const auto address = parse_address(brackets ? host.substr(1, host.size() - 2) : host);
  if (!address || address->ipv6 != brackets) return wrong_url("no numeric address", url, offset(0));
  service.address = *address;
  return service;
}

std::string to_url(const MetadataService& service) {
  const std::string address = to_string(service.address);
  const std::string host = service.address.ipv6 ? "[" + address + "]" : address;
  return service.port == 80 ? fmt::format("{}{}", kScheme, host)
                            : fmt::format("{}{}:{}", kScheme, host, service.port);
}

Result<std::string> get_metadata(const MetadataService& service, std::string_view target,
                                 const GetLimits& limits, int cancel) {
  const std::string url = to_url(service);
  auto fd = connect_to(service, Clock::now() + limits.connect, cancel, url);
  if (!fd) return fd.error();
  const auto end = Clock::now() + limits.answer;
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nMetadata: true\r\nUser-Agent: shipyard-rank/" SHIPYARD_VERSION
      "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
      target, std::string_view(url).substr(kScheme.size()));
  if (auto sent = send_all(*fd, request, cancel, end, url); !sent) return sent.error();
  auto response = receive(*fd, cancel, end, url);
  if (!response) return response.error();
  if (response->status != 200) {
    return input_error(fmt::format("{}: answers {} to GET {}", url, response->status, target));
  }
  return std::move(response->body);
}

}  // namespace shipyard::preempt
