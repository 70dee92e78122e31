#include "launcher/map/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace shipyard::launcher::map {
namespace {

/// Longer lists of the ranks on one core stand below the drawing.
constexpr std::size_t kMaxLabel = 11;
/// "NUMA "
constexpr int kNumaColumns = 5;

std::size_t count_rows(const std::vector<DomainRows>& domains) {
  std::size_t count = 0;
  for (const auto& domain : domains) count += domain.rows.size();
  return count;
}

}  // namespace

Arrangement::Arrangement(const Units& units, int columns, const Glyphs& glyphs)
    : units_(units), glyphs_(glyphs), cpu_limit_(std::max(11, columns / 5)) {
  // What the CPUs need depends on the rows, and these on the room that the CPUs leave.
  int needed = cpu_columns_;
  do {
    cpu_columns_ = needed;
    arrange_in(columns - body_column());
    for (const auto& domain : domains_) {
      for (const auto& row : domain.rows) {
        for (const auto& line : cpu_lines(row)) needed = std::max(needed, width_of(line));
      }
    }
  } while (needed > cpu_columns_);
}

int Arrangement::body_column() const { return kNumaColumns + cpu_columns_ + 1; }

int Arrangement::width() const {
  int width = 0;
  for (const auto& domain : domains_) {
    for (const auto& row : domain.rows) width = std::max(width, body_column() + width_of_row(row));
  }
  return width;
}

int Arrangement::gap_before(std::size_t unit) const {
  return units_.are_threads() && units_[unit].first_of_core ? 2 : 1;
}

int Arrangement::width_of_units(std::size_t begin, std::size_t end) const {
  int width = 0;
  for (std::size_t i = begin; i < end; ++i) width += cell_ + (i == begin ? 0 : gap_before(i));
  return width;
}

int Arrangement::width_of_row(const Row& row) const {
  int width = 1;
  for (const auto& piece : row) width += width_of_units(piece.begin, piece.end) + 1;
  return width;
}

std::vector<std::string> Arrangement::cpu_lines(const Row& row) const {
  const std::string text = list_text(units_.cpus(row.front().begin, row.back().end));
  std::vector<std::string> lines(1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size() - 1) + 1;
    const std::string range = text.substr(at, end - at);
    if (!lines.back().empty() && width_of(lines.back() + range) > cpu_limit_) lines.emplace_back();
    lines.back() += range;
    at = end;
  }
  const int kind = units_[row.front().begin].kind;
  if (units_.kinds() > 2 || kind > 0) {
    const std::string name = units_.kinds() > 2 ? fmt::format("kind {}", kind) : "slow";
    if (width_of(lines.back() + name) + 1 > cpu_limit_) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + name;
  }
  return lines;
}

std::string Arrangement::label(std::size_t unit) const {
  const auto& ranks = units_[unit].ranks;
  std::string text = list_text(ranks);
  if (text.size() <= kMaxLabel || ranks.size() == 1) return text;
  return fmt::format("{}{}", glyphs_.times, ranks.size());
}

void Arrangement::arrange_in(int room) {
  cell_ = 1;
  domains_ = rows_in(room);
  while (!labels_fit(domains_) && cell_ < room - 2) {
    ++cell_;
    domains_ = rows_in(room);
  }
  // Room that would stay empty makes the drawing easier to read, unless it becomes longer by it.
  for (const int widest = std::max(cell_ + 1, 3); cell_ < widest;) {
    ++cell_;
    auto airy = rows_in(room);
    if (count_rows(airy) > count_rows(domains_) || !labels_fit(airy)) {
      --cell_;
      break;
    }
    domains_ = std::move(airy);
  }
}

