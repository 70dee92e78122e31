#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/harness/kernel.hpp"
#include "bench/harness/options.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {

/// Which ranks measure, in the order of the station's ranks, and what there is to say about the choice.
struct Selection {
  std::vector<int> ranks;
  std::string title;               ///< the label of `description`: `pair`
  std::string description;         ///< one sentence for the head and the report
  std::vector<std::string> notes;  ///< what makes the figures worth less; to stderr
  bool between_nodes = false;      ///< whether messages leave the node
};

/// `--format osu`: whose columns they are, and what stands behind the size.
struct OsuTable {
  std::string title;   ///< osu_latency; empty: osu_ and the kernel's name
  std::string column;  ///< "Latency (us)"
  std::string figure;
  double scale = 1;
  std::string second_column = {};  ///< none but with osu_mbw_mr
  std::string second_figure = {};
  std::string of_all_ranks = {};  ///< the kernel of which OSU's size is that of all ranks together
};

struct Leadership;

/// What is no kernel by sizes: rank 0 measures it through the crew, and knows it all at the end.
class Survey {
 public:
  virtual ~Survey() = default;
  /// Before all else; `fabric`: what carried messages of the first kernel.
  virtual void prepare(std::optional<Fabric> fabric) { static_cast<void>(fabric); }
  /// Of the report's entries, in order.
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;
  /// The figures of an entry, with `real_ns`, the report's real_time; nullopt: there was no time for it.
  /// Every entry has the same figures.
  virtual std::optional<Figures> measure(std::size_t entry) = 0;
  /// More for the report's context, by name.
  [[nodiscard]] virtual std::map<std::string, std::string> context() const { return {}; }
  /// Under the head, with --format table.
  [[nodiscard]] virtual std::string text() const = 0;
  /// What is worth knowing, a line each, on standard error in every format.
  [[nodiscard]] virtual std::vector<std::string> notes() const { return {}; }
  /// What is not as it should be, a line each: exit status 3.
  [[nodiscard]] virtual std::vector<std::string> complaints() const { return {}; }
};

/// One benchmark of the suite.
///
/// The figures that a column may show and that Google Benchmark's report has as counters, of each size:
/// `bytes`, `iterations`, `mean_ns` (the report's real_time: all iterations, timed as one), and of `samples`
/// iterations timed one by one, in a pass of their own, `min_ns`, `p50_ns`, `p90_ns`, `p99_ns`, `p99.9_ns`,
/// `max_ns`; with Kernel::messages or where bytes are moved, `bandwidth_MB_per_s` (10^6 bytes, over the
/// median), `mean_MB_per_s` (over the mean), `messages_per_s` (over the mean). Times are scaled by
/// Kernel::time_scale.
struct Program {
  ProgramText text;
  std::vector<Kernel> kernels;
  std::vector<std::int64_t> sizes;        ///< where --sizes says none
  std::vector<std::int64_t> quick_sizes;  ///< the same for --quick
  std::string both_ways = {};             ///< the kernel whose bandwidth is that of two directions together
  bool by_size = false;  ///< all kernels of a size before the next one, not all sizes of a kernel
  std::function<Table(const Options&)> table;
  OsuTable osu;
  /// In place of kernels by sizes; the kernels are then what it gives orders for.
  std::function<std::unique_ptr<Survey>(const Leadership&)> survey = {};
  /// Pure, and called with the same values on every rank.
  std::function<Result<Selection>(const Placement&, const Options&)> select;
};

/// Of --sizes, --quick or the program, in this order.
[[nodiscard]] inline const std::vector<std::int64_t>& sizes_for(const Program& program,
                                                                const Options& options) {
  return !options.sizes.empty() ? options.sizes : options.quick ? program.quick_sizes : program.sizes;
}

/// `main` of a benchmark: reads the options, brings all ranks to one mind about them, measures, reports.
/// Returns the exit status: 0, 1 for a failure, 2 for a wrong option, 3 for an expectation that was not met.
int run_program(int argc, char** argv, const Program& program);

}  // namespace shipyard::bench
