#include "launcher/check/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include "base/terminal.hpp"
#include "launcher/check/judge.hpp"
#include "launcher/map/text.hpp"

namespace shipyard::launcher::check {
namespace {

/// More nodes than this are shown by groups of equal ones.
constexpr std::size_t kMostRows = 20;
constexpr std::size_t kMostFindings = 12;
constexpr int kGap = 2;
constexpr int kLeastColumns = 40;
constexpr const char* kRed = "1;31";
constexpr const char* kYellow = "1;33";

struct Column {
  Aspect aspect;
  std::string title;
  std::function<std::string(const NodeFacts&)> text;
};

std::string fine_or(int error, const char* trouble) { return error == 0 ? "ok" : trouble; }

std::string shared_memory_cell(const NodeFacts& facts) {
  const std::string size = map::bytes_text(facts.shared_memory_bytes);
  // Some is always in use.
  if (facts.shared_memory_free >= facts.shared_memory_bytes / 10 * 9) return size;
  return map::bytes_text(facts.shared_memory_free) + " of " + size;
}

std::string clock_cell(const NodeFacts& facts) {
  const auto& back = facts.connect_back;
  if (!back || !back->problem.empty()) return "?";
  // Finer than this a round trip over ssh's neighbours does not tell.
  constexpr std::int64_t kNothing = 10'000;
  if (std::abs(back->clock_ahead_us) - back->round_trip_us / 2 < kNothing) return "<10 ms";
  return fmt::format("{:+.2f} s", static_cast<double>(back->clock_ahead_us) / 1e6);
}

std::vector<Column> columns_of(const NodeCheck& check) {
  const auto any = [&](auto predicate) {
    return std::any_of(check.nodes.begin(), check.nodes.end(),
                       [&](const CheckedNode& node) { return node.facts && predicate(*node.facts); });
  };
  // The name of the MPI goes to the column's head where it is everybody's.
  std::string mpi = mpi::name_of(check.mpi.dialect);
  const std::string prefix = mpi + " ";
  if (any([&](const NodeFacts& facts) {
        return !facts.mpi.version.empty() && !facts.mpi.version.starts_with(prefix);
      })) {
    mpi = "MPI";
  }
  std::vector<Column> columns{
      {Aspect::kMpi, mpi,
       [mpi](const NodeFacts& facts) {
         if (facts.mpi.version.empty()) return std::string(facts.mpi.daemon.empty() ? "missing" : "?");
         return facts.mpi.version.substr(mpi == "MPI" ? 0 : mpi.size() + 1);
       }},
      {Aspect::kCores, "cores", cores_text},
      {Aspect::kMemory, "memory",
       [](const NodeFacts& facts) { return map::bytes_text(usable_memory(facts)); }},
      {Aspect::kSharedMemory, "/dev/shm", shared_memory_cell},
      {Aspect::kLockedMemory, "memlock", locked_memory_text},
      {Aspect::kSingleCopy, "CMA",
       [](const NodeFacts& facts) { return std::string(facts.single_copy ? "yes" : "no"); }},
  };
  if (any([](const NodeFacts& facts) { return !facts.infiniband.empty(); }))
    columns.push_back({Aspect::kInfiniBand, "InfiniBand", infiniband_text});
  columns.push_back({Aspect::kClock, "clock", clock_cell});
  if (!check.asked.program.empty()) {
    columns.push_back({Aspect::kProgram, "program", [](const NodeFacts& facts) {
                         return fine_or(facts.program.value_or(0),
                                        facts.program == ENOENT ? "missing" : "refused");
                       }});
  }
  columns.push_back({Aspect::kDirectory, "directory",
                     [](const NodeFacts& facts) { return fine_or(facts.working_directory, "missing"); }});
  columns.push_back({Aspect::kConnectBack, "way back", [](const NodeFacts& facts) {
                       if (!facts.connect_back) return std::string("?");
                       return std::string(facts.connect_back->problem.empty() ? "ok" : "blocked");
                     }});
  columns.push_back({Aspect::kShipyard, "shipyard", [](const NodeFacts& facts) { return facts.shipyard; }});
  return columns;
}

struct Cell {
  std::string text;
  std::optional<Severity> mark = {};

