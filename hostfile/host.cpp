#include "hostfile/host.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ascii.hpp"
#include "hostfile/host_fault.hpp"

namespace shipyard::hostfile {
namespace {

bool is_hex(char c) { return hex_value(c) >= 0; }
bool is_name_character(char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; }

/// A number as inet_aton(3) reads it: decimal, octal or hexadecimal.
bool is_aton_number(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return std::all_of(text.begin() + 2, text.end(), is_hex);
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// Calls `visit(part, offset)` for each part between dots until it returns false.
template <typename Visit>
void for_each_label(std::string_view text, Visit visit) {
  std::size_t begin = 0;
  while (true) {
    std::size_t end = std::min(text.find('.', begin), text.size());
    if (!visit(text.substr(begin, end - begin), begin) || end == text.size()) return;
    begin = end + 1;
  }
}

HostFault bad_character(std::string_view text, std::size_t offset) {
  switch (static_cast<unsigned char>(text[offset])) {
    case ' ':
    case '\t':
      return {"contains a blank", offset};
    case '\n':
    case '\r':
      return {"contains a line break", offset};
    default:
      break;
  }
  auto byte = static_cast<unsigned char>(text[offset]);
  if (byte < 0x20 || byte == 0x7F) return {"contains a control character", offset};
  return {"is not an IP address or host name", offset};
}

std::variant<Host, HostFault> read_ipv4(std::string_view text) {
  std::optional<HostFault> fault;
  int count = 0;
  for_each_label(text, [&](std::string_view number, std::size_t offset) {
    ++count;
    int value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (number.size() > 1 && number[0] == '0') {
      fault = {"is not an IPv4 address: a leading zero can mean octal or hexadecimal", offset};
    } else if (error != std::errc{} || end != number.data() + number.size() || value > 255) {
      fault = {"is not an IPv4 address: each of its numbers is from 0 to 255", offset};
    } else if (count > 4) {
      fault = {"is not an IPv4 address: it has more than four numbers", offset};
    }
    return !fault;
  });
  if (!fault && count < 4) {
    fault = {fmt::format("is not an IPv4 address: it has {} of four numbers", count), 0};
  }
  if (fault) return *fault;
  return Host{std::string(text), Host::Kind::kIpv4};
}

std::variant<Host, HostFault> read_ipv6(std::string_view text) {
  if (auto zone = text.find('%'); zone != std::string_view::npos) {
    return HostFault{"has a zone, which is an interface of one node alone", zone};
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_hex(text[i]) && text[i] != ':' && text[i] != '.') return HostFault{"is not an IPv6 address", i};
  }
  in6_addr address{};
  char buffer[INET6_ADDRSTRLEN];
  // Longer text cannot be one, and need not be copied for the NUL that inet_pton wants.
  if (text.size() >= sizeof buffer || inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) {
    return HostFault{"is not an IPv6 address", 0};
  }
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], buffer, sizeof buffer);
    return Host{buffer, Host::Kind::kIpv4};
  }
  inet_ntop(AF_INET6, &address, buffer, sizeof buffer);
  return Host{buffer, Host::Kind::kIpv6};
}

std::variant<Host, HostFault> read_name(std::string_view text) {
  constexpr std::size_t kMaxName = 253;
  constexpr std::size_t kMaxLabel = 63;
  std::optional<HostFault> fault;
  for_each_label(text, [&](std::string_view label, std::size_t offset) {
    if (label.empty()) {
      fault = {"is not a host name: nothing stands before or after a dot", offset};
    } else if (label.size() > kMaxLabel) {
      fault = {"is not a host name: a part between dots is longer than 63 characters", offset + kMaxLabel};
    } else if (label.front() == '-' || label.front() == '_') {
      fault = {fmt::format("is not a host name: a part begins with '{}'", label.front()), offset};
    } else if (label.back() == '-' || label.back() == '_') {
      fault = {fmt::format("is not a host name: a part ends with '{}'", label.back()),
               offset + label.size() - 1};
    }
    return !fault;
  });
  if (!fault && text.size() > kMaxName) {
    fault = {"is not a host name: it is longer than 253 characters", kMaxName};
  }
  if (fault) return *fault;
  return Host{std::string(text), Host::Kind::kName};
}

}  // namespace

std::variant<Host, HostFault> read_host(std::string_view text) {
  if (text.empty()) return HostFault{"is empty", 0};
  if (text[0] == '-') return HostFault{"begins with '-', as an option of ssh does", 0};
  int colons = 0;
  std::size_t first_colon = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':') {
      if (colons++ == 0) first_colon = i;
    } else if (text[i] == '%' && colons > 0) {
      break;  // what follows a zone's sign is not read
    } else if (!is_name_character(text[i])) {
      return bad_character(text, i);
    }
  }
  if (colons == 1) return HostFault{"is not an IP address or host name", first_colon};
  if (colons > 1) return read_ipv6(text);
  bool numeric = true;
  for_each_label(text, [&](std::string_view label, std::size_t) {
    return numeric = is_aton_number(label) || (label.empty() && text.size() > 1);
  });
  return numeric && is_digit(text[0]) ? read_ipv4(text) : read_name(text);
}

std::optional<int> read_slots(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > kMaxSlots) {
    return std::nullopt;
  }
  return number;
}

std::variant<Host, HostFault> read_host_with_slots(std::string_view text) {
  std::string_view name = text;
  std::size_t name_begin = 0;
  std::size_t colon = std::string_view::npos;
  if (text.starts_with('[')) {
    auto bracket = text.find(']');
    if (bracket == std::string_view::npos) return HostFault{"has a '[' without its ']'", 0};
    name = text.substr(1, bracket - 1);
    name_begin = 1;
    if (name.find(':') == std::string_view::npos)
      return HostFault{"has no IPv6 address between '[' and ']'", 1};
    if (bracket + 1 < text.size()) {
      if (text[bracket + 1] != ':') return bad_character(text, bracket + 1);
      colon = bracket + 1;
    }
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    colon = text.find(':');
    name = text.substr(0, colon);
  }
  auto host = read_host(name);
  if (auto* fault = std::get_if<HostFault>(&host)) {
    fault->offset += name_begin;
    return host;
  }
  if (colon != std::string_view::npos) {
    auto slots = read_slots(text.substr(colon + 1));
    if (!slots) {
      return HostFault{fmt::format("has slots after ':' that are not a whole number from 1 to {}", kMaxSlots),
                       colon + 1};
    }
    std::get<Host>(host).slots = slots;
  }
  return host;
}

Result<Host> parse_host(std::string_view text) {
  auto host = read_host(text);
  if (auto* fault = std::get_if<HostFault>(&host)) {
    Error error = input_error("the host " + fault->predicate);
    error.excerpt = {std::string(text), fault->offset};
    return error;
  }
  return std::get<Host>(std::move(host));
}

std::string identity(const Host& host) {
  std::string result = host.name;
  if (host.kind == Host::Kind::kName) result = to_lower(result);
  return result;
}

}  // namespace shipyard::hostfile
