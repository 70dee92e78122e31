#include "launcher/topology_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace shipyard::launcher {
namespace {

using topology::NodeLayout;
using topology::NodeTopology;

constexpr int kMinColumns = 40;
constexpr int kMaxColumns = 200;
/// Longer lists of the ranks on one core stand below the drawing.
constexpr std::size_t kMaxLabel = 11;

struct Glyphs {
  const char* border;  // of a cache
  const char* cut;     // where a cache goes on in another line
  const char* begin;   // of a rank over several cores
  const char* end;
  const char* fill;
  const char* from;  // the rank comes from another cache, or goes on there
  const char* to;
  const char* from_domain;  // the same for another NUMA domain
  const char* to_domain;
  const char* idle;
  const char* open;  // for any rank
  const char* rule;
  const char* dot;
  const char* times;
  const char* dots;
};
// Characters that are one column wide in every terminal but those set up for East Asian text of old (Unicode
// Standard Annex 11), and that the Linux console's font has.
constexpr Glyphs kUnicode = {"│", "┊", "├", "┤", "─", "◄", "►", "«", "»", "○", "~", "─", " · ", "×", "…"};
constexpr Glyphs kAscii = {"|", ":", "[", "]", "-", "<", ">", "{", "}", ".", "~", "-", ", ", "x", "..."};

constexpr const char* kDim = "2";
constexpr const char* kBold = "1";
/// For neighbouring ranks; without red, which means an error.
constexpr std::array<const char*, 5> kRankColours = {"36", "32", "33", "35", "34"};

/// Our own text: every character is one column.
int width_of(std::string_view text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Text from outside: bytes that a terminal would act on, or show wider than a column, become `?`.
std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) continue;
    result += byte < 0x20 || byte >= 0x7F ? '?' : c;
  }
  return result;
}

std::string repeated(const char* glyph, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += glyph;
  return result;
}

/// Text that knows its width on the screen, colours apart.
class Line {
 public:
  explicit Line(bool colour) : colour_(colour) {}

  void put(std::string_view text, const char* colour = nullptr) {
    width_ += width_of(text);
    if (colour_ && colour != nullptr && !text.empty()) {
      text_ += fmt::format("\033[{}m{}\033[0m", colour, text);
    } else {
      text_ += text;
    }
  }
  void pad_to(int column) { put(std::string(static_cast<std::size_t>(std::max(0, column - width_)), ' ')); }
  [[nodiscard]] int width() const { return width_; }
  /// Without blanks at the end.
  [[nodiscard]] std::string text() const { return text_.substr(0, text_.find_last_not_of(' ') + 1) + "\n"; }

 private:
  bool colour_;
  int width_ = 0;
  std::string text_;
};

/// Items in as many lines as they need, broken between them; one that is too long by itself is shortened.
std::vector<std::string> flow(const std::vector<std::string>& items, const std::string& separator,
                              int columns, const Glyphs& glyphs) {
  std::vector<std::string> lines;
  for (const auto& whole : items) {
    std::string item = whole;
    if (width_of(item) > columns) {
      const int room = columns - width_of(glyphs.dots);
      while (width_of(item) > room) item.pop_back();
      // Of a character whose first byte is gone with it, or not.
      while (!item.empty() && (static_cast<unsigned char>(item.back()) & 0x80U) != 0) item.pop_back();
      item += glyphs.dots;
    }
    if (lines.empty() || width_of(lines.back()) + width_of(separator) + width_of(item) > columns) {
      lines.push_back(item);
    } else {
      lines.back() += separator + item;
    }
  }
  return lines;
}

/// Numbers in the kernel's list format with strides (taskset(1)): "0-5", "0-14:2", "0,64"; `values`
/// ascending.
std::string list_text(const std::vector<int>& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t last = i;
    const int step = i + 1 < values.size() ? values[i + 1] - values[i] : 0;
    while (last + 1 < values.size() && values[last + 1] - values[last] == step) ++last;
    // Two numbers are a range only where they are neighbours.
    if (step != 1 && last == i + 1) last = i;
    if (!text.empty()) text += ',';
    if (last == i) {
      text += fmt::format("{}", values[i]);
    } else {
      text += fmt::format("{}-{}", values[i], values[last]);
      if (step != 1) text += fmt::format(":{}", step);
    }
    i = last + 1;
  }
  return text;
}

std::string count_text(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", list_text(ranks));
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && value >= 1024) {
    value /= 1024;
    ++unit;
  }
  // A node's memory lacks what the kernel keeps for itself: 62.7 GiB, but 448 GiB.
  return value < 99.95 && value - static_cast<double>(static_cast<int>(value)) >= 0.05
             ? fmt::format("{:.1f} {}", value, kUnits[unit])
             : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

/// "Intel(R) Xeon(R) Platinum 8168 CPU @ 2.70GHz" is known as Intel Xeon Platinum 8168. The number of cores
/// in a model's name is the whole chip's, which the cores of a virtual machine are not.
std::string short_model(const std::string& model) {
  std::vector<std::string> words;
  std::string text = printable(model);
  for (std::string_view mark : {"(R)", "(r)", "(TM)", "(tm)"}) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark))
      text.erase(at, mark.size());
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::string result;
  for (const auto& word : words) {
    if (word == "@") break;
    if (word == "CPU" || word == "Processor" || word.ends_with("-Core")) continue;
    if (!result.empty()) result += ' ';
    result += word;
  }
  return result;
}

