#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace shipyard::bench {

/// A mistake in how the program was called: one line, without the program's name. Exit status 2.
struct UsageError {
  std::string message;
};

/// Two different ranks of MPI_COMM_WORLD.
struct RankPair {
  int first = 0;
  int second = 0;
  bool operator==(const RankPair&) const = default;
};

/// `table` is ours; the others are Google Benchmark's reporters.
enum class Format { kTable, kJson, kCsv, kConsole };

using Seconds = std::chrono::duration<double>;

struct Options {
  bool help = false;
  bool version = false;
  std::int64_t min_bytes = 0;
  std::int64_t max_bytes = std::int64_t{4} << 20;
  std::optional<RankPair> pair;
  Seconds min_time{0.1};   ///< Measured for each size at least so long.
  Seconds time_limit{20};  ///< For the whole run, from the end of MPI_Init.
  Format format = Format::kTable;
  std::string out_file;  ///< Empty: none.
  Format out_format = Format::kJson;
};

/// Reads the arguments without the program's name. Pure: it looks at no file and no environment.
std::variant<Options, UsageError> parse_options(const std::vector<std::string>& arguments);

/// `--help`, for a terminal of 80 columns. `summary` is a sentence that says what is measured.
std::string help_text(const std::string& program, const std::string& summary, const std::string& figures);

/// The name that Google Benchmark's flags have for it.
const char* format_name(Format format);

}  // namespace shipyard::bench
