#include "launcher/rank/rank_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/ascii.hpp"
#include "base/cpu_list.hpp"

// The text has to pass mpirun's -x, a shell script and execve(2), which takes 128 KiB a variable
// (MAX_ARG_STRLEN). So: no blanks, quotes or semicolons, and nothing is said twice.
//
//   table    = "1/" runs "/" layout … ;            each layout ends with "/"; "1" is the format
//   runs     = run { "," run } ;
//   run      = LAYOUT [ "x" NODES ] ;              "0x100,1": a hundred nodes with the first layout, then one
//   layout   = USABLE { ":" rank } "/" ;           CPU lists, cpuset(7)
//   rank     = CPUS [ "+" [ setting { "+" setting } ] ] ;   no "+": settings as of the rank before it
//   setting  = NAME "=" VALUE ;                    VALUE: all but letters, digits and "_-.," as %XX
//
// "1/0x2/0-7:0-3+OMP_NUM_THREADS=4:4-7/": two nodes with two ranks of four CPUs each.

namespace shipyard::rank {
namespace {

constexpr std::string_view kFormat = "1/";
constexpr int kMost = 1 << 20;  // nodes, layouts: keeps sums of ranks far from overflow
constexpr std::string_view kHexadecimal = "0123456789ABCDEF";

bool is_of_name(char c) { return is_alphanumeric(c) || c == '_'; }
bool is_plain(char c) { return is_of_name(c) || c == '-' || c == '.' || c == ','; }

void append_settings(std::string& text, const RankSettings& rank) {
  text += '+';
  bool first = true;
  for (const auto& [name, value] : rank.variables) {
    if (!first) text += '+';
    first = false;
    text += name;
    text += '=';
    for (char c : value) {
      if (is_plain(c)) {
        text += c;
      } else {
        const auto byte = static_cast<unsigned char>(c);
        text += {'%', kHexadecimal[byte / 16], kHexadecimal[byte % 16]};
      }
    }
  }
}

/// Reads the text from front to back, and remembers the first place where it is not what it should be.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  /// Up to the next separator or the end.
  std::string_view take_word(std::string_view separators) {
    const std::size_t end = std::min(text_.find_first_of(separators, at_), text_.size());
    const std::size_t begin = std::exchange(at_, end);
    return text_.substr(begin, end - begin);
  }
  bool take_number(int& number, int least, int most) {
    const char* const begin = text_.data() + at_;
    auto [end, failure] = std::from_chars(begin, text_.data() + text_.size(), number);
    if (failure != std::errc{} || number < least || number > most || *begin == '-' ||
        (*begin == '0' && end - begin > 1))
      return false;
    at_ += static_cast<std::size_t>(end - begin);
    return true;
  }
  bool expected(std::string_view what) {
    if (what_.empty()) what_ = what;
    return false;
  }
  void move_to(std::size_t offset) { at_ = offset; }
  [[nodiscard]] std::size_t offset() const { return at_; }

  [[nodiscard]] Error error() const {
    Error error = input_error(fmt::format("{}: {} expected", kLayoutVariable, what_));
    error.excerpt = {std::string(text_), at_};
    return error;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view what_;
};

bool read_runs(Reader& reader, std::vector<LayoutTable::Run>& runs) {
  do {
    LayoutTable::Run run;
    if (!reader.take_number(run.layout, 0, kMost)) return reader.expected("the number of a layout");
    if (reader.take('x') && !reader.take_number(run.nodes, 2, kMost))
      return reader.expected("a number of nodes");
    runs.push_back(run);
  } while (reader.take(','));
  return reader.take('/') || reader.expected("',' or '/'");
}

/// The CPU list and the settings of one rank; `settings` keeps its value where the rank has none of its own.
struct RankText {
  std::string_view cpus;
  std::string_view settings;
};

bool is_value(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_plain(text[i])) continue;
    if (text[i] != '%' || i + 2 >= text.size()) return false;
    const auto high = kHexadecimal.find(text[i + 1]);
    const auto low = kHexadecimal.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    const auto c = static_cast<char>(high * 16 + low);
    if (c == '\0' || is_plain(c)) return false;
    i += 2;
  }
  return true;
}

bool is_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  return equals != std::string_view::npos && !name.empty() && !is_digit(name[0]) &&
         std::all_of(name.begin(), name.end(), is_of_name) && is_value(text.substr(equals + 1));
}

