#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "bench/harness/leader.hpp"
#include "bench/links/links.hpp"
#include "bench/pair.hpp"

// Latency and bandwidth between every two nodes, and which node or link is slow. In each round every node is
// paired with another one, so that there are about as many rounds as nodes; pairs do not wait for each other.

namespace {

using namespace shipyard::bench;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kSmall = 8;
constexpr std::int64_t kLarge = 1 << 20;
constexpr std::int64_t kLargeQuick = 128 << 10;
/// Each link is measured so often, and its best counts: what is slow is slow each time.
constexpr int kPasses = 12;
constexpr std::int64_t kFewest = 3;
constexpr std::int64_t kMost = 10'000;
/// What one order may take, where there is time.
constexpr Seconds kLeast{0.001};
constexpr Seconds kGenerous{0.005};

enum KernelIndex : std::size_t { kLatency, kUp, kDown };

/// In a round of all pairs, or in one of its own.
int partner_of_this(const Station& station) {
  if (!station.pair) return partner_of(station.rank, station.round, station.size);
  return station.rank == station.pair->first ? station.pair->second : station.pair->first;
}

void exchange(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const int partner = partner_of_this(station);
  if (partner != station.rank) round_trips(station, partner, station.rank < partner, bytes, iterations);
}
/// From the lower of the two, and from the higher.
void up(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const int partner = partner_of_this(station);
  if (partner != station.rank) send_windows(station, partner, station.rank < partner, bytes, iterations);
}
void down(const Station& station, std::int64_t bytes, std::int64_t iterations) {
  const int partner = partner_of_this(station);
  if (partner != station.rank) send_windows(station, partner, station.rank > partner, bytes, iterations);
}

class AllPairs : public Survey {
 public:
  explicit AllPairs(const Leadership& leadership)
      : leadership_(leadership),
        nodes_(static_cast<int>(leadership.selection.ranks.size())),
        shared_(!sharing_notes(leadership.placement, leadership.selection.ranks).empty()),
        latency_(static_cast<std::size_t>(nodes_)),
        bandwidth_(static_cast<std::size_t>(nodes_)) {
    for (int rank : leadership.selection.ranks)
      hosts_.push_back(leadership.placement[static_cast<std::size_t>(rank)].host);
    for (int from = 0; from < nodes_; ++from) {
      for (int to = 0; to < nodes_; ++to) {
        if (from != to) links_.emplace_back(from, to);
      }
    }
  }