const char* cache_name(int level) { return level == 3 ? "L3" : level == 2 ? "L2" : "NUMA domain"; }

/// What has one place in the drawing: a core, or a hardware thread where ranks share cores' threads.
struct Unit {
  std::vector<int> cpus;
  std::vector<int> ranks;  // on the node, ascending
  int core = 0;
  int numa = 0;
  int cache = 0;
  int kind = 0;
  bool first_of_core = true;
};

/// Units of one cache and kind in a row, from `begin` to before `end`.
struct Piece {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool cut_left = false;  // the cache's units before these stand in another line
  bool cut_right = false;
};
using Row = std::vector<Piece>;

/// The rows of one NUMA domain.
struct DomainRows {
  int numa = 0;
  std::vector<Row> rows;
};

class NodeMap {
 public:
  NodeMap(const NodeTopology& node, const NodeLayout& layout, int first_rank, const MapStyle& style)
      : node_(node),
        layout_(layout),
        first_rank_(first_rank),
        style_(style),
        glyphs_(style.unicode ? kUnicode : kAscii) {
    find_units();
    find_neighbours();
    arrange();
  }

  std::string draw() {
    std::string text = header();
    text += table_head();
    int package = -1;
    for (const auto& domain : domains_) {
      const int of_domain = package_of(domain);
      if (node_.packages.size() > 1 && of_domain != package) {
        text += package_rule(of_domain);
        text += devices(
            [&](const std::set<int>& near) { return near.size() > 1 && all_in_package(near, of_domain); });
      }
      package = of_domain;
      for (std::size_t i = 0; i < domain.rows.size(); ++i) text += row_text(domain, i);
      text += devices([&](const std::set<int>& near) { return near == std::set<int>{domain.numa}; },
                      domain_memory(domain.numa));
    }
    text += devices_elsewhere();
    for (const auto& note : notes_) text += lines_of({note}, glyphs_.dot, 0);
    return text + legend();
  }

 private:
  [[nodiscard]] std::vector<int> named(const std::vector<int>& ranks) const {
    std::vector<int> result;
    for (int rank : ranks) result.push_back(first_rank_ + rank);
    return result;
  }

  /// Ranks share a core's threads where each has some of them for itself.
  [[nodiscard]] bool shares_threads(const std::vector<std::vector<int>>& ranks_of_core) const {
    for (std::size_t core = 0; core < node_.cores.size(); ++core) {
      if (ranks_of_core[core].size() < 2) continue;
      for (int cpu : node_.cores[core].hardware_threads) {
        const auto holders = std::count_if(ranks_of_core[core].begin(), ranks_of_core[core].end(),
                                           [&](int r) { return may_use(r, cpu); });
        if (holders > 1) return false;
      }
      return true;
    }
    return false;
  }

  [[nodiscard]] bool may_use(int rank, int cpu) const {
    const auto& cpus = layout_.ranks[static_cast<std::size_t>(rank)].cpus;
    return std::binary_search(cpus.begin(), cpus.end(), cpu);
  }

  void find_units() {
    std::vector<std::vector<int>> ranks_of_core(node_.cores.size());
    if (layout_.bound) {
      for (std::size_t rank = 0; rank < layout_.ranks.size(); ++rank) {
        for (int core : layout_.ranks[rank].cores) {
          ranks_of_core[static_cast<std::size_t>(core)].push_back(static_cast<int>(rank));
        }
      }
    }
    threads_ = shares_threads(ranks_of_core);
    for (std::size_t index = 0; index < node_.cores.size(); ++index) {
      const auto& core = node_.cores[index];
      Unit unit{core.hardware_threads,
                ranks_of_core[index],
                static_cast<int>(index),
                core.numa,
                core.cache,
                core.kind};
      hybrid_ = hybrid_ || core.kind != node_.cores[0].kind;
      many_kinds_ = many_kinds_ || core.kind > 1;
      if (!threads_) {
        units_.push_back(std::move(unit));
        continue;
      }
      for (int cpu : core.hardware_threads) {
        Unit thread = unit;
        thread.cpus = {cpu};
        thread.first_of_core = cpu == core.hardware_threads.front();
        std::erase_if(thread.ranks, [&](int rank) { return !may_use(rank, cpu); });
        units_.push_back(std::move(thread));
      }
    }
  }