std::vector<DomainRows> Arrangement::rows_in(int room) const {
  std::vector<DomainRows> domains;
  std::vector<Piece> waiting;
  const auto place = [&] {
    if (!waiting.empty()) pack(waiting, room, domains.back().rows);
    waiting.clear();
  };
  for (std::size_t begin = 0; begin < units_.size();) {
    std::size_t end = begin + 1;
    while (end < units_.size() && units_.same_cache(end, begin) && units_[end].kind == units_[begin].kind)
      ++end;
    const bool new_domain = begin == 0 || units_[begin - 1].numa != units_[begin].numa;
    if (new_domain || units_[begin - 1].kind != units_[begin].kind) place();
    if (new_domain) domains.push_back({units_[begin].numa});
    std::vector<Piece> pieces;
    split({begin, end, begin > 0 && units_.same_cache(begin - 1, begin),
           end < units_.size() && units_.same_cache(end, begin)},
          room, pieces);
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

/// Units of one cache and kind, in as many lines of equal length as they need.
void Arrangement::split(Piece whole, int room, std::vector<Piece>& pieces) const {
  const auto fits = [&](std::size_t begin, std::size_t end) {
    return width_of_units(begin, end) + 2 <= room;
  };
  // A core's threads stay together, where a line has room for them.
  std::vector<std::size_t> ends;
  bool whole_cores = true;
  for (std::size_t begin = whole.begin; begin < whole.end; begin = ends.back()) {
    std::size_t end = begin + 1;
    while (end < whole.end && !units_[end].first_of_core) ++end;
    whole_cores = whole_cores && fits(begin, end);
    ends.push_back(end);
  }
  if (!whole_cores) {
    ends.resize(whole.end - whole.begin);
    std::iota(ends.begin(), ends.end(), whole.begin + 1);
  }
  const auto in_lines_of = [&](std::size_t most) {
    std::vector<Piece> result = {{whole.begin, ends.front()}};
    std::size_t count = 1;
    for (std::size_t i = 1; i < ends.size(); ++i) {
      if (count < most && fits(result.back().begin, ends[i])) {
        result.back().end = ends[i];
        ++count;
      } else {
        result.push_back({ends[i - 1], ends[i]});
        count = 1;
      }
    }
    return result;
  };
  auto lines = in_lines_of(ends.size());
  auto even = in_lines_of((ends.size() + lines.size() - 1) / lines.size());
  if (even.size() == lines.size()) lines = std::move(even);
  for (auto& line : lines) {
    line.cut_left = line.begin > whole.begin || whole.cut_left;
    line.cut_right = line.end < whole.end || whole.cut_right;
  }
  pieces = std::move(lines);
}

/// Whole caches side by side, as many in each row but the last.
void Arrangement::pack(const std::vector<Piece>& pieces, int room, std::vector<Row>& rows) const {
  const auto in_rows_of = [&](std::size_t most) {
    std::vector<Row> result;
    for (const auto& piece : pieces) {
      if (!result.empty() && result.back().size() < most) {
        result.back().push_back(piece);
        if (width_of_row(result.back()) <= room) continue;
        result.back().pop_back();
      }
      result.push_back({piece});
    }
    return result;
  };
  auto packed = in_rows_of(pieces.size());
  auto even = in_rows_of((pieces.size() + packed.size() - 1) / packed.size());
  if (even.size() == packed.size()) packed = std::move(even);
  rows.insert(rows.end(), packed.begin(), packed.end());
}

bool Arrangement::labels_fit(const std::vector<DomainRows>& domains) const {
  const auto elsewhere = [&](std::size_t unit, int other) {
    return other >= 0 && !units_.same_cache(unit, static_cast<std::size_t>(other)) ? 1 : 0;
  };
  const auto fits = [&](std::size_t begin, std::size_t end) {
    if (units_[begin].ranks.empty()) return true;
    // Both ends of a bar; of a single core arrows alone.
    const int marks =
        end - begin > 1 ? 2 : elsewhere(begin, units_[begin].before) + elsewhere(begin, units_[begin].behind);
    return width_of(label(begin)) + marks <= width_of_units(begin, end);
  };
  for (const auto& domain : domains) {
    for (const auto& row : domain.rows) {
      for (const auto& piece : row) {
        for (std::size_t begin = piece.begin; begin < piece.end;) {
          const std::size_t end = units_.run_end(begin, piece.end);
          if (!fits(begin, end)) return false;
          begin = end;
        }
      }
    }
  }
  return true;
}

}  // namespace shipyard::launcher::map
