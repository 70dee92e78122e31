#include "bench/launch/phases.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

/// The values of a member that each sample has; empty where one lacks it.
template <typename Value>
std::vector<double> values(const std::vector<Sample>& samples, const Value& value) {
  std::vector<double> result;
  for (const Sample& sample : samples) {
    const std::optional<std::int64_t> one = value(sample);
    if (!one) return {};
    result.push_back(static_cast<double>(*one));
  }
  std::sort(result.begin(), result.end());
  return result;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

Sample make_sample(const LaunchTimes& times, const ProbeFacts& facts, const std::string& machine) {
  Sample sample{.init = facts.init,
                .message = facts.message,
                .finalize = facts.finalize,
                .total = times.end - times.begin,
                .cpu = times.cpu,
                .facts = facts};
  const std::int64_t done = facts.main + facts.done;
  // The same boot id is not the same clock where rank 0 has a time namespace of its own.
  if (facts.machine == machine && facts.main >= times.begin && done <= times.end) {
    sample.start = facts.main - times.begin;
    sample.end = times.end - done;
  }
  return sample;
}

Figures summarize(const std::vector<Sample>& samples) {
  assert(!samples.empty());
  Figures figures;
  const auto add_median = [&](const char* name, const auto& value) {
    if (const auto sorted = values(samples, value); !sorted.empty()) figures[name] = percentile(sorted, 50);
  };
  add_median("start_ns", [](const Sample& sample) { return sample.start; });
  add_median("init_ns", [](const Sample& sample) { return sample.init; });
  add_median("message_ns", [](const Sample& sample) { return sample.message; });
  add_median("end_ns", [](const Sample& sample) { return sample.end; });
  add_median("finalize_ns", [](const Sample& sample) { return sample.finalize; });
  const auto totals = values(samples, [](const Sample& sample) { return sample.total; });
  figures["min_ns"] = totals.front();
  figures["p50_ns"] = percentile(totals, 50);
  figures["max_ns"] = totals.back();
  figures["mean_ns"] = mean(totals);
  figures["cpu_ns"] = mean(values(samples, [](const Sample& sample) { return sample.cpu; }));
  figures["ranks"] = samples.front().facts.ranks;
  figures["nodes"] = samples.front().facts.nodes;
  figures["samples"] = static_cast<double>(samples.size());
  return figures;
}

}  // namespace shipyard::bench