  /// Before and behind each unit the next one of the same (first) rank, wherever it is.
  void find_neighbours() {
    before_.assign(units_.size(), -1);
    behind_.assign(units_.size(), -1);
    std::map<int, std::size_t> last;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (units_[i].ranks.empty()) continue;
      auto [found, is_new] = last.try_emplace(units_[i].ranks.front(), i);
      if (is_new) continue;
      before_[i] = static_cast<int>(found->second);
      behind_[found->second] = static_cast<int>(i);
      found->second = i;
    }
  }

  // --- arrangement: how wide a unit is, and what stands in which line

  [[nodiscard]] int gap_before(std::size_t unit) const {
    return threads_ && units_[unit].first_of_core ? 2 : 1;
  }
  [[nodiscard]] int piece_width(std::size_t begin, std::size_t end, int cell) const {
    int width = 0;
    for (std::size_t i = begin; i < end; ++i) width += cell + (i == begin ? 0 : gap_before(i));
    return width;
  }
  [[nodiscard]] int row_width(const Row& row, int cell) const {
    int width = 1;
    for (const auto& piece : row) width += piece_width(piece.begin, piece.end, cell) + 1;
    return width;
  }

  /// Units of one cache and kind, in as many lines of equal length as they need.
  void split(Piece whole, int cell, int room, std::vector<Piece>& pieces) const {
    std::size_t fit = 0;
    while (whole.begin + fit < whole.end &&
           piece_width(whole.begin, whole.begin + fit + 1, cell) + 2 <= room) {
      ++fit;
    }
    fit = std::max<std::size_t>(fit, 1);
    const std::size_t count = whole.end - whole.begin;
    const std::size_t lines = (count + fit - 1) / fit;
    const std::size_t each = (count + lines - 1) / lines;
    for (std::size_t begin = whole.begin; begin < whole.end;) {
      std::size_t end = std::min(begin + each, whole.end);
      // A core's threads stay together.
      std::size_t core = end;
      while (core < whole.end && core > begin && !units_[core].first_of_core) --core;
      if (core > begin) end = core;
      pieces.push_back(
          {begin, end, begin > whole.begin || whole.cut_left, end < whole.end || whole.cut_right});
      begin = end;
    }
  }

  /// Whole caches side by side, as many in each row but the last.
  void pack(const std::vector<Piece>& pieces, int cell, int room, std::vector<Row>& rows) const {
    const auto in_rows_of = [&](std::size_t most) {
      std::vector<Row> result;
      for (const auto& piece : pieces) {
        if (!result.empty() && result.back().size() < most) {
          result.back().push_back(piece);
          if (row_width(result.back(), cell) <= room) continue;
          result.back().pop_back();
        }
        result.push_back({piece});
      }
      return result;
    };
    auto packed = in_rows_of(pieces.size());
    if (packed.size() > 1) {
      auto even = in_rows_of((pieces.size() + packed.size() - 1) / packed.size());
      if (even.size() == packed.size()) packed = std::move(even);
    }
    rows.insert(rows.end(), packed.begin(), packed.end());
  }

  [[nodiscard]] std::vector<DomainRows> rows_with(int cell, int room) const {
    std::vector<DomainRows> domains;
    std::vector<Piece> waiting;
    const auto place = [&] {
      if (!waiting.empty()) pack(waiting, cell, room, domains.back().rows);
      waiting.clear();
    };
    for (std::size_t begin = 0; begin < units_.size();) {
      const Unit& first = units_[begin];
      std::size_t end = begin + 1;
      while (end < units_.size() && units_[end].numa == first.numa && units_[end].cache == first.cache &&
             units_[end].kind == first.kind) {
        ++end;
      }
      const bool same_domain = begin > 0 && units_[begin - 1].numa == first.numa;
      if (!same_domain || units_[begin - 1].kind != first.kind) place();
      if (!same_domain) domains.push_back({first.numa, {}});
      Piece whole{begin, end, same_domain && units_[begin - 1].cache == first.cache,
                  end < units_.size() && units_[end].numa == first.numa && units_[end].cache == first.cache};
      std::vector<Piece> pieces;
      split(whole, cell, room, pieces);
      if (pieces.size() == 1) {
        waiting.push_back(pieces.front());
      } else {
        place();
        for (const auto& piece : pieces) domains.back().rows.push_back({piece});
      }
      begin = end;
    }
    place();
    return domains;
  }

  static std::size_t count_rows(const std::vector<DomainRows>& domains) {
    std::size_t count = 0;
    for (const auto& domain : domains) count += domain.rows.size();
    return count;
  }

  void arrange() {
    const int columns = style_.columns;
    const int most = std::max(11, columns / 5);
    int needed = 4;
    do {
      cpu_columns_ = needed;
      arrange_in(columns - body_column());
      for (const auto& domain : domains_) {
        for (const auto& row : domain.rows) {
          for (const auto& line : cpus_of(row, most)) needed = std::max(needed, width_of(line));
        }
      }
    } while (needed > cpu_columns_);
  }

  void arrange_in(int room) {
    int cell = 1;
    domains_ = rows_with(cell, room);
    while (!labels_fit(domains_, cell) && cell < room - 2) domains_ = rows_with(++cell, room);
    cell_ = cell;
    // Room that would stay empty makes the drawing easier to read, unless it becomes longer by it.
    for (int wider = cell + 1; wider <= std::max(cell + 1, 3); ++wider) {
      auto airy = rows_with(wider, room);
      if (count_rows(airy) > count_rows(domains_) || !labels_fit(airy, wider)) break;
      domains_ = std::move(airy);
      cell_ = wider;
    }
  }

  [[nodiscard]] bool labels_fit(const std::vector<DomainRows>& domains, int cell) const {
    for (const auto& domain : domains) {
      for (const auto& row : domain.rows) {
        for (const auto& piece : row) {
          for (std::size_t begin = piece.begin; begin < piece.end;) {
            const std::size_t end = run_end(piece, begin);
            const int marks = end - begin > 1 ? 2 : crosses(before_, begin) + crosses(behind_, begin);
            if (!units_[begin].ranks.empty() &&
                width_of(label(begin)) + marks > piece_width(begin, end, cell)) {
              return false;
            }
            begin = end;
          }
        }
      }
    }
    return true;
  }

  /// Units next to each other with the same ranks; each idle one for itself.
  [[nodiscard]] std::size_t run_end(const Piece& piece, std::size_t begin) const {
    std::size_t end = begin + 1;
    while (!units_[begin].ranks.empty() && end < piece.end && units_[end].ranks == units_[begin].ranks) ++end;
    return end;
  }

  [[nodiscard]] bool crosses(const std::vector<int>& neighbour, std::size_t unit) const {
    const int other = neighbour[unit];
    return other >= 0 && (units_[static_cast<std::size_t>(other)].cache != units_[unit].cache ||
                          units_[static_cast<std::size_t>(other)].numa != units_[unit].numa);
  }

  [[nodiscard]] std::string label(std::size_t unit) const {
    const auto& ranks = units_[unit].ranks;
    std::string text = list_text(named(ranks));
    return text.size() <= kMaxLabel || ranks.size() == 1 ? text
                                                         : fmt::format("{}{}", glyphs_.times, ranks.size());
  }

  // --- drawing

  [[nodiscard]] int body_column() const { return 4 + 1 + cpu_columns_ + 1; }

  [[nodiscard]] std::string lines_of(const std::vector<std::string>& items, const std::string& separator,
                                     int indent) const {
    std::string text;
    for (const auto& line : flow(items, separator, style_.columns - indent, glyphs_)) {
      text += std::string(static_cast<std::size_t>(indent), ' ') + line + "\n";
    }
    return text;
  }

  [[nodiscard]] std::string header() const {
    std::vector<std::string> items;
    std::set<std::string> models;
    for (const auto& package : node_.packages) models.insert(package.model);
    const bool one_model = models.size() == 1 && !models.begin()->empty();
    if (one_model && node_.packages.size() == 1) {
      items.push_back(short_model(*models.begin()));
    } else if (one_model) {
      items.push_back(
          fmt::format("{} {} {}", node_.packages.size(), glyphs_.times, short_model(*models.begin())));
    } else {
      items.push_back(count_text(node_.packages.size(), "package"));
    }
    std::set<std::size_t> threads;
    for (const auto& core : node_.cores) threads.insert(core.hardware_threads.size());
    std::string cores = count_text(node_.cores.size(), "core");
    if (threads.size() == 1 && *threads.begin() > 1) cores += fmt::format(" of {} threads", *threads.begin());
    items.push_back(cores);

    std::vector<std::uint64_t> memories;
    for (const auto& domain : node_.numa_domains) memories.push_back(domain.memory_bytes);
    items.push_back(fmt::format("{} NUMA{}", memories.size(), sizes_text(memories)));
    std::map<int, std::vector<std::uint64_t>> caches;
    for (const auto& cache : node_.caches) caches[cache.level].push_back(cache.bytes);
    for (int level : {3, 2}) {
      if (auto found = caches.find(level); found != caches.end()) {
        items.push_back(fmt::format("{} L{}{}", found->second.size(), level, sizes_text(found->second)));
      }
    }
    if (!node_.gpus.empty()) items.push_back(count_text(node_.gpus.size(), "GPU"));
    std::string text = lines_of(items, glyphs_.dot, 0);
    if (style_.colour) text = fmt::format("\033[{}m{}\033[0m\n", kBold, text.substr(0, text.size() - 1));
    return text + lines_of(summary(), glyphs_.dot, 0) + "\n";
  }

  /// " of 96 MiB", or the sum where they differ.
  static std::string sizes_text(const std::vector<std::uint64_t>& sizes) {
    std::uint64_t sum = 0;
    for (auto size : sizes) sum += size;
    if (sum == 0) return {};
    const auto [least, largest] = std::minmax_element(sizes.begin(), sizes.end());
    if (bytes_text(*least) == bytes_text(*largest)) return " of " + bytes_text(*least);
    return fmt::format(", {} together", bytes_text(sum));
  }

  [[nodiscard]] std::vector<std::string> summary() const {
    if (layout_.ranks.empty()) return {"no rank"};
    std::vector<int> all;
    for (std::size_t rank = 0; rank < layout_.ranks.size(); ++rank) {
      all.push_back(first_rank_ + static_cast<int>(rank));
    }
    const std::string ranks = ranks_text(all);
    if (!layout_.bound) {
      return {ranks + ", not bound: any of them may run on any of these cores"};
    }
    std::vector<std::string> items;
    std::size_t least = SIZE_MAX;
    std::size_t most = 0;
    for (const auto& rank : layout_.ranks) {
      const std::size_t size = threads_ ? rank.cpus.size() : rank.cores.size();
      least = std::min(least, size);
      most = std::max(most, size);
    }
    const char* unit = threads_ ? "hardware thread" : "core";
    std::string size =
        least == most ? count_text(least, unit) : fmt::format("{} to {}", least, count_text(most, unit));
    items.push_back(fmt::format("{}, {}{}", ranks, size, all.size() > 1 ? " each" : ""));
    if (std::any_of(units_.begin(), units_.end(), [](const Unit& u) { return u.ranks.size() > 1; })) {
      items.emplace_back("ranks share cores");
    }
    const auto usable = static_cast<std::size_t>(layout_.usable_cores);
    if (layout_.idle_cores > 0) {
      items.push_back(fmt::format("{} of {} idle", layout_.idle_cores, count_text(usable, "core")));
    }
    if (usable > 0 && usable < node_.cores.size()) {
      const bool quota = node_.cpu_quota && static_cast<std::size_t>(*node_.cpu_quota) <= usable;
      items.push_back(fmt::format("{} not used ({})", count_text(node_.cores.size() - usable, "core"),
                                  quota ? "CPU quota" : "slower"));
    }
    const auto spans = span_items();
    items.insert(items.end(), spans.begin(), spans.end());
    if (auto bound = binding_item(); !bound.empty()) items.push_back(bound);
    return items;
  }

  [[nodiscard]] std::vector<std::string> span_items() const {
    std::vector<int> over_domains;
    std::vector<int> over_caches;
    int level = 0;
    for (std::size_t rank = 0; rank < layout_.ranks.size(); ++rank) {
      std::set<int> domains;
      std::set<int> caches;
      for (int index : layout_.ranks[rank].cores) {
        const auto& core = node_.cores[static_cast<std::size_t>(index)];
        domains.insert(core.numa);
        caches.insert(core.cache);
        level = std::max(level, node_.caches[static_cast<std::size_t>(core.cache)].level);
      }
      if (domains.size() > 1) {
        over_domains.push_back(first_rank_ + static_cast<int>(rank));
      } else if (caches.size() > 1) {
        over_caches.push_back(first_rank_ + static_cast<int>(rank));
      }
    }
    std::vector<std::string> items;
    const auto add = [&](const std::vector<int>& ranks, const std::string& what) {
      if (ranks.empty()) return;
      std::string who = ranks_text(ranks);
      // A long list says less than its length.
      if (ranks.size() == layout_.ranks.size() && ranks.size() > 1) who = "each";
      if (who.size() > 24) who = count_text(ranks.size(), "rank");
      items.push_back(fmt::format("{} over several {}", who, what));
    };
    add(over_domains, "NUMA domains");
    add(over_caches, cache_name(level) + std::string(level == 0 ? "s" : ""));
    return items;
  }

  /// Where the CPUs that a rank is bound to are not just its own cores.
  [[nodiscard]] std::string binding_item() const {
    bool wider = false;
    bool one_thread = false;
    bool in_cache = true;
    bool in_domain = true;
    bool in_package = true;
    for (const auto& rank : layout_.ranks) {
      std::set<int> own;
      std::set<int> caches;
      std::set<int> domains;
      std::set<int> packages;
      for (int index : rank.cores) {
        const auto& core = node_.cores[static_cast<std::size_t>(index)];
        own.insert(core.hardware_threads.begin(), core.hardware_threads.end());
        caches.insert(core.cache);
        domains.insert(core.numa);
        packages.insert(core.package);
      }
      if (std::any_of(rank.cpus.begin(), rank.cpus.end(), [&](int cpu) { return !own.contains(cpu); })) {
        wider = true;
      } else if (!threads_ && rank.cpus.size() < own.size()) {
        one_thread = true;
      }
      for (const auto& core : node_.cores) {
        for (int cpu : core.hardware_threads) {
          if (!std::binary_search(rank.cpus.begin(), rank.cpus.end(), cpu)) continue;
          in_cache = in_cache && caches.contains(core.cache);
          in_domain = in_domain && domains.contains(core.numa);
          in_package = in_package && packages.contains(core.package);
        }
      }
    }
    if (wider) {
      const int level = node_.caches.empty() ? 0 : node_.caches.front().level;
      return fmt::format("each may move within its {}", in_cache && level != 0 ? cache_name(level)
                                                        : in_domain            ? "NUMA domain"
                                                        : in_package           ? "package"
                                                                               : "node");
    }
    return one_thread ? "on one hardware thread of each core" : "";
  }

  [[nodiscard]] std::string table_head() const {
    std::set<int> levels;
    for (const auto& cache : node_.caches) levels.insert(cache.level);
    std::string by;
    if (levels.size() == 1 && *levels.begin() != 0) by = fmt::format(", by {}", cache_name(*levels.begin()));
    Line line(style_.colour);
    line.put("NUMA CPUs", kDim);
    line.pad_to(body_column());
    std::string caption = fmt::format("rank on each {}{}", threads_ ? "hardware thread" : "core", by);
    line.put(flow({caption}, "", style_.columns - line.width(), glyphs_).front(), kDim);
    return line.text();
  }

  [[nodiscard]] std::string package_rule(int package) const {
    std::string title = fmt::format(" package {} ", package);
    std::set<std::string> models;
    for (const auto& other : node_.packages) models.insert(other.model);
    const auto& model = node_.packages[static_cast<std::size_t>(package)].model;
    if (models.size() > 1 && !model.empty()) title += short_model(model) + " ";
    int width = 0;
    for (const auto& domain : domains_) {
      for (const auto& row : domain.rows) width = std::max(width, body_column() + row_width(row, cell_));
    }
    title = flow({title}, "", style_.columns - 4, glyphs_).front();
    Line line(style_.colour);
    line.put(repeated(glyphs_.rule, 2), kDim);
    line.put(title);
    line.put(repeated(glyphs_.rule, std::max(2, width - line.width())), kDim);
    return line.text();
  }

  /// A row's CPU numbers in lines of at most `most` columns, and what kind of core it is on a hybrid CPU.
  [[nodiscard]] std::vector<std::string> cpus_of(const Row& row, int most) const {
    std::vector<int> cpus;
    for (const auto& piece : row) {
      for (std::size_t i = piece.begin; i < piece.end; ++i) {
        cpus.insert(cpus.end(), units_[i].cpus.begin(), units_[i].cpus.end());
      }
    }
    std::sort(cpus.begin(), cpus.end());
    std::vector<std::string> lines(1);
    const std::string text = list_text(cpus);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(',', at), text.size() - 1) + 1;
      const std::string range = text.substr(at, end - at);
      if (!lines.back().empty() && width_of(lines.back() + range) > most) lines.emplace_back();
      lines.back() += range;
      at = end;
    }
    const int kind = units_[row.front().begin].kind;
    if (hybrid_ && (kind > 0 || many_kinds_)) {
      const std::string name = many_kinds_ ? fmt::format("kind {}", kind) : "slow";
      if (width_of(lines.back() + name) + 1 > most) lines.emplace_back();
      lines.back() += (lines.back().empty() ? "" : " ") + name;
    }
    return lines;
  }

  std::string row_text(const DomainRows& domain, std::size_t index) {
    const auto cpus = cpus_of(domain.rows[index], cpu_columns_);
    const int number = node_.numa_domains[static_cast<std::size_t>(domain.numa)].os_index;
    Line line(style_.colour);
    line.put(fmt::format("{:>4} ", index > 0 ? "" : number < 0 ? "-" : std::to_string(number)));
    line.put(cpus.front(), kDim);
    line.pad_to(body_column());
    const Row& row = domain.rows[index];
    line.put(row.front().cut_left ? glyphs_.cut : glyphs_.border, kDim);
    used_cut_ = used_cut_ || row.front().cut_left || row.back().cut_right;
    for (const auto& piece : row) {
      draw_piece(piece, line);
      line.put(piece.cut_right ? glyphs_.cut : glyphs_.border, kDim);
    }
    std::string text = line.text();
    for (std::size_t i = 1; i < cpus.size(); ++i) {
      Line more(style_.colour);
      more.pad_to(5);
      more.put(cpus[i], kDim);
      text += more.text();
    }
    return text;
  }

  void draw_piece(const Piece& piece, Line& line) {
    for (std::size_t begin = piece.begin; begin < piece.end;) {
      if (begin > piece.begin) line.put(std::string(static_cast<std::size_t>(gap_before(begin)), ' '));
      const std::size_t end = run_end(piece, begin);
      const int width = piece_width(begin, end, cell_);
      if (units_[begin].ranks.empty()) {
        line.put(std::string(static_cast<std::size_t>(width - 1), ' '));
        line.put(layout_.bound ? glyphs_.idle : glyphs_.open, kDim);
        (layout_.bound ? used_idle_ : used_open_) = true;
      } else if (end - begin == 1) {
        draw_single(begin, width, line);
      } else {
        draw_bar(begin, end, width, line);
      }
      begin = end;
    }
  }

  /// An arrow where the rank goes on in another cache or NUMA domain, else empty.
  std::string_view mark(const std::vector<int>& neighbour, std::size_t unit) {
    if (!crosses(neighbour, unit)) return {};
    const bool left = &neighbour == &before_;
    if (units_[static_cast<std::size_t>(neighbour[unit])].numa != units_[unit].numa) {
      used_domain_mark_ = true;
      return left ? glyphs_.from_domain : glyphs_.to_domain;
    }
    used_mark_ = true;
    return left ? glyphs_.from : glyphs_.to;
  }

  void draw_single(std::size_t unit, int width, Line& line) {
    const std::string text = fmt::format("{}{}{}", mark(before_, unit), label(unit), mark(behind_, unit));
    line.put(std::string(static_cast<std::size_t>(std::max(0, width - width_of(text))), ' '));
    line.put(text);
    if (units_[unit].ranks.size() == 1 && single_sample_.empty()) single_sample_ = label(unit);
    note_sharing(unit, unit + 1);
  }

  void draw_bar(std::size_t begin, std::size_t end, int width, Line& line) {
    const char* colour =
        kRankColours[static_cast<std::size_t>(units_[begin].ranks.front()) % kRankColours.size()];
    // In the same cache.
    const bool from_line_before = begin > 0 && before_[begin] == static_cast<int>(begin) - 1;
    const bool to_line_behind = behind_[end - 1] == static_cast<int>(end);
    std::string_view left = mark(before_, begin);
    if (left.empty()) left = from_line_before ? glyphs_.fill : glyphs_.begin;
    std::string_view right = mark(behind_, end - 1);
    if (right.empty()) right = to_line_behind ? glyphs_.fill : glyphs_.end;
    std::string name = label(begin);
    const int inner = width - 2;
    if (width_of(name) + 2 <= inner) name = " " + name + " ";
    const int fill = std::max(0, inner - width_of(name));
    line.put(fmt::format("{}{}", left, repeated(glyphs_.fill, fill / 2)), colour);
    line.put(name, kBold);
    line.put(fmt::format("{}{}", repeated(glyphs_.fill, fill - fill / 2), right), colour);
    if (bar_sample_.empty()) bar_sample_ = label(begin);
    note_sharing(begin, end);
  }

  /// Ranks of a core that no cell has room for.
  void note_sharing(std::size_t begin, std::size_t end) {
    const auto& ranks = units_[begin].ranks;
    if (ranks.size() > 1 && shared_sample_.empty()) shared_sample_ = label(begin);
    if (label(begin) == list_text(named(ranks))) return;
    std::vector<int> cpus;
    for (std::size_t i = begin; i < end; ++i) {
      cpus.insert(cpus.end(), units_[i].cpus.begin(), units_[i].cpus.end());
    }
    std::sort(cpus.begin(), cpus.end());
    notes_.push_back(fmt::format("CPU {}: {}", list_text(cpus), ranks_text(named(ranks))));
  }

  // --- devices

  [[nodiscard]] std::set<int> domains_near(const std::vector<int>& cores) const {
    std::set<int> domains;
    for (int core : cores) domains.insert(node_.cores[static_cast<std::size_t>(core)].numa);
    return domains;
  }
  [[nodiscard]] bool all_in_package(const std::set<int>& domains, int package) const {
    return std::all_of(domains.begin(), domains.end(), [&](int domain) {
      return node_.numa_domains[static_cast<std::size_t>(domain)].package == package;
    });
  }
  [[nodiscard]] int package_of(const DomainRows& domain) const {
    return node_.numa_domains[static_cast<std::size_t>(domain.numa)].package;
  }

  [[nodiscard]] std::string gpu_text(std::size_t gpu) const {
    std::vector<int> ranks;
    bool has_owners = false;
    for (std::size_t rank = 0; rank < layout_.ranks.size(); ++rank) {
      has_owners = has_owners || layout_.ranks[rank].gpu >= 0;
      if (layout_.ranks[rank].gpu == static_cast<int>(gpu))
        ranks.push_back(first_rank_ + static_cast<int>(rank));
    }
    if (!has_owners) return fmt::format("GPU {}", gpu);
    return fmt::format("GPU {}: {}", gpu, ranks.empty() ? "no rank" : ranks_text(ranks));
  }

  /// A line with the GPUs and ports whose NUMA domains satisfy `here`.
  template <typename Predicate>
  std::string devices(Predicate here, std::vector<std::string> items = {}) const {
    for (std::size_t gpu = 0; gpu < node_.gpus.size(); ++gpu) {
      if (here(domains_near(node_.gpus[gpu].near_cores))) items.push_back(gpu_text(gpu));
    }
    const char* what = "InfiniBand ";
    for (const auto& port : node_.infiniband_ports) {
      if (here(domains_near(port.near_cores)))
        items.push_back(std::exchange(what, "") + printable(port.name));
    }
    return lines_of(items, glyphs_.dot, body_column() + 1);
  }

  /// What is near to no single domain or package.
  [[nodiscard]] std::string devices_elsewhere() const {
    const bool one_package = node_.packages.size() == 1;
    std::string text;
    for (bool known : {true, false}) {
      const std::string items = devices([&](const std::set<int>& near) {
        if (near.empty()) return !known;
        if (!known || near.size() == 1) return false;
        return one_package ||
               !all_in_package(near, node_.numa_domains[static_cast<std::size_t>(*near.begin())].package);
      });
      if (items.empty()) continue;
      text += lines_of({known ? "near to several NUMA domains:" : "of unknown place:"}, "", 5) + items;
    }
    return text;
  }

  [[nodiscard]] std::vector<std::string> domain_memory(int numa) const {
    const auto& domains = node_.numa_domains;
    const auto bytes = domains[static_cast<std::size_t>(numa)].memory_bytes;
    const bool all_alike = std::all_of(domains.begin(), domains.end(), [&](const auto& domain) {
      return bytes_text(domain.memory_bytes) == bytes_text(bytes);
    });
    return all_alike ? std::vector<std::string>{} : std::vector<std::string>{bytes_text(bytes)};
  }

  [[nodiscard]] std::string legend() const {
    std::set<int> levels;
    for (const auto& cache : node_.caches) levels.insert(cache.level);
    const std::string cache = levels.size() == 1 ? cache_name(*levels.begin()) : "cache";
    const char* unit = threads_ ? "thread" : "core";
    std::vector<std::string> items;
    const auto add = [&](bool used, const std::string& symbol, const std::string& meaning) {
      if (used) items.push_back(symbol + " " + meaning);
    };
    add(!single_sample_.empty(), single_sample_, fmt::format("rank on a {}", unit));
    add(!shared_sample_.empty(), shared_sample_, fmt::format("ranks that share a {}", unit));
    add(!bar_sample_.empty(), fmt::format("{} {} {}", glyphs_.begin, bar_sample_, glyphs_.end),
        fmt::format("rank on several {}s", unit));
    add(used_idle_, glyphs_.idle, fmt::format("idle {}", unit));
    add(used_open_, glyphs_.open, "core open to every rank");
    add(true, glyphs_.border,
        fmt::format("edge of {} {}", cache == "L3" || cache == "L2" ? "an" : "a", cache));
    add(used_cut_, glyphs_.cut, fmt::format("{} goes on in another line", cache));
    add(used_mark_, glyphs_.to, fmt::format("rank goes on in another {}", cache));
    add(used_domain_mark_, glyphs_.to_domain, "rank goes on in another NUMA domain");
    std::string text = lines_of(items, "   ", 0);
    if (style_.colour) text = fmt::format("\033[{}m{}\033[0m\n", kDim, text.substr(0, text.size() - 1));
    return "\n" + text;
  }

  const NodeTopology& node_;
  const NodeLayout& layout_;
  int first_rank_;
  MapStyle style_;
  const Glyphs& glyphs_;

  std::vector<Unit> units_;
  bool threads_ = false;  // units are hardware threads
  bool hybrid_ = false;
  bool many_kinds_ = false;
  std::vector<int> before_;
  std::vector<int> behind_;

  std::vector<DomainRows> domains_;
  int cell_ = 1;         // columns of a unit
  int cpu_columns_ = 4;  // of the CPU numbers

  // What has been drawn, for the legend.
  bool used_idle_ = false;
  bool used_open_ = false;
  bool used_cut_ = false;
  bool used_mark_ = false;
  bool used_domain_mark_ = false;
  std::string single_sample_;
  std::string bar_sample_;
  std::string shared_sample_;
  std::vector<std::string> notes_;
};

