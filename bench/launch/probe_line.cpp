#include "bench/launch/probe_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace shipyard::bench {
namespace {

constexpr std::string_view kMark = "shipyard-launch-probe ";

/// A program that measures nothing longer: eleven days.
constexpr std::int64_t kLongest = 1'000'000'000'000'000;

/// Reads the words from the front; remembers that one was wrong.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  std::string_view word() {
    const auto blank = text_.find(' ');
    good_ = good_ && blank != 0 && blank != std::string_view::npos;
    if (!good_) return {};
    const auto word = text_.substr(0, blank);
    text_.remove_prefix(blank + 1);
    return word;
  }
  template <typename Number>
  void number(Number& target, std::int64_t least, std::int64_t most) {
    const auto text = word();
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), target);
    good_ = good_ && failure == std::errc{} && end == text.data() + text.size() && target >= least &&
            target <= most;
  }
  [[nodiscard]] std::string_view rest() const { return text_; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view text_;
  bool good_ = true;
};

/// Without what a terminal would act on.
std::string printable(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      '?');
  return result;
}

std::optional<ProbeFacts> parse(std::string_view line) {
  constexpr int kMost = 1'000'000'000;
  ProbeFacts facts;
  Words words(line);
  facts.machine = printable(words.word());
  words.number(facts.main, 0, 1000 * kLongest);
  for (auto* time : {&facts.init, &facts.message, &facts.done, &facts.finalize})
    words.number(*time, 0, kLongest);
  for (auto* number : {&facts.ranks, &facts.nodes, &facts.machines}) words.number(*number, 1, kMost);
  if (!words.good()) return std::nullopt;
  facts.mpi_library = printable(words.rest());
  return facts;
}

}  // namespace

std::string format_probe_line(const ProbeFacts& facts) {
  return fmt::format("{}{} {} {} {} {} {} {} {} {} {}\n", kMark, facts.machine, facts.main, facts.init,
                     facts.message, facts.done, facts.finalize, facts.ranks, facts.nodes, facts.machines,
                     facts.mpi_library);
}

Result<ProbeFacts> find_probe_line(std::string_view output) {
  std::size_t lines = 0;
  std::string_view line;
  for (auto at = output.find(kMark); at != std::string_view::npos; at = output.find(kMark, at)) {
    at += kMark.size();
    line = output.substr(at, output.find('\n', at) - at);
    ++lines;
  }
  if (lines == 0)
    return Error{Error::Code::kSystem,
                 "it ended well, without a word of rank 0",
                 "the command starts the program behind it, and passes its output on",
                 {}};
  if (lines > 1)
    return Error{Error::Code::kMpi,
                 fmt::format("{} processes are rank 0, each of its own job", lines),
                 "the launcher is of another MPI than this program was built with",
                 {}};
  if (line.ends_with('\r')) line.remove_suffix(1);  // through a terminal
  const auto facts = parse(line);
  if (!facts)
    return Error{Error::Code::kSystem,
                 "what rank 0 says cannot be read",
                 "the program on every node is of the same version as this one",
                 {}};
  return *facts;
}

}  // namespace shipyard::bench