  bool operator==(const Cell&) const = default;
};

const char* mark_of(Severity severity) { return severity == Severity::kError ? "!" : "*"; }
const char* colour_of(const std::optional<Severity>& severity) {
  if (!severity) return nullptr;
  return *severity == Severity::kError ? kRed : kYellow;
}

/// A node, or several that are alike.
struct Row {
  std::string name;
  std::vector<Cell> cells;  ///< empty: there are no facts, but
  std::string trouble;
  std::size_t nodes = 1;
};

using Marks = std::map<std::pair<std::size_t, Aspect>, Severity>;

Marks marks_of(const std::vector<Finding>& findings) {
  Marks marks;
  for (const auto& finding : findings) {
    // shipyard-rank is a part of what the column "shipyard" is about.
    const Aspect aspect = finding.aspect == Aspect::kRank ? Aspect::kShipyard : finding.aspect;
    for (std::size_t node : finding.nodes)
      marks.try_emplace({node, aspect}, finding.severity);  // errors come first
  }
  return marks;
}

std::vector<Row> rows_of(const NodeCheck& check, const std::vector<Column>& columns, const Marks& marks) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < check.nodes.size(); ++i) {
    const CheckedNode& node = check.nodes[i];
    Row row{map::printable(node.host), {}, {}};
    if (!node.facts)
      row.trouble =
          node.failure.kind == SshFailure::Kind::kNotAsked ? "not asked" : map::printable(node.failure.words);
    for (std::size_t c = 0; node.facts && c < columns.size(); ++c) {
      const auto mark = marks.find({i, columns[c].aspect});
      row.cells.push_back({map::printable(columns[c].text(*node.facts)),
                           mark == marks.end() ? std::nullopt : std::optional(mark->second)});
    }
    const auto same = check.nodes.size() <= kMostRows
                          ? rows.end()
                          : std::find_if(rows.begin(), rows.end(), [&](const Row& other) {
                              return other.cells == row.cells && other.trouble == row.trouble;
                            });
    same == rows.end() ? rows.push_back(std::move(row)) : void(++same->nodes);
  }
  for (auto& row : rows) {
    if (row.nodes > 1) row.name += fmt::format(" +{}", row.nodes - 1);
  }
  return rows;
}

int width_of(const Cell& cell) { return map::width_of(cell.text) + (cell.mark ? 2 : 0); }

/// Tables one below the other, each with as many columns as fit beside the nodes' names.
class Tables {
 public:
  Tables(const std::vector<Row>& rows, const std::vector<Column>& columns, const MapStyle& style, int width)
      : rows_(rows), columns_(columns), style_(style), width_(width) {
    name_width_ = map::width_of("node");
    for (const auto& row : rows) name_width_ = std::max(name_width_, map::width_of(row.name));
    name_width_ = std::min(name_width_, width / 2);
    const bool any_facts =
        std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.cells.empty(); });
    for (std::size_t c = 0; any_facts && c < columns.size(); ++c) {
      int most = map::width_of(columns[c].title);
      for (const auto& row : rows) {
        if (!row.cells.empty()) most = std::max(most, width_of(row.cells[c]));
      }
      widths_.push_back(most);
    }
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    std::size_t first = 0;
    do {
      std::size_t end = first;
      int taken = name_width_;
      while (end < widths_.size() && (end == first || taken + kGap + widths_[end] <= width_))
        taken += kGap + widths_[end++];
      text += (first > 0 ? "\n" : "") + table(first, end);
      first = end;
    } while (first < widths_.size());
    return text;
  }

 private:
  [[nodiscard]] std::string table(std::size_t first, std::size_t end) const {
    std::string text = line(first, end, {"node", map::kBold}, [&](std::size_t c) {
      return Piece{columns_[c].title, map::kBold};
    });
    for (const auto& row : rows_) {
      const std::string name = map::flow({row.name}, "", name_width_, glyphs()).front();
      if (!row.cells.empty()) {
        text += line(first, end, {name, nullptr}, [&](std::size_t c) {
          const Cell& cell = row.cells[c];
          return Piece{cell.mark ? cell.text + " " + mark_of(*cell.mark) : cell.text, colour_of(cell.mark)};
        });
      } else if (first == 0) {
        text += trouble(name, row.trouble);
      }
    }
    return text;
  }

  struct Piece {
    std::string text;
    const char* colour;
  };
  template <typename PieceOf>
  [[nodiscard]] std::string line(std::size_t first, std::size_t end, const Piece& name,
                                 PieceOf piece_of) const {
    map::Line out(style_.colour);
    out.put(name.text, name.colour);
    int column = name_width_;
    for (std::size_t c = first; c < end; ++c) {
      column += kGap;
      out.pad_to(column);
      const Piece piece = piece_of(c);
      out.put(piece.text, piece.colour);
      column += widths_[c];
    }
    return out.text();
  }

  /// Why there are no cells, in as many lines as it needs.
  [[nodiscard]] std::string trouble(const std::string& name, const std::string& words) const {
    std::string text;
    auto lines = map::flow({words}, "", width_ - name_width_ - kGap - 2, glyphs());
    lines.back() += " !";
    for (std::size_t i = 0; i < lines.size(); ++i) {
      map::Line out(style_.colour);
      out.put(i == 0 ? name : "");
      out.pad_to(name_width_ + kGap);
      out.put(lines[i], kRed);
      text += out.text();
    }
    return text;
  }

  [[nodiscard]] const map::Glyphs& glyphs() const { return map::glyphs(style_.unicode); }

  const std::vector<Row>& rows_;
  const std::vector<Column>& columns_;
  const MapStyle& style_;
  int width_;
  int name_width_ = 0;
  std::vector<int> widths_;
};

