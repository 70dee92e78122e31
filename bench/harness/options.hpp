#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/command_line.hpp"
#include "base/result.hpp"

namespace shipyard::bench {

/// Two different ranks of MPI_COMM_WORLD.
struct RankPair {
  int first = 0;
  int second = 0;
  bool operator==(const RankPair&) const = default;
};

/// `table` is ours, `osu` has the columns of osu_latency and its kin; json and csv are Google Benchmark's.
enum class Format { kTable, kJson, kCsv, kOsu };

/// From and into which memory messages go: the same buffer each time, as many as there are messages in the
/// air, or so many that none is in a cache any more when its turn comes.
enum class Buffers { kSingle, kMultiple, kOffCache };

enum class Fabric { kInfiniBand, kTcp, kSharedMemory };

using Seconds = std::chrono::duration<double>;

/// Which of the options below a program has; all have the rest.
struct Offers {
  bool sizes = true;
  std::vector<std::string> kernels = {};  ///< --kernels, where there are several
  bool pair = false;
  bool pairs = false;
  int window = 0;  ///< --window, and how many without it; 0: no such option
  bool buffers = false;
  bool validate = false;
  bool percentiles = false;
  bool latency = false;    ///< --expect-latency
  bool bandwidth = false;  ///< --expect-bandwidth
  bool osu = true;         ///< --format osu
  bool fabric = true;      ///< --expect-fabric
  bool times = true;       ///< --min-time, --max-time, --warmup
  Seconds duration{0};     ///< --duration, and how long without it; 0: no such option
  bool noise = false;      ///< --expect-noise
  bool links = false;      ///< every two nodes: what is slow is an error, expectations are of each link
};

struct Options {
  bool help = false;
  bool version = false;
  std::vector<std::int64_t> sizes;   ///< empty: the program's own
  std::vector<std::string> kernels;  ///< in the program's order; empty: all
  std::optional<RankPair> pair;
  std::optional<int> pairs;
  int window = 1;
  Buffers buffers = Buffers::kSingle;
  bool validate = false;
  Seconds min_time{0.1};      ///< measured for each size at least so long
  Seconds max_time{5};        ///< and about so long at most
  Seconds time_limit{60};     ///< for the whole run, from the end of MPI_Init
  std::optional<int> warmup;  ///< iterations; else a tenth of those that are measured, 2 to 100
  bool quick = false;
  Seconds duration{0};              ///< of all that is measured
  std::vector<double> percentiles;  ///< for the table, ascending; empty: the program's own
  Format format = Format::kTable;
  std::string out_file;  ///< JSON; empty: none
  std::optional<Fabric> expect_fabric;
  std::optional<double> expect_latency_ns;
  std::optional<double> expect_bandwidth_mb;  ///< 10^6 bytes a second
  std::optional<double> expect_noise_percent;

  /// Whether --kernels leaves it in.
  [[nodiscard]] bool wants(const std::string& kernel) const {
    return kernels.empty() || std::find(kernels.begin(), kernels.end(), kernel) != kernels.end();
  }
};

/// What `--help` and the parser know of a program.
struct ProgramText {
  std::string name;
  std::string sentence;  ///< what it measures
  std::string epilogue;  ///< the definition of each figure, examples
  Offers offers;
};

CommandLineSpec command_line(const ProgramText& program);

/// Reads the arguments without the program's name. Pure: it looks at no file and no environment.
Result<Options> parse_options(const ProgramText& program, const std::vector<std::string>& arguments);

/// `1.5us`, `2ms`, `0.1s` as seconds; a number alone is in `unit` ("s", "us").
std::optional<double> parse_time(std::string_view text, std::string_view unit);

/// `10GB/s`, `900MB/s`, `12.5Gbit/s` in 10^6 bytes a second; a number alone is that already.
std::optional<double> parse_rate(std::string_view text);

}  // namespace shipyard::bench
