#include "bench/harness/reporters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/file.hpp"

namespace shipyard::bench {

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

TableReporter::TableReporter(const Leadership& leadership, std::string head)
    : leadership_(leadership),
      table_(leadership.program.table ? leadership.program.table(leadership.options) : Table{}),
      head_(std::move(head)) {}

bool TableReporter::ReportContext(const Context&) {
  if (!is_osu()) print(head_);
  return true;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  leadership_.progress_line.clear();
  for (const Run& run : runs) {
    if (!run.counters.contains(kSamples)) continue;  // left out: the note at the end says why
    Figures figures;
    for (const auto& [name, counter] : run.counters) figures[name] = counter.value;
    figures["iterations"] = static_cast<double>(run.iterations);
    figures["mean_ns"] = run.GetAdjustedRealTime();
    if (figures[kBytes] == 0) {
      figures.erase(kBandwidth);
      figures.erase(kMeanBandwidth);
    }
    const std::string kernel = run.run_name.function_name.substr(0, run.run_name.function_name.find('/'));
    if (kernel != kernel_) print(title(kernel));
    kernel_ = kernel;
    print(is_osu() ? osu_row(figures) : format_row(table_, figures));
  }
}

bool TableReporter::is_sized(const std::string& kernel) const {
  const auto& kernels = leadership_.program.kernels;
  return std::any_of(kernels.begin(), kernels.end(),
                     [&](const Kernel& one) { return one.name == kernel && one.sized; });
}

std::string TableReporter::title(const std::string& kernel) const {
  const auto& program = leadership_.program;
  const bool several = program.kernels.size() > 1;
  if (!is_osu()) return "\n" + (several ? "  " + kernel + "\n" : std::string()) + format_head(table_);
  const OsuTable& osu = program.osu;
  std::string head = fmt::format(
      "{}# shipyard {} {}{}, columns as {} has them\n", kernel_.empty() ? "" : "\n", program.text.name,
      SHIPYARD_VERSION, several ? ", " + kernel : "", osu.title.empty() ? "osu_" + kernel : osu.title);
  if (!is_sized(kernel)) return head + "# " + osu.column + "\n";
  head += fmt::format("{:<10}{:>20}", "# Size", osu.column);
  return head + (osu.second_column.empty() ? "" : fmt::format("{:>20}", osu.second_column)) + "\n";
}

std::string TableReporter::osu_row(const Figures& figures) const {
  const OsuTable& osu = leadership_.program.osu;
  const auto value = [&](const std::string& figure) {
    const auto found = figures.find(figure);
    return found == figures.end() ? 0.0 : found->second;
  };
  if (!is_sized(kernel_))  // as wide as "# Avg Latency(us)"
    return fmt::format("{:>17.2f}\n", value(osu.figure) * osu.scale);
  const double ranks =
      kernel_ == osu.of_all_ranks ? static_cast<double>(leadership_.selection.ranks.size()) : 1;
  return fmt::format("{:<10}{:>20.2f}{}\n", static_cast<std::int64_t>(figures.at(kBytes) * ranks),
                     value(osu.figure) * osu.scale,
                     osu.second_column.empty() ? "" : fmt::format("{:>20.2f}", value(osu.second_figure)));
}

bool HeadReporter::ReportContext(const Context&) {
  print(head_);
  return true;
}

Reports::Reports(benchmark::BenchmarkReporter& display, std::string file,
                 const std::map<std::string, std::int64_t>& iterations)
    : display_(display), file_(std::move(file)), iterations_(iterations) {
  json_.SetOutputStream(&text_);
  json_.SetErrorStream(&text_);
}

bool Reports::ReportContext(const Context& context) {
  if (!file_.empty()) json_.ReportContext(context);
  return display_.ReportContext(context);
}

void Reports::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> corrected = runs;
  for (Run& run : corrected) {
    const auto found = iterations_.find(run.run_name.function_name);
    if (found == iterations_.end()) continue;
    run.real_accumulated_time *= static_cast<double>(found->second);
    run.iterations = found->second;
  }
  display_.ReportRuns(corrected);
  if (file_.empty()) return;
  json_.ReportRuns(corrected);
  // Between sizes a file alone, since a pipe has one report, and seldom: a survey has all its entries at
  // once.
  std::error_code ignored;
  if (Clock::now() >= next_write_ && !std::filesystem::is_other(file_, ignored)) write();
}

void Reports::Finalize() {
  display_.Finalize();
  if (!file_.empty()) write();
}

void Reports::write() {
  constexpr const char* kEnd = "\n  ]\n}\n";  // as its Finalize() has it
  const auto begin = Clock::now();
  const auto written = write_file_atomically(file_, text_.str() + kEnd, 0644);
  error_ = written ? std::nullopt : std::optional(written.error());
  const auto end = Clock::now();
  next_write_ = end + std::max<Clock::duration>(std::chrono::seconds(1), 20 * (end - begin));
}

}  // namespace shipyard::bench
