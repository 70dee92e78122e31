
#include <fmt/format.h>

#include <algorithm>

#include "bench/harness/sizes.hpp"
#include "bench/pair.hpp"

// How many messages a second several pairs of ranks get through together: the pattern of osu_mbw_mr and of
// IMB's Uniband.

namespace {

using namespace shipyard::bench;

/// The first half of the ranks sends, each to the one as far into the second half.
void windows(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const int pairs = station.size / 2;
  const bool sends = station.rank < pairs;
  send_windows(station, sends ? station.rank + pairs : station.rank - pairs, sends, bytes, iterations);
}

std::int64_t wrong(const Station& station, std::int64_t bytes) {
  const int pairs = station.size / 2;
  return station.rank < pairs ? 0 : wrong_from(station, station.rank - pairs, bytes, station.window);
}

/// The ranks of the first node with those of the second; on one node the first half with the second.
shipyard::Result<Selection> select_pairs(const Placement& placement, const Options& options) {
  const auto nodes = first_rank_of_each_node(placement);
  std::vector<int> senders;
  std::vector<int> receivers;
  const int ranks = static_cast<int>(placement.size());
  for (int rank = 0; rank < ranks; ++rank) {
    const bool first = nodes.size() > 1 ? placement[rank].node == placement[nodes[0]].node : rank < ranks / 2;
    const bool second =
        nodes.size() > 1 ? placement[rank].node == placement[nodes[1]].node : !first && rank < ranks / 2 * 2;
    if (first) senders.push_back(rank);
    if (second) receivers.push_back(rank);
  }
  const int most = static_cast<int>(std::min(senders.size(), receivers.size()));
  if (most == 0)
    return shipyard::input_error("a pair of ranks is needed and there is only one",
                                 "start it with mpirun -np 2");
  const int pairs = options.pairs.value_or(most);
  if (pairs > most) {
    return shipyard::input_error(fmt::format("--pairs {}: there are ranks for {}{}", pairs, most,
                                             nodes.size() > 1 ? " between the first two nodes" : ""));
  }
  Selection selection{.title = "pairs"};
  selection.ranks.assign(senders.begin(), senders.begin() + pairs);
  selection.ranks.insert(selection.ranks.end(), receivers.begin(), receivers.begin() + pairs);
  selection.between_nodes = nodes.size() > 1;
  selection.description =
      selection.between_nodes
          ? fmt::format("{}, from {} to {}", pairs, placement[senders[0]].host, placement[receivers[0]].host)
          : fmt::format("{}, on {}", pairs, placement[0].host);
  selection.notes = sharing_notes(placement, selection.ranks);
  return selection;
}

constexpr const char* kEpilogue = R"(Figures:
  Each sender has a window of messages in the air to its receiver, which
  replies when it has them all, as osu_mbw_mr and IMB's Uniband. MB/s (10^6
  bytes) and messages a second are those of all pairs together, over the time of
  the slowest rank, as Uniband has it; osu_mbw_mr takes the senders' average.
  docs/benchmarks.md has the definitions in full.

Examples:
  shipyard-mpirun msgrate
  shipyard-mpirun --ppn 8 msgrate --pairs 4 --sizes 8
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {
      .name = "msgrate",
      .sentence = "Measures how many messages a second several pairs of MPI ranks get through together.",
      .epilogue = kEpilogue,
      .offers = {.pairs = true, .window = 64, .buffers = true, .validate = true, .bandwidth = true}};
  program.kernels = {{.name = "msgrate",
                      .run = windows,
                      .timing = Timing::kSlowestRank,
                      .messages = [](int ranks, int window) { return std::int64_t{ranks / 2} * window; },
                      .wrong = wrong}};
  program.sizes = size_series(1, 1 << 20);
  program.quick_sizes = {8, 4096, 65536};
  program.table = [](const Options&) { return rate_table("windows"); };
  program.osu = {.title = "osu_mbw_mr",
                 .column = "MB/s",
                 .figure = "mean_MB_per_s",
                 .second_column = "Messages/s",
                 .second_figure = "messages_per_s"};
  program.select = select_pairs;
  return run_program(argc, argv, program);
}