  [[nodiscard]] std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [from, to] : links_) names.push_back(fmt::format("allpairs/{}/{}", from, to));
    return names;
  }

  [[nodiscard]] std::map<std::string, std::string> context() const override {
    return {{"node_names", fmt::format("{}", fmt::join(hosts_, ","))}};
  }

  std::optional<Figures> measure(std::size_t entry) override {
    if (entry == 0) measure_all();
    const auto [from, to] = links_[entry];
    const double latency = latency_.values[from][to];
    const double bandwidth = bandwidth_.values[from][to];
    if (latency <= 0 || bandwidth <= 0) return std::nullopt;
    const auto is_this = [from = from, to = to](const SlowLink& link) {
      return link.from == from && link.to == to;
    };
    const auto touches = [from = from, to = to](const Verdict::Node& node) {
      return node.node == from || node.node == to;
    };
    const auto slow = [&](const Verdict& verdict) {
      return std::any_of(verdict.links.begin(), verdict.links.end(), is_this) ||
             std::any_of(verdict.nodes.begin(), verdict.nodes.end(), touches);
    };
    const auto slow_node = [&](int which) {
      const auto is_it = [&](const Verdict::Node& node) { return node.node == which; };
      return std::any_of(by_latency_.nodes.begin(), by_latency_.nodes.end(), is_it) ||
             std::any_of(by_bandwidth_.nodes.begin(), by_bandwidth_.nodes.end(), is_it);
    };
    return Figures{{"from", from},
                   {"to", to},
                   {"latency_ns", latency},
                   {"bandwidth_MB_per_s", bandwidth},
                   {"slow", slow(by_latency_) || slow(by_bandwidth_) ? 1 : 0},
                   {"from_slow", slow_node(from) ? 1 : 0},
                   {"to_slow", slow_node(to) ? 1 : 0},
                   {"real_ns", latency}};
  }

  [[nodiscard]] std::string text() const override {
    std::string text = links_text(
        hosts_,
        {{.title = "one-way latency of 8 bytes, µs", .matrix = latency_, .scale = 1e-3, .decimals = 2},
         {.title = fmt::format("bandwidth of {} KiB messages, MB/s", large() >> 10),
          .matrix = bandwidth_,
          .more_is_better = true}});
    text += fmt::format("\n  latency, µs      {}\n  bandwidth, MB/s  {}\n",
                        range_of(latency_, 1e-3, by_latency_.typical, 2),
                        range_of(bandwidth_, 1, by_bandwidth_.typical, 0));
    if (nodes_ < 3) {
      text += "\n  Two nodes have nothing to be compared with: no verdict.\n";
    } else if (without_verdict()) {
      text += "\n  Too little was measured on CPUs that nodes share (--quick): no verdict.\n";
    } else if (slow_ones().empty()) {
      text += shared_ ? "\n  No node and no link is three times as slow as others (nodes share CPUs).\n"
                      : "\n  No node and no link is slow.\n";
    }
    return text;
  }

  [[nodiscard]] std::vector<std::string> complaints() const override {
    auto lines = slow_ones();
    const auto unmet = unmet_by_links(leadership_.options, hosts_, latency_, bandwidth_);
    lines.insert(lines.end(), unmet.begin(), unmet.end());
    return lines;
  }

 private:
  [[nodiscard]] std::vector<std::string> slow_ones() const {
    std::vector<std::string> lines;
    for (const auto& [verdict, what, unit, scale, decimals] :
         {std::tuple(&by_latency_, "latency", "µs", 1e-3, 2),
          {&by_bandwidth_, "bandwidth", "MB/s", 1.0, 0}}) {
      for (const auto& node : verdict->nodes) {
        lines.push_back(fmt::format("node {} is slow: {} {:.{}f} {}, typical are {:.{}f}", hosts_[node.node],
                                    what, node.value * scale, decimals, unit, verdict->typical * scale,
                                    decimals));
      }
      constexpr std::size_t kShown = 10;
      for (std::size_t i = 0; i < std::min(kShown, verdict->links.size()); ++i) {
        const auto& link = verdict->links[i];
        lines.push_back(fmt::format("the link from {} to {} is slow: {} {:.{}f} {}, typical are {:.{}f}",
                                    hosts_[link.from], hosts_[link.to], what, link.value * scale, decimals,
                                    unit, verdict->typical * scale, decimals));
      }
      if (verdict->links.size() > kShown)
        lines.push_back(fmt::format("and {} more links by {}", verdict->links.size() - kShown, what));
    }
    return lines;
  }

  [[nodiscard]] std::int64_t large() const { return leadership_.options.quick ? kLargeQuick : kLarge; }

  /// What is measured at once.
  struct Step {
    std::vector<RankPair> pairs;
    int round = 0;
    /// How long an iteration of each kernel takes on the slowest link.
    std::array<Seconds, 3> slowest{};
  };

  [[nodiscard]] std::vector<Step> steps() const {
    std::vector<Step> all;
    for (int round = 0; round < rounds_for(nodes_); ++round) {
      Step step{.pairs = {}, .round = round};
      for (int node = 0; node < nodes_; ++node) {
        if (const int partner = partner_of(node, round, nodes_); partner > node)
          step.pairs.push_back({node, partner});
      }
      if (!shared_) {
        all.push_back(std::move(step));
      } else {
        for (const RankPair& pair : step.pairs) all.push_back({.pairs = {pair}, .round = round});
      }
    }
    return all;
  }

  void measure_all() {
    auto all = steps();
    const auto left = Seconds(leadership_.deadline - Clock::now());
    const auto orders = static_cast<double>(all.size()) * kPasses * 3;
    const Seconds each = std::clamp(left / (2 * orders), kLeast, kGenerous);
    std::size_t done = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
      for (Step& step : all) {
        for (const auto kernel : {kLatency, kUp, kDown}) {
          const Seconds time = step.slowest[kernel];
          if (Clock::now() + std::chrono::duration_cast<Clock::duration>(2 * kFewest * time) >=
              leadership_.deadline)
            return judge();
          leadership_.tell(fmt::format("pass {} of {}", pass + 1, kPasses), done++,
                           static_cast<std::size_t>(orders));
          measure_step(step, kernel, pass == 0 ? kFewest : iterations_in(each, time));
        }
      }
    }
    judge();
  }

  static std::int64_t iterations_in(Seconds each, Seconds iteration) {
    return std::clamp(static_cast<std::int64_t>(each / std::max(iteration, Seconds(1e-8))), kFewest, kMost);
  }

  void measure_step(Step& step, KernelIndex kernel, std::int64_t iterations) {
    const std::int64_t bytes = kernel == kLatency ? kSmall : large();
    leadership_.progress = bytes;
    const auto seconds =
        leadership_.crew.time_each({.kernel = kernel,
                                    .bytes = bytes,
                                    .warmup = kernel == kLatency ? kFewest : 1,
                                    .iterations = iterations,
                                    .round = step.round,
                                    .pair = shared_ ? std::optional(step.pairs.front()) : std::nullopt});
    for (const auto& [low, high] : step.pairs) {
      const double own = seconds[shared_ ? 0 : static_cast<std::size_t>(low)];
      const double each_ns = own * 1e9 / static_cast<double>(iterations);
      step.slowest[kernel] = std::max(step.slowest[kernel], Seconds(each_ns * 1e-9));
      if (kernel == kLatency) {
        for (double* value : {&latency_.values[low][high], &latency_.values[high][low]})
          *value = *value > 0 ? std::min(*value, each_ns / 2) : each_ns / 2;
      } else {
        double& value = kernel == kUp ? bandwidth_.values[low][high] : bandwidth_.values[high][low];
        value = std::max(value, static_cast<double>(bytes * leadership_.options.window) * 1e3 / each_ns);
      }
    }
  }

  void judge() {
    const double worse = shared_ ? kWorseOnSharedCpus : kWorse;
    by_latency_ = judge_links(latency_, false, worse);
    by_bandwidth_ = judge_links(bandwidth_, true, worse);
    if (without_verdict()) {
      for (Verdict* verdict : {&by_latency_, &by_bandwidth_}) verdict->nodes.clear(), verdict->links.clear();
    }
  }
  /// So few measurements on CPUs that nodes share are the scheduler's.
  [[nodiscard]] bool without_verdict() const { return shared_ && leadership_.options.quick; }

  static std::string range_of(const LinkMatrix& matrix, double scale, double typical, int decimals) {
    double least = 0;
    double most = 0;
    for (const auto& row : matrix.values) {
      for (const double value : row) {
        if (value <= 0) continue;
        least = least == 0 ? value : std::min(least, value);
        most = std::max(most, value);
      }
    }
    return fmt::format("typical {:.{}f}, from {:.{}f} to {:.{}f}", typical * scale, decimals, least * scale,
                       decimals, most * scale, decimals);
  }

  const Leadership& leadership_;
  int nodes_;
  /// Where nodes share CPUs (containers on one machine), several pairs at once would measure each other.
  bool shared_;
  std::vector<std::string> hosts_;
  std::vector<std::pair<int, int>> links_;
  LinkMatrix latency_;
  LinkMatrix bandwidth_;
  Verdict by_latency_;
  Verdict by_bandwidth_;
};

