#include "bench/launch/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "bench/harness/sizes.hpp"

namespace shipyard::bench {
namespace {

using Placeholders = std::vector<std::pair<std::string_view, int>>;

std::string fill(const std::string& word, const Placeholders& placeholders) {
  std::string result;
  for (std::size_t at = 0; at < word.size();) {
    const auto found = std::find_if(placeholders.begin(), placeholders.end(), [&](const auto& one) {
      return std::string_view(word).substr(at).starts_with(one.first);
    });
    if (found == placeholders.end()) {
      result += word[at++];
    } else {
      result += std::to_string(found->second);
      at += found->first.size();
    }
  }
  return result;
}

/// In a list with commas; 0 where it is not set.
int count_hosts(const Environment& environment, const char* variable) {
  int hosts = 0;
  bool inside = false;
  for (const char c : environment.get(variable).value_or("")) {
    if (c != ',' && !inside) ++hosts;
    inside = c != ',';
  }
  return hosts;
}

std::vector<int> default_nodes(const Environment& environment) {
  int all = count_hosts(environment, "SHIPYARD_HOSTS");
  if (all == 0) all = count_hosts(environment, "AZ_BATCH_HOST_LIST");
  const auto series = size_series(1, std::max(1, all));
  return {series.begin(), series.end()};
}

std::string counted(int count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::vector<std::string> command_pattern(const LaunchOptions& options, const std::string& launcher) {
  if (!options.command.empty()) return options.command;
  std::vector<std::string> pattern{launcher};
  const auto add = [&](const char* option, const char* value) {
    pattern.insert(pattern.end(), {option, value});
  };
  options.ranks.empty() ? add("--nodes", "{nodes}") : add("-n", "{ranks}");
  if (options.ppn) add("--ppn", "{ppn}");
  return pattern;
}

Result<std::vector<Count>> plan_counts(const LaunchOptions& options, const std::string& launcher,
                                       const Environment& environment) {
  const bool by_ranks = !options.ranks.empty();
  auto numbers = by_ranks ? options.ranks : options.nodes;
  if (numbers.empty()) numbers = default_nodes(environment);
  const auto pattern = command_pattern(options, launcher);
  const int ppn = options.ppn.value_or(1);

  std::vector<Count> counts;
  for (const int number : numbers) {
    const int ranks = by_ranks ? number : number * ppn;
    const int nodes = by_ranks ? (number + ppn - 1) / ppn : number;
    Count count{.name = by_ranks ? fmt::format("ranks:{}", number) : std::to_string(number),
                .text = counted(number, by_ranks ? "rank" : "node")};
    if (!by_ranks) count.nodes = number;
    for (const auto& word : pattern)
      count.command.push_back(fill(word, {{"{nodes}", nodes}, {"{ranks}", ranks}, {"{ppn}", ppn}}));
    if (!counts.empty() && counts.back().command == count.command)
      return input_error(
          fmt::format("the command starts the same for {} and for {}", counts.back().text, count.text),
          "{ranks} and {nodes} in it are replaced: -- mpirun -np {ranks}");
    counts.push_back(std::move(count));
  }
  return counts;
}

std::vector<Turn> plan_turns(const LaunchOptions& options, std::size_t counts) {
  std::vector<Turn> turns;
  for (const bool real : {false, true}) {
    for (int number = 1; number <= (real ? options.launches : options.warmup); ++number) {
      for (std::size_t count = 0; count < counts; ++count) turns.push_back({count, number, real});
    }
  }
  return turns;
}

std::optional<Seconds> time_left(const std::vector<Turn>& turns, const std::vector<Seconds>& taken) {
  if (taken.empty()) return std::nullopt;
  const Seconds longest = *std::max_element(taken.begin(), taken.end());
  Seconds left{0};
  for (std::size_t turn = taken.size(); turn < turns.size(); ++turn) {
    std::size_t like = taken.size();
    while (like > 0 && turns[like - 1].count != turns[turn].count) --like;
    left += like > 0 ? taken[like - 1] : longest;
  }
  return left;
}

std::string describe(const Turn& turn, const std::vector<Count>& counts, const LaunchOptions& options) {
  return fmt::format("{}, {} {} of {}", counts[turn.count].text, turn.counts ? "launch" : "warm-up",
                     turn.number, turn.counts ? options.launches : options.warmup);
}

}  // namespace shipyard::bench
