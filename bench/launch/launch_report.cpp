#include "bench/launch/launch_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "base/shell_quote.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMilliseconds = 1e-6;

/// Besides the whole launch's mean and CPU time, which Google Benchmark has fields for.
constexpr const char* kCounters[] = {"end_ns", "finalize_ns", "init_ns", "max_ns",  "message_ns", "min_ns",
                                     "nodes",  "p50_ns",      "ranks",   "samples", "start_ns"};

std::string benchmark_name(const Count& count) { return "launch/" + count.name; }

/// "1,2,4", each once, in the order of the counts.
template <typename Value>
std::string each_once(const std::vector<Measured>& counts, const Value& value) {
  std::vector<std::string> words;
  for (const Measured& one : counts) {
    for (const Sample& sample : one.samples) {
      auto word = fmt::format("{}", value(sample.facts));
      if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
    }
  }
  return fmt::format("{}", fmt::join(words, ","));
}

std::string mpi_libraries(const std::vector<Measured>& counts) {
  return each_once(counts, [](const ProbeFacts& facts) { return facts.mpi_library; });
}

Table phases_table(int launches) {
  const auto time = [](const char* title, const char* figure, int width, int decimals = 1) {
    return Column{
        .title = title, .figure = figure, .scale = kMilliseconds, .decimals = decimals, .width = width};
  };
  const std::string medians = launches == 1 ? "one launch, ms" : "median, ms";
  return {.spans = {{.title = medians, .first = 2, .last = 6}, {.title = "total, ms", .first = 7, .last = 8}},
          .columns = {{.title = "nodes", .figure = "nodes", .width = 5},
                      {.title = "ranks", .figure = "ranks", .width = 7},
                      time("start", "start_ns", 9),
                      time("MPI_Init", "init_ns", 10),
                      time("message", "message_ns", 10, 3),
                      time("end", "end_ns", 10),
                      time("total", "p50_ns", 10),
                      time("min", "min_ns", 10),
                      time("max", "max_ns", 9)}};
}

std::string launches_text(const LaunchReport& report) {
  std::string text = fmt::format("{} of each count, by turns", report.launches);
  if (report.warmup > 0) text += fmt::format(", after {} that did not count", report.warmup);
  if (!report.left_out.empty()) text += "; " + report.left_out;
  return text;
}

Json context_of(const LaunchReport& report) {
  auto notes = notes_on(report.counts);
  if (!report.left_out.empty()) notes.push_back(report.left_out);
  Json context;
  context["date"] = report.date;
  context["host_name"] = report.host;
  context["executable"] = report.executable;
  context["num_cpus"] = report.cpus;
  context["load_avg"] = report.load;
  context["shipyard_version"] = SHIPYARD_VERSION;
  context["benchmark"] = "launch";
  context["mpi_library"] = mpi_libraries(report.counts);
  context["mpi_settings"] = report.mpi_settings;
  context["vm_size"] = report.vm_size;
  context["ranks"] = each_once(report.counts, [](const ProbeFacts& facts) { return facts.ranks; });
  context["nodes"] = each_once(report.counts, [](const ProbeFacts& facts) { return facts.nodes; });
  context["command"] = shell_quote(report.pattern);
  context["launches"] = std::to_string(report.launches);
  context["warmup"] = std::to_string(report.warmup);
  context["notes"] = fmt::format("{}", fmt::join(notes, "; "));
  return context;
}

}  // namespace

bool LaunchReport::is_empty() const {
  return std::all_of(counts.begin(), counts.end(), [](const Measured& one) { return one.samples.empty(); });
}

std::vector<std::string> notes_on(const std::vector<Measured>& counts) {
  std::vector<std::string> notes;
  std::vector<std::string> shared;
  bool elsewhere = false;
  for (const auto& [count, samples] : counts) {
    const auto any = [&samples = samples](const auto& is_so) {
      return std::any_of(samples.begin(), samples.end(), is_so);
    };
    elsewhere = elsewhere || any([](const Sample& sample) { return !sample.start; });
    if (any([](const Sample& sample) { return sample.facts.machines < sample.facts.nodes; }))
      shared.push_back(count.name);
    for (const Sample& sample : samples) {
      const int nodes = sample.facts.nodes;
      if (!count.nodes || nodes == *count.nodes) continue;
      notes.push_back(
          fmt::format("launch/{}: the ranks ran on {} node{}", count.name, nodes, nodes == 1 ? "" : "s"));
      break;
    }
  }
  if (elsewhere) notes.emplace_back("rank 0 ran on another machine, so start and end are not known");
  if (!shared.empty())
    notes.push_back(fmt::format("nodes share a machine and its CPUs: launch/{}", fmt::join(shared, ",")));
  return notes;
}

std::string launch_table(const LaunchReport& report) {
  assert(!report.is_empty());
  const Table table = phases_table(report.launches);
  std::string text = fmt::format("launch {}\n\n", SHIPYARD_VERSION) +
                     format_fact("MPI", mpi_libraries(report.counts)) +
                     format_fact("command", shell_quote(report.pattern)) +
                     format_fact("launches", launches_text(report)) + "\n" + format_head(table);
  for (const Measured& one : report.counts) {
    if (!one.samples.empty()) text += format_row(table, summarize(one.samples));
  }
  return text;
}

std::string launch_json(const LaunchReport& report) {
  Json benchmarks = Json::array();
  for (std::size_t i = 0; i < report.counts.size(); ++i) {
    const auto& [count, samples] = report.counts[i];
    Json one;
    one["name"] = benchmark_name(count);
    one["family_index"] = i;
    one["per_family_instance_index"] = 0;
    one["run_name"] = benchmark_name(count);
    one["run_type"] = "iteration";
    one["repetitions"] = 1;
    one["repetition_index"] = 0;
    one["threads"] = 1;
    if (samples.empty()) {
      one["error_occurred"] = true;
      one["error_message"] = "not measured: " + report.left_out;
    }
    const Figures figures = samples.empty() ? Figures{} : summarize(samples);
    one["iterations"] = samples.size();
    one["real_time"] = samples.empty() ? 0 : figures.at("mean_ns");
    one["cpu_time"] = samples.empty() ? 0 : figures.at("cpu_ns");
    one["time_unit"] = "ns";
    for (const char* counter : kCounters) {
      if (const auto found = figures.find(counter); found != figures.end()) one[counter] = found->second;
    }
    benchmarks.push_back(std::move(one));
  }
  const Json document{{"context", context_of(report)}, {"benchmarks", std::move(benchmarks)}};
  // An argument or a variable may hold any byte; JSON is UTF-8.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string launch_csv(const LaunchReport& report) {
  std::string text =
      "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,label,error_occurred,"
      "error_message";
  for (const char* counter : kCounters) text += fmt::format(",\"{}\"", counter);
  text += "\n";
  for (const auto& [count, samples] : report.counts) {
    const std::string name = fmt::format("\"{}\"", benchmark_name(count));
    if (samples.empty()) {
      text += fmt::format("{},,,,,,,,true,\"not measured: {}\"", name, report.left_out);
      for ([[maybe_unused]] const char* counter : kCounters) text += ",";
    } else {
      const Figures figures = summarize(samples);
      text += fmt::format("{},{},{},{},ns,,,,,", name, samples.size(), figures.at("mean_ns"),
                          figures.at("cpu_ns"));
      for (const char* counter : kCounters) {
        const auto found = figures.find(counter);
        text += found == figures.end() ? "," : fmt::format(",{}", found->second);
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace shipyard::bench