bool read_rank(Reader& reader, RankText& rank) {
  const std::size_t begin = reader.offset();
  rank.cpus = reader.take_word(":+/");
  if (!is_cpu_list(rank.cpus)) return reader.move_to(begin), reader.expected("a list of CPUs");
  if (!reader.next_is('+')) return true;
  const std::size_t settings = reader.offset();
  rank.settings = reader.take_word(":/");
  reader.move_to(settings);
  while (reader.take('+')) {
    const std::size_t word_begin = reader.offset();
    const std::string_view word = reader.take_word(":+/");
    const bool none = word.empty() && rank.settings.size() == 1;
    if (!none && !is_setting(word)) {
      reader.move_to(word_begin);
      return reader.expected("NAME=VALUE");
    }
  }
  return true;
}

struct LayoutText {
  std::string_view usable;
  std::size_t ranks_begin = 0;
  std::int64_t ranks = 0;
};

bool read_layout(Reader& reader, LayoutText& layout) {
  const std::size_t begin = reader.offset();
  layout.usable = reader.take_word(":/");
  if (!is_cpu_list(layout.usable)) return reader.move_to(begin), reader.expected("a list of CPUs");
  layout.ranks_begin = reader.offset();
  RankText rank;
  for (; reader.take(':'); ++layout.ranks) {
    if (!read_rank(reader, rank)) return false;
  }
  return reader.take('/') || reader.expected("':' or '/'");
}

/// `text`: what read_rank accepted, "+NAME=VALUE".
void decode_settings(std::string_view text, RankSettings& settings) {
  while (text.size() > 1) {
    text.remove_prefix(1);
    const std::string_view word = text.substr(0, text.find('+'));
    text.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    std::string value;
    for (std::size_t i = equals + 1; i < word.size(); ++i) {
      if (word[i] != '%') {
        value += word[i];
        continue;
      }
      value += static_cast<char>(kHexadecimal.find(word[i + 1]) * 16 + kHexadecimal.find(word[i + 2]));
      i += 2;
    }
    settings.variables.emplace_back(word.substr(0, equals), std::move(value));
  }
}

}  // namespace

std::string format_layout_table(const LayoutTable& table) {
  std::string text(kFormat);
  for (std::size_t i = 0; i < table.runs.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(table.runs[i].layout);
    if (table.runs[i].nodes != 1) text += 'x' + std::to_string(table.runs[i].nodes);
  }
  text += '/';
  for (const auto& layout : table.layouts) {
    text += layout.usable;
    const RankSettings none;
    const RankSettings* former = &none;
    for (const auto& rank : layout.ranks) {
      text += ':';
      text += rank.cpus;
      if (rank.variables != former->variables) append_settings(text, rank);
      former = &rank;
    }
    text += '/';
  }
  return text;
}

Result<RankSettings> find_rank_settings(std::string_view table, int rank) {
  if (!table.starts_with(kFormat)) {
    return input_error(fmt::format("{} is of another version of shipyard-mpirun", kLayoutVariable),
                       "the same version must be installed on every node");
  }
  Reader reader(table);
  reader.move_to(kFormat.size());
  std::vector<LayoutTable::Run> runs;
  if (!read_runs(reader, runs)) return reader.error();
  // All of it is looked at, and nothing kept: a text that was cut off or garbled must not pass for another.
  std::vector<LayoutText> layouts;
  while (!reader.at_end()) {
    if (!read_layout(reader, layouts.emplace_back())) return reader.error();
  }
  std::int64_t before = 0;  // ranks of the runs passed
  const LayoutText* found = nullptr;
  std::int64_t index = 0;  // on its node
  for (const auto& run : runs) {
    if (static_cast<std::size_t>(run.layout) >= layouts.size()) {
      return input_error(fmt::format("{}: there is no layout {}, but {} in all", kLayoutVariable, run.layout,
                                     layouts.size()));
    }
    const LayoutText& layout = layouts[static_cast<std::size_t>(run.layout)];
    const std::int64_t ranks = layout.ranks * run.nodes;
    if (rank >= before && rank < before + ranks) {
      found = &layout;
      index = (rank - before) % layout.ranks;
    }
    before += ranks;
  }
  if (found == nullptr) {
    return input_error(fmt::format("{} has no rank {}, but {} rank{}", kLayoutVariable, rank, before,
                                   before == 1 ? "" : "s"));
  }
  RankText text;
  reader.move_to(found->ranks_begin);
  for (std::int64_t i = 0; i <= index; ++i) {
    reader.take(':');
    (void)read_rank(reader, text);
  }
  RankSettings settings;
  settings.cpus = text.cpus;
  settings.usable = found->usable;
  decode_settings(text.settings, settings);
  return settings;
}

}  // namespace shipyard::rank
