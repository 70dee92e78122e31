#pragma once

#include <string>
#include <vector>

#include "launcher/map/text.hpp"
#include "launcher/map/units.hpp"

namespace shipyard::launcher::map {

/// Units of one cache and kind in a row, from `begin` to before `end`.
struct Piece {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool cut_left = false;  ///< the cache's units before these stand in another line
  bool cut_right = false;
};
using Row = std::vector<Piece>;

/// The rows of one NUMA domain.
struct DomainRows {
  int numa = 0;
  std::vector<Row> rows = {};
};

/// What stands in which line, and how wide: a line is the domain's number, the row's CPUs, and its caches.
class Arrangement {
 public:
  /// In lines of at most `columns`. Labels are as wide as they are with these `glyphs`.
  Arrangement(const Units& units, int columns, const Glyphs& glyphs);

  [[nodiscard]] const std::vector<DomainRows>& domains() const { return domains_; }
  /// Columns of a unit.
  [[nodiscard]] int cell() const { return cell_; }
  /// The column in which caches begin.
  [[nodiscard]] int body_column() const;
  /// Of the longest line.
  [[nodiscard]] int width() const;

  /// Columns from the first unit to the last, and of the gap before one that is not the first.
  [[nodiscard]] int width_of_units(std::size_t begin, std::size_t end) const;
  [[nodiscard]] int gap_before(std::size_t unit) const;

  /// A row's CPUs, and what kind of core it is where there are several, in as many lines as they need.
  [[nodiscard]] std::vector<std::string> cpu_lines(const Row& row) const;

  /// A unit's ranks; where they are many, how many.
  [[nodiscard]] std::string label(std::size_t unit) const;

 private:
  [[nodiscard]] int width_of_row(const Row& row) const;
  void arrange_in(int room);
  [[nodiscard]] std::vector<DomainRows> rows_in(int room) const;
  void split(Piece whole, int room, std::vector<Piece>& pieces) const;
  void pack(const std::vector<Piece>& pieces, int room, std::vector<Row>& rows) const;
  [[nodiscard]] bool labels_fit(const std::vector<DomainRows>& domains) const;

  const Units& units_;
  const Glyphs& glyphs_;
  int cpu_limit_;  // columns of a line of CPUs, at most
  int cpu_columns_ = 4;
  int cell_ = 1;
  std::vector<DomainRows> domains_;
};

}  // namespace shipyard::launcher::map
