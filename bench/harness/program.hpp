#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "bench/harness/crew.hpp"
#include "bench/harness/options.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {

/// Which ranks measure, in the order of the station's ranks, and what there is to say about the choice.
struct Selection {
  std::vector<int> ranks;
  std::string title;               ///< The label of `description`: `pair`.
  std::string description;         ///< One sentence for the head and the report.
  std::vector<std::string> notes;  ///< What makes the figures worth less; to stderr.
  bool between_nodes = false;      ///< Whether the messages leave the node.
};

/// One benchmark of the suite.
///
/// The figures that a column may show and that Google Benchmark's report has as counters, of each size:
/// `bytes`, `iterations`, `mean_ns` (the report's real_time: all iterations, timed as one), `median_ns`,
/// `min_ns`, `p99_ns`, `max_ns` (of `samples` iterations timed one by one, in a pass of their own),
/// `bandwidth_MB_per_s` (bytes over median, in 10^6 bytes). All times are scaled by `time_scale`.
struct Program {
  std::string name;
  std::string summary;  ///< A sentence for `--help`.
  std::string figures;  ///< For `--help`: what each figure is.
  std::vector<Kernel> kernels;
  double time_scale =
      1;  ///< Reported per measured time: 0.5 where an iteration is a round trip and one way counts.
  Table table;
  /// Pure, and called with the same values on every rank.
  std::function<std::variant<Selection, UsageError>(const Placement&, const Options&)> select;
};

/// `main` of a benchmark: reads the options, brings all ranks to one mind about them, measures, reports.
/// Returns the exit status: 0, 1 for a failure, 2 for a wrong option.
int run_program(int argc, char** argv, const Program& program);

}  // namespace shipyard::bench
