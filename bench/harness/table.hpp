#pragma once

#include <map>
#include <string>
#include <vector>

namespace shipyard::bench {

/// What one row is about, by name: `bytes`, `iterations`, `mean_ns`, `median_ns`, `bandwidth_MB_s`, …
using Figures = std::map<std::string, double>;

/// A column shows one figure, multiplied by `scale` (1e-3 shows nanoseconds as microseconds), right-aligned.
struct Column {
  std::string title;
  std::string figure;
  double scale = 1;
  int decimals = 0;
  int width = 10;
};

/// A title in a rule over the columns `first` to `last` (counted from 0), for the unit that they share.
struct Span {
  std::string title;
  std::size_t first = 0;
  std::size_t last = 0;
};

struct Options;

struct Table {
  std::vector<Span> spans;  ///< In order, not overlapping.
  std::vector<Column> columns;
};

/// Bytes, the shortest time, percentiles (--percentiles, or the median and the 99th) and the mean, in µs,
/// under `title`, then MB/s where `bandwidth`, and the iterations under the name `iterations`.
Table latency_table(const Options& options, const std::string& title, bool bandwidth,
                    const std::string& iterations);

/// Bytes, MB/s of the mean and the median, messages a second, and the iterations.
Table rate_table(const std::string& iterations);

/// The head: the spans' line if there are any, then the titles. Each line ends in a newline.
std::string format_head(const Table& table);

/// One line, with its newline. A figure that is missing or not finite is `-`.
std::string format_row(const Table& table, const Figures& figures);

/// A name for a column of `width`: of a longer one its beginning and, where names of a pool's nodes differ,
/// its end.
std::string shortened(const std::string& name, std::size_t width);

/// Of a terminal, in columns, that nobody has made wider.
inline constexpr int kLineWidth = 80;

/// `label` padded to a common width and then `text`, which continues under itself where it does not fit in 80
/// columns.
std::string format_fact(const std::string& label, const std::string& text);

}  // namespace shipyard::bench
