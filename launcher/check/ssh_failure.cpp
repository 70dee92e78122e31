#include "launcher/check/ssh_failure.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/ascii.hpp"

namespace shipyard::launcher::check {
namespace {

using Kind = SshFailure::Kind;

constexpr std::size_t kLongestWords = 200;

/// ssh's words for each, in lower case. Of several lines the most telling decides, so the order is by that: a
/// changed host key is followed by "permission denied" where password logins are switched off for it.
constexpr std::array<std::pair<std::string_view, Kind>, 22> kWords{{
    {"host key verification failed", Kind::kHostKey},
    {"remote host identification has changed", Kind::kHostKey},
    {"host key is known for", Kind::kHostKey},
    {"permission denied (", Kind::kPermissionDenied},
    {"too many authentication failures", Kind::kPermissionDenied},
    {"connection refused", Kind::kUnreachable},
    {"connection timed out", Kind::kUnreachable},
    {"operation timed out", Kind::kUnreachable},
    {"no route to host", Kind::kUnreachable},
    {"network is unreachable", Kind::kUnreachable},
    {"could not resolve hostname", Kind::kUnreachable},
    {"not responding", Kind::kNoAnswer},
    {"timed out during banner exchange", Kind::kNoAnswer},
    {"not allowed at this time", Kind::kClosed},
    {"connection closed", Kind::kClosed},
    {"connection reset", Kind::kClosed},
    {"closed by remote host", Kind::kClosed},
    {"banner exchange", Kind::kClosed},
    {"unable to negotiate", Kind::kClosed},
    {"kex_exchange", Kind::kClosed},
    {"kex exchange", Kind::kClosed},
    {"broken pipe", Kind::kClosed},
}};

/// Lines with something to read in them: OpenSSH frames a warning with lines of "@".
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string line(text.substr(0, std::min(end, kLongestWords)));
    for (char& c : line) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    line.erase(line.find_last_not_of(" .") + 1);
    line.erase(0, line.find_first_not_of(" @"));
    if (!line.empty()) result.push_back(std::move(line));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return result;
}

/// "ssh: connect to host 10.0.0.6 port 23: Connection refused" has its news at the end.
std::string news_of(const std::string& line, Kind kind) {
  if (kind != Kind::kUnreachable && kind != Kind::kPermissionDenied) return line;
  const auto colon = line.rfind(": ");
  std::string news = colon == std::string::npos ? line : line.substr(colon + 2);
  if (line.find("resolve hostname") != std::string::npos) news = "the name is not known (" + news + ")";
  news[0] = to_lower(news[0]);
  return news;
}

}  // namespace

SshFailure ssh_failure(const Exit& exit, std::string_view errors) {
  const auto lines = lines_of(errors);
  const std::string last = lines.empty() ? std::string() : lines.back();
  constexpr int kSshItself = 255;
  if (!exit.signalled && exit.value == kSshItself) {
    for (const auto& [words, kind] : kWords) {
      for (const auto& line : lines) {
        if (to_lower(line).find(words) != std::string::npos) return {kind, news_of(line, kind)};
      }
    }
    return {Kind::kClosed, last.empty() ? "ssh failed without a word" : last};
  }
  // The shell's own: POSIX, "Exit Status for Commands".
  const bool not_run = !exit.signalled && (exit.value == 127 || exit.value == 126);
  return {not_run ? Kind::kNoLauncher : Kind::kOther,
          last.empty() ? "it ended with " + describe(exit) : last};
}

const char* name_of(SshFailure::Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "none";
    case Kind::kUnreachable:
      return "unreachable";
    case Kind::kNoAnswer:
      return "no_answer";
    case Kind::kClosed:
      return "closed";
    case Kind::kPermissionDenied:
      return "permission_denied";
    case Kind::kHostKey:
      return "host_key";
    case Kind::kNoLauncher:
      return "no_launcher";
    case Kind::kOther:
      return "other";
    case Kind::kNotAsked:
      return "not_asked";
  }
  return "";
}

}  // namespace shipyard::launcher::check
