#include "launcher/mpi/diagnosis.hpp"

#include <charconv>

namespace shipyard::mpi {
namespace {

/// The number that follows `phrase`, behind blanks and line ends, in `text` from `from` on.
std::optional<int> number_after(std::string_view text, std::string_view phrase, std::size_t from = 0) {
  auto at = text.find(phrase, from);
  if (at == std::string_view::npos) return std::nullopt;
  at = text.find_first_not_of(" \n", at + phrase.size());
  if (at == std::string_view::npos) return std::nullopt;
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data() + at, text.data() + text.size(), number);
  (void)end;
  return failure == std::errc{} ? std::optional(number) : std::nullopt;
}

std::string_view line_at(std::string_view text, std::size_t at) {
  const auto before = text.rfind('\n', at);
  const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(start, text.find('\n', at) - start);
}

/// For a message: a node's words must not move the cursor of a terminal here.
std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return result;
}

std::optional<Diagnosis::Abort> find_abort(std::string_view words) {
  constexpr std::string_view kPhrase = "MPI_ABORT was invoked on rank";
  const auto at = words.find(kPhrase);
  if (at == std::string_view::npos) return std::nullopt;
  const auto rank = number_after(words, kPhrase, at);
  auto code = number_after(words, "with errorcode", at);
  if (!code) code = number_after(words, "Errorcode:", at);
  if (!rank || !code) return std::nullopt;
  const std::string_view line = line_at(words, at);
  const auto on = line.find("in communicator MPI_COMM_WORLD");
  return Diagnosis::Abort{*rank, on != std::string_view::npos, *code};
}

std::optional<int> find_improper(std::string_view words) {
  constexpr std::string_view kPhrase = "has exited due to process rank";
  if (words.find("improperly") == std::string_view::npos) return std::nullopt;
  return number_after(words, kPhrase);
}

/// Whether mpirun itself, and not a proxy on a node, which follows it, has said `phrase`:
/// "[mpiexec@n0] control_cb (mpiexec/pmiserv_cb.c:280): assert (!closed) failed".
bool hydra_says(std::string_view words, std::string_view phrase) {
  for (auto at = words.find(phrase); at != std::string_view::npos; at = words.find(phrase, at + 1)) {
    if (line_at(words, at).starts_with("[mpiexec@")) return true;
  }
  return false;
}

/// "root@10.0.0.5: Permission denied (publickey)." without the user and the full stop.
std::string find_ssh_refusal(std::string_view words) {
  const auto denied = words.find(": Permission denied (");
  if (denied != std::string_view::npos) {
    std::string_view line = line_at(words, denied);
    const auto user = line.find('@');
    if (user != std::string_view::npos && user < line.find(':')) line.remove_prefix(user + 1);
    while (line.ends_with('\r') || line.ends_with('.')) line.remove_suffix(1);
    return printable(line);
  }
  constexpr std::string_view kHostKey = "Host key verification failed";
  return words.find(kHostKey) != std::string_view::npos ? std::string(kHostKey) : std::string();
}

}  // namespace

Diagnosis diagnose(std::string_view words) {
  Diagnosis result;
  result.abort = find_abort(words);
  result.improper_rank = find_improper(words);
  result.lost_daemon = hydra_says(words, "assert (!closed) failed");
  result.ssh_refusal = find_ssh_refusal(words);
  constexpr std::string_view kRankWord = "shipyard-rank: error: ";
  if (const auto at = words.find("shipyard-rank: error: cannot reach the launcher");
      at != std::string_view::npos)
    result.unreachable_launcher =
        printable(words.substr(at, words.find('\n', at) - at).substr(kRankWord.size()));
  return result;
}

std::string without_noise(std::string_view words) {
  std::string result;
  while (!words.empty()) {
    const auto end = std::min(words.find('\n'), words.size() - 1) + 1;
    const std::string_view line = words.substr(0, end);
    words.remove_prefix(end);
    if (line.find(" Warning: setpgid(") == std::string_view::npos) result += line;
  }
  return result;
}

}  // namespace shipyard::mpi
