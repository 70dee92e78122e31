#include "launcher/rank/pmix_clients.hpp"

#include <algorithm>
#include <charconv>

namespace shipyard::rank {
namespace {

constexpr std::string_view kListening = "0A";

/// The word at the beginning of `text`, which is taken off it.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

/// "0100007F:B369".
std::optional<std::uint16_t> port_of(std::string_view address) {
  const auto colon = address.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  address.remove_prefix(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(address.data(), address.data() + address.size(), port, 16);
  if (failure != std::errc{} || end != address.data() + address.size()) return std::nullopt;
  return port;
}

}  // namespace

std::optional<std::uint16_t> pmix_server_port(const Environment& environment) {
  for (const auto& [name, value] : environment.variables) {
    if (!name.starts_with("PMIX_SERVER_URI") || value.find(";tcp") == std::string::npos) continue;
    const auto colon = value.rfind(':');
    if (colon == std::string::npos) continue;
    std::uint16_t port = 0;
    const auto [end, failure] = std::from_chars(value.data() + colon + 1, value.data() + value.size(), port);
    if (failure == std::errc{} && end == value.data() + value.size() && port != 0) return port;
  }
  return std::nullopt;
}

void PmixClients::note(std::string_view table) {
  while (!table.empty()) {
    std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    (void)next_word(line);  // the line's number
    const auto local = port_of(next_word(line));
    const auto remote = port_of(next_word(line));
    if (next_word(line) == kListening || !local || !remote) continue;
    if (*remote == server_port_) ports_.insert(*local);
    if (*local == server_port_) ports_.insert(*remote);
  }
}

}  // namespace shipyard::rank
