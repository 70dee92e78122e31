#include "launcher/supervise/rank_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/cpu_list.hpp"

namespace shipyard::supervise {
namespace {

std::optional<int> to_number(std::string_view text) {
  int number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    auto blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    if (blank == std::string_view::npos) return words;
    line.remove_prefix(blank + 1);
  }
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::string free_text(std::string_view text) {
  std::string result(text.substr(0, kLongestText));
  for (char& c : result) c = is_printable(c) ? c : '?';
  return result;
}

bool is_free_text(std::string_view text) {
  return text.size() <= kLongestText && std::all_of(text.begin(), text.end(), is_printable);
}

/// One word of those that a cloud gives events: "Preempt", "C7061BAC-AFDC-4513-B24B-AA5F13A16123".
bool is_word(std::string_view text) {
  constexpr std::size_t kLongest = 256;
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_printable(c) && c != ' '; });
}

/// "seconds type event [description]".
std::optional<RankMessage> parse_preemption(std::string_view rest) {
  RankMessage message;
  message.kind = RankMessage::Kind::kPreempt;
  std::string_view words[3];
  for (auto& word : words) {
    const auto blank = rest.find(' ');
    word = rest.substr(0, blank);
    rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
  }
  const auto seconds = to_number(words[0]);
  if (!seconds || *seconds > kLongestNoticeSeconds || !is_word(words[1]) || !is_word(words[2]) ||
      !is_free_text(rest))
    return std::nullopt;
  message.number = *seconds;
  message.type = words[1];
  message.event = words[2];
  message.text = rest;
  return message;
}

}  // namespace

std::string format_message(const RankMessage& message) {
  const std::string number = std::to_string(message.number);
  switch (message.kind) {
    case RankMessage::Kind::kRank:
      return "RANK " + message.token + " " + number + " " + message.text + "\n";
    case RankMessage::Kind::kUnbound:
      return "UNBOUND " + free_text(message.text) + "\n";
    case RankMessage::Kind::kBound:
      return "BOUND " + message.text + (message.planned.empty() ? "" : " " + message.planned) + "\n";
    case RankMessage::Kind::kBeat:
      return "BEAT\n";
    case RankMessage::Kind::kJoined:
      return "JOINED\n";
    case RankMessage::Kind::kAbsent:
      return "ABSENT\n";
    case RankMessage::Kind::kStderr:
      return "STDERR " + message.token + " " + number + "\n";
    case RankMessage::Kind::kExit:
      return "EXIT " + number + "\n";
    case RankMessage::Kind::kSignal:
      return "SIGNAL " + number + "\n";
    case RankMessage::Kind::kFail:
      return "FAIL " + number + " " + message.text + "\n";
    case RankMessage::Kind::kPreempt:
      return "PREEMPT " + number + " " + message.type + " " + message.event +
             (message.text.empty() ? "" : " " + free_text(message.text)) + "\n";
    case RankMessage::Kind::kUnwatched:
      return "UNWATCHED " + free_text(message.text) + "\n";
  }
  return {};
}

std::optional<RankMessage> parse_message(std::string_view line) {
  if (!std::all_of(line.begin(), line.end(), is_printable)) return std::nullopt;
  RankMessage message;
  constexpr std::string_view kUnboundWord = "UNBOUND ";
  if (line.starts_with(kUnboundWord) && line.size() > kUnboundWord.size()) {
    message.kind = RankMessage::Kind::kUnbound;
    message.text = line.substr(kUnboundWord.size());
    return is_free_text(message.text) ? std::optional(message) : std::nullopt;
  }
  constexpr std::string_view kPreemptWord = "PREEMPT ";
  if (line.starts_with(kPreemptWord)) return parse_preemption(line.substr(kPreemptWord.size()));
  constexpr std::string_view kUnwatchedWord = "UNWATCHED ";
  if (line.starts_with(kUnwatchedWord) && line.size() > kUnwatchedWord.size()) {
    message.kind = RankMessage::Kind::kUnwatched;
    message.text = line.substr(kUnwatchedWord.size());
    return is_free_text(message.text) ? std::optional(message) : std::nullopt;
  }
  const auto words = words_of(line);
  if (words[0] == "BOUND" && (words.size() == 2 || words.size() == 3)) {
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i].empty() || !is_cpu_list(words[i])) return std::nullopt;
    }
    message.kind = RankMessage::Kind::kBound;
    message.text = words[1];
    if (words.size() == 3) message.planned = words[2];
    return message;
  }
  constexpr std::pair<std::string_view, RankMessage::Kind> kBareWords[] = {
      {"BEAT", RankMessage::Kind::kBeat},
      {"JOINED", RankMessage::Kind::kJoined},
      {"ABSENT", RankMessage::Kind::kAbsent}};
  for (const auto& [word, kind] : kBareWords) {
    if (line != word) continue;
    message.kind = kind;
    return message;
  }
  std::size_t number_at = 1;
  if (words[0] == "RANK" && words.size() == 4) {
    message.token = words[1];
    message.text = words[3];
    number_at = 2;
  } else if (words[0] == "STDERR" && words.size() == 3) {
    message.kind = RankMessage::Kind::kStderr;
    message.token = words[1];
    number_at = 2;
  } else if (words[0] == "EXIT" && words.size() == 2) {
    message.kind = RankMessage::Kind::kExit;
  } else if (words[0] == "SIGNAL" && words.size() == 2) {
    message.kind = RankMessage::Kind::kSignal;
  } else if (words[0] == "FAIL" && words.size() == 3) {
    message.kind = RankMessage::Kind::kFail;
    message.text = words[2];
  } else {
    return std::nullopt;
  }
  auto number = to_number(words[number_at]);
  if (!number) return std::nullopt;
  message.number = *number;
  return message;
}

std::string format_message(const LauncherMessage& message) {
  switch (message.kind) {
    case LauncherMessage::Kind::kLive:
      return "LIVE " + std::to_string(message.number) + "\n";
    case LauncherMessage::Kind::kBeat:
      return "BEAT\n";
    case LauncherMessage::Kind::kSignal:
      return "SIGNAL " + std::to_string(message.number) + "\n";
  }
  return {};
}

std::optional<LauncherMessage> parse_launcher_message(std::string_view line) {
  if (line == "BEAT") return LauncherMessage{};
  const auto words = words_of(line);
  if (words.size() != 2) return std::nullopt;
  const auto number = to_number(words[1]);
  if (!number || *number == 0) return std::nullopt;
  if (words[0] == "LIVE") return LauncherMessage{LauncherMessage::Kind::kLive, *number};
  if (words[0] == "SIGNAL") return LauncherMessage{LauncherMessage::Kind::kSignal, *number};
  return std::nullopt;
}

}  // namespace shipyard::supervise
