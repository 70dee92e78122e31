#pragma once

#include <string>

#include "bench/compare/comparison.hpp"

namespace shipyard::bench {

/// What A and B are, for the reader: files, or a command.
struct Sides {
  std::string a;
  std::string b;
};

/// A head, a table of at most 80 columns, and one sentence.
std::string format_comparison(const Comparison& comparison, const Sides& sides);

/// The same as a JSON document; figures in the report's units, times in nanoseconds.
std::string comparison_json(const Comparison& comparison, const Sides& sides);

/// One sentence: where B is slower or faster, or that nothing can be said.
std::string summary(const Comparison& comparison);

/// "12.34 µs", "801.2 MB/s", "3210 k/s": four digits, and a unit where the figure's name says one.
std::string format_figure(double value, const std::string& figure);

}  // namespace shipyard::bench