shipyard::Result<Selection> select_nodes(const Placement& placement, const Options&) {
  Selection selection{.ranks = first_rank_of_each_node(placement), .title = "measuring"};
  if (selection.ranks.size() < 2) {
    return shipyard::input_error("two nodes are needed, and all ranks are on one",
                                 "shipyard-mpirun --ppn 1 allpairs starts a rank on each");
  }
  selection.description = fmt::format("{} nodes, the first rank of each", selection.ranks.size());
  selection.notes = sharing_notes(placement, selection.ranks);
  selection.between_nodes = true;
  return selection;
}

constexpr const char* kEpilogue = R"(Figures:
  latency: half a round trip of 8 bytes. bandwidth: a window of 1 MiB messages
  and a reply, in each direction by itself. Of each link the best of twelve
  short measurements, one after the other over the whole run.
  slow: a node whose links' median, from it or to it, or a link that is at
  least 20 % and three standard deviations worse than the median of all. Where
  nodes share CPUs (containers on one machine) it has to be three times as slow,
  and --quick gives no verdict.
  Where the matrix of all links is wider than 80 columns, the table has a line
  for each node; the report (--out), and scripts/plot's picture of it, have
  every link. OSU and IMB have no counterpart.
  docs/benchmarks.md has the definitions in full.

Examples:
  shipyard-mpirun --ppn 1 allpairs --out pool.json
  shipyard-mpirun --ppn 1 allpairs --expect-latency 50us
)";

}  // namespace

int main(int argc, char** argv) {
  Program program;
  program.text = {
      .name = "allpairs",
      .sentence = "Measures latency and bandwidth between every two nodes, and names those that are slow.",
      .epilogue = kEpilogue,
      .offers = {.sizes = false,
                 .window = 8,
                 .latency = true,
                 .bandwidth = true,
                 .osu = false,
                 .times = false,
                 .links = true}};
  program.kernels = {
      {.name = "latency", .run = exchange}, {.name = "up", .run = up}, {.name = "down", .run = down}};
  program.sizes = {kLarge};
  program.quick_sizes = {kLargeQuick};
  program.survey = [](const Leadership& leadership) { return std::make_unique<AllPairs>(leadership); };
  program.select = select_nodes;
  return run_program(argc, argv, program);
}
