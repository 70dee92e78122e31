#include "launcher/supervise/rank_protocol.hpp"

#include <algorithm>
#include <charconv>
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

/// What a terminal or the next line would act on.
bool is_control(char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }

/// An error's text quotes what it is about.
std::string on_one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

}  // namespace

std::string format_message(const RankMessage& message) {
  const std::string number = std::to_string(message.number);
  switch (message.kind) {
    case RankMessage::Kind::kRank:
      return "RANK " + message.token + " " + number + " " + message.text + "\n";
    case RankMessage::Kind::kUnbound:
      return "UNBOUND " + on_one_line(message.text) + "\n";
    case RankMessage::Kind::kBound:
      return "BOUND " + message.text + (message.planned.empty() ? "" : " " + message.planned) + "\n";
    case RankMessage::Kind::kExit:
      return "EXIT " + number + "\n";
    case RankMessage::Kind::kSignal:
      return "SIGNAL " + number + "\n";
    case RankMessage::Kind::kFail:
      return "FAIL " + number + " " + message.text + "\n";
  }
  return {};
}

std::optional<RankMessage> parse_message(std::string_view line) {
  if (std::any_of(line.begin(), line.end(), is_control)) return std::nullopt;
  RankMessage message;
  constexpr std::string_view kUnboundWord = "UNBOUND ";
  if (line.starts_with(kUnboundWord) && line.size() > kUnboundWord.size()) {
    message.kind = RankMessage::Kind::kUnbound;
    message.text = line.substr(kUnboundWord.size());
    return message;
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
  std::size_t number_at = 1;
  if (words[0] == "RANK" && words.size() == 4) {
    message.token = words[1];
    message.text = words[3];
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

}  // namespace shipyard::supervise