MapStyle within_limits(MapStyle style) {
  style.columns = std::clamp(style.columns, kMinColumns, kMaxColumns);
  return style;
}

}  // namespace

MapStyle map_style(const Environment& environment, bool is_terminal) {
  const bool dumb = environment.get("TERM") == std::string_view("dumb");
  std::string_view locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!environment.has(name)) continue;
    locale = *environment.get(name);
    break;
  }
  std::string lower(locale);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool utf8 = lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  return {environment.terminal_columns, utf8 && !dumb, is_terminal && !dumb && !environment.has("NO_COLOR")};
}

std::string draw_node(const NodeTopology& node, const NodeLayout& layout, int first_rank,
                      const MapStyle& style) {
  return NodeMap(node, layout, first_rank, within_limits(style)).draw();
}

std::string draw_job(const topology::JobLayout& layout, const std::vector<NodeTopology>& topologies,
                     const std::vector<int>& node_topology, const std::vector<std::string>& hosts,
                     const MapStyle& wanted) {
  const MapStyle style = within_limits(wanted);
  const Glyphs& glyphs = style.unicode ? kUnicode : kAscii;
  struct Alike {
    std::size_t topology = 0;
    int layout = -1;
    int first_rank = 0;
    std::vector<std::string> nodes = {};
  };
  std::vector<Alike> groups;
  int next_rank = 0;
  for (std::size_t node = 0; node < hosts.size(); ++node) {
    const int of_node = layout.node_layout[node];
    // Nodes without a rank are alike enough.
    const std::size_t topology = of_node < 0 ? 0 : static_cast<std::size_t>(node_topology[node]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Alike& alike) {
      return alike.topology == topology && alike.layout == of_node;
    });
    if (group == groups.end()) group = groups.insert(group, {topology, of_node, next_rank});
    const int count =
        of_node < 0 ? 0 : static_cast<int>(layout.layouts[static_cast<std::size_t>(of_node)].ranks.size());
    std::string name = printable(hosts[node]);
    if (count > 0)
      name += count == 1 ? fmt::format(" (rank {})", next_rank)
                         : fmt::format(" (ranks {}-{})", next_rank, next_rank + count - 1);
    group->nodes.push_back(std::move(name));
    next_rank += count;
  }

  constexpr std::size_t kNamed = 8;
  std::string text;
  for (auto& group : groups) {
    if (!text.empty()) text += "\n";
    if (group.nodes.size() > kNamed + 1) {
      std::string last = std::move(group.nodes.back());
      const std::size_t left_out = group.nodes.size() - kNamed;
      group.nodes.resize(kNamed - 1);
      group.nodes.push_back(fmt::format("{} more", left_out));
      group.nodes.push_back(std::move(last));
    }
    const bool several = group.nodes.size() > 1;
    if (group.layout < 0) {
      group.nodes.front() = "no rank on " + group.nodes.front();
    } else if (several) {
      group.nodes[1] = "in the same way " + group.nodes[1];
    }
    for (const auto& line : flow(group.nodes, ", ", style.columns, glyphs)) text += line + "\n";
    if (group.layout < 0) continue;
    text += draw_node(topologies[group.topology], layout.layouts[static_cast<std::size_t>(group.layout)],
                      group.first_rank, style);
  }
  return text;
}

}  // namespace shipyard::launcher