std::string summary(const NodeCheck& check, const std::vector<Finding>& findings) {
  std::set<std::size_t> failing;
  std::set<std::size_t> different;
  for (const auto& finding : findings) {
    auto& set = finding.severity == Severity::kError ? failing : different;
    set.insert(finding.nodes.begin(), finding.nodes.end());
  }
  std::string text = map::count_text(check.nodes.size(), "node");
  if (findings.empty()) {
    return text + (check.nodes.size() > 1 ? ", all alike" : "") + ": nothing is in the way of a job";
  }
  const char* separator = ": ";
  if (!failing.empty()) {
    text += fmt::format(": a job would fail on {}", hosts_text(check, failing));
    separator = "; ";
  }
  for (std::size_t node : failing) different.erase(node);
  if (!different.empty()) {
    text += fmt::format("{}{} {}", separator, hosts_text(check, different),
                        different.size() == 1 ? "differs" : "differ");
  }
  return text;
}

std::string findings_text(const NodeCheck& check, const std::vector<Finding>& findings, const MapStyle& style,
                          int width) {
  std::string text;
  const std::size_t shown = std::min(kMostFindings, findings.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& finding = findings[i];
    map::Line mark(style.colour);
    mark.put(mark_of(finding.severity), colour_of(finding.severity));
    const std::string coloured = mark.text();
    const std::string line =
        wrap(mark_of(finding.severity) + (" " + map::printable(finding_text(check, finding))), width, 2);
    text += coloured.substr(0, coloured.size() - 1) + line.substr(1) + "\n";
    // Of findings with the same remedy the last one has it.
    const bool said_below = i + 1 < shown && findings[i + 1].hint == finding.hint;
    if (!finding.hint.empty() && !said_below)
      text += "  " + wrap("hint: " + finding.hint, width - 2, 4) + "\n";
  }
  if (findings.size() > shown)
    text += fmt::format("  and {} more findings: --json has all\n", findings.size() - shown);
  return text;
}

}  // namespace

std::string matrix(const NodeCheck& check, const MapStyle& style) {
  const int width = std::max(style.columns, kLeastColumns);
  const auto findings = judge(check);
  const auto columns = columns_of(check);
  const auto rows = rows_of(check, columns, marks_of(findings));
  std::string text = Tables(rows, columns, style, width).text();
  text += "\n";
  if (!findings.empty()) text += findings_text(check, findings, style, width) + "\n";
  return text + wrap(summary(check, findings), width, 2) + "\n";
}

}  // namespace shipyard::launcher::check
