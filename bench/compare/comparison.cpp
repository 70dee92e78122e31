#include "bench/compare/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <set>

#include "base/command_line.hpp"
#include "bench/harness/statistics.hpp"

namespace shipyard::bench {
namespace {

/// Facts of the context that make one launch another measurement than the next. Others change with each
/// launch by their nature (date, load, cost of the clock) or say less than these.
constexpr const char* kFacts[] = {"fabric",
                                  "nodes",
                                  "ranks",
                                  "measuring_ranks",
                                  "pair",
                                  "pairs",
                                  "window",
                                  "buffers",
                                  "min_time",
                                  "max_time",
                                  "duration",
                                  "warmup",
                                  "quick",
                                  "mpi_library",
                                  "mpi_transport",
                                  "mpi_settings",
                                  "vm_size",
                                  "measuring_hosts",
                                  "command",
                                  "shipyard_version",
                                  "library_build_type"};

std::vector<std::string> values_of(const std::vector<Report>& reports, const std::string& fact) {
  std::set<std::string> values;
  for (const Report& report : reports) {
    const auto found = report.facts.find(fact);
    values.insert(found == report.facts.end() ? "not said" : found->second);
  }
  return {values.begin(), values.end()};
}

std::vector<Difference> differences(const std::vector<Report>& a, const std::vector<Report>& b) {
  std::vector<Difference> found;
  for (const std::string fact : kFacts) {
    Difference difference{fact, values_of(a, fact), values_of(b, fact)};
    if (difference.a.size() > 1 || difference.a != difference.b) found.push_back(std::move(difference));
  }
  return found;
}

std::optional<Error> other_benchmark(const std::vector<Report>& a, const std::vector<Report>& b) {
  const auto benchmark = [](const Report& report) {
    const auto found = report.facts.find("benchmark");
    return found == report.facts.end() ? std::string("another program") : found->second;
  };
  for (const auto* side : {&a, &b}) {
    for (const Report& report : *side) {
      if (benchmark(report) == benchmark(a.front())) continue;
      return input_error(fmt::format("{} is of {}, {} of {}: there is nothing to compare", a.front().source,
                                     benchmark(a.front()), report.source, benchmark(report)));
    }
  }
  return std::nullopt;
}

/// A figure that is no number, null in the report, is like another one.
bool same_figures(const Report& a, const Report& b) {
  const auto like = [](double one, double other) {
    return one == other || (std::isnan(one) && std::isnan(other));
  };
  const auto same = [&](const auto& one, const auto& other) {
    return one.first == other.first &&
           std::equal(one.second.begin(), one.second.end(), other.second.begin(), other.second.end(), like);
  };
  return std::equal(a.measurements.begin(), a.measurements.end(), b.measurements.begin(),
                    b.measurements.end(), [&](const auto& one, const auto& other) {
                      return one.name == other.name &&
                             std::equal(one.figures.begin(), one.figures.end(), other.figures.begin(),
                                        other.figures.end(), same);
                    });
}

/// A copy of a report is no other launch: with five of one, anything would be different. Two launches can
/// have one date, which is in seconds, and not all figures.
std::optional<Error> same_report(const std::vector<Report>& a, const std::vector<Report>& b) {
  std::multimap<std::string, const Report*> by_date;
  for (const auto* side : {&a, &b}) {
    for (const Report& report : *side) {
      const auto date = report.facts.find("date");
      if (date == report.facts.end() || report.measurements.empty()) continue;
      const auto [first, last] = by_date.equal_range(date->second);
      const auto found =
          std::find_if(first, last, [&](const auto& one) { return same_figures(*one.second, report); });
      if (found != last)
        return input_error(fmt::format("{} and {} have the same date and figures, and a launch counts once",
                                       found->second->source, report.source));
      by_date.emplace(date->second, &report);
    }
  }
  return std::nullopt;
}

const Measurement* find(const Report& report, const std::string& name) {
  const auto found = std::find_if(report.measurements.begin(), report.measurements.end(),
                                  [&](const Measurement& one) { return one.name == name; });
  return found == report.measurements.end() ? nullptr : &*found;
}

/// Whether the figure is 0 wherever there is one at this size: the bandwidth of messages without bytes.
bool is_always_zero(const std::vector<Report>& a, const std::vector<Report>& b, const std::string& name,
                    const std::string& figure) {
  bool is_there = false;
  for (const auto* side : {&a, &b}) {
    for (const Report& report : *side) {
      const Measurement* measurement = find(report, name);
      if (measurement == nullptr) continue;
      const auto found = measurement->figures.find(figure);
      if (found == measurement->figures.end()) continue;
      for (const double value : found->second) {
        if (value != 0) return false;
        is_there = true;
      }
    }
  }
  return is_there;
}

/// One size on one side.
struct Sample {
  std::size_t measured = 0;    ///< launches that have the size
  std::vector<double> values;  ///< of the launches that have the figure there
};

Result<Sample> sample(const std::vector<Report>& reports, const std::string& name,
                      const std::string& figure) {
  Sample result;
  for (const Report& report : reports) {
    const Measurement* measurement = find(report, name);
    if (measurement == nullptr) continue;
    ++result.measured;
    const auto found = measurement->figures.find(figure);
    if (found == measurement->figures.end()) continue;
    for (const double value : found->second) {
      if (std::isfinite(value) && value > 0) continue;
      return input_error(std::isfinite(value)
                             ? fmt::format("{}: {}: {} is {:g}, and there is no ratio to that", report.source,
                                           name, figure, value)
                             : fmt::format("{}: {}: {} is not a number", report.source, name, figure));
    }
    result.values.push_back(median(found->second));
  }
  return result;
}

/// Why a size is left out; empty where it is not.
std::string reason(const Sample& a, std::size_t launches_a, const Sample& b, std::size_t launches_b,
                   const std::string& figure) {
  if (a.values.size() == launches_a && b.values.size() == launches_b) return {};
  if (b.measured == 0) return "in A only";
  if (a.measured == 0) return "in B only";
  if (a.values.empty() && b.values.empty()) return "without " + figure;
  return fmt::format("in {} of {} launches of A, {} of {} of B", a.values.size(), launches_a, b.values.size(),
                     launches_b);
}

std::vector<std::string> size_names(const std::vector<Report>& a, const std::vector<Report>& b) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const auto* side : {&a, &b}) {
    for (const Report& report : *side) {
      for (const Measurement& measurement : report.measurements) {
        if (seen.insert(measurement.name).second) names.push_back(measurement.name);
      }
    }
  }
  return names;
}

Error nothing_left(const std::vector<Report>& a, const std::vector<Report>& b, const std::string& figure) {
  std::set<std::string> figures;
  for (const auto* side : {&a, &b}) {
    for (const Report& report : *side) {
      for (const Measurement& measurement : report.measurements) {
        for (const auto& [name, values] : measurement.figures) figures.insert(name);
      }
    }
  }
  if (figures.empty()) return input_error(a.front().source + ": nothing was measured");
  if (figures.contains(figure)) return input_error("A and B have no size in common");
  const auto nearest = nearest_match(figure, {figures.begin(), figures.end()});
  return input_error(
      fmt::format("no size has the figure '{}'{}", figure,
                  nearest.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest)));
}

void judge(Comparison& comparison) {
  const double alpha = comparison.question.alpha;
  const std::size_t tests = comparison.sizes.size();
  comparison.launches_needed = launches_needed(tests, alpha);
  const bool possible =
      static_cast<double>(tests) * least_p(comparison.launches_a, comparison.launches_b) < alpha;
  std::vector<double> p;
  for (const auto& size : comparison.sizes) p.push_back(size.p);
  const auto corrected = holm(p);
  for (std::size_t i = 0; i < tests; ++i) {
    auto& size = comparison.sizes[i];
    size.corrected_p = corrected[i];
    if (!possible) continue;
    const bool more = size.ratio > 1;
    size.verdict = corrected[i] >= alpha                                   ? Verdict::kSame
                   : more == (comparison.question.better == Better::kLess) ? Verdict::kSlower
                                                                           : Verdict::kFaster;
  }
}

}  // namespace

bool is_rate(std::string_view figure) {
  return figure.ends_with("_per_s") || figure.ends_with("_per_second");
}

std::size_t Comparison::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::count_if(
      sizes.begin(), sizes.end(), [&](const SizeComparison& size) { return size.verdict == verdict; }));
}

Result<Comparison> compare(const std::vector<Report>& a, const std::vector<Report>& b,
                           const Question& question) {
  assert(!a.empty() && !b.empty());
  if (auto error = other_benchmark(a, b)) return *error;
  if (auto error = same_report(a, b)) return *error;
  Comparison comparison{.question = question, .launches_a = a.size(), .launches_b = b.size()};
  if (!comparison.question.better)
    comparison.question.better = is_rate(question.figure) ? Better::kMore : Better::kLess;
  comparison.differences = differences(a, b);

  std::size_t zeros = 0;
  for (const std::string& name : size_names(a, b)) {
    if (is_always_zero(a, b, name, question.figure)) {
      comparison.left_out.push_back({name, question.figure + " is 0"});
      ++zeros;
      continue;
    }
    const auto of_a = sample(a, name, question.figure);
    if (!of_a) return of_a.error();
    const auto of_b = sample(b, name, question.figure);
    if (!of_b) return of_b.error();
    if (auto why = reason(*of_a, a.size(), *of_b, b.size(), question.figure); !why.empty()) {
      comparison.left_out.push_back({name, std::move(why)});
      continue;
    }
    comparison.sizes.push_back({.name = name,
                                .a = median(of_a->values),
                                .b = median(of_b->values),
                                .ratio = ratio_estimate(of_a->values, of_b->values),
                                .interval = ratio_interval(of_a->values, of_b->values, 1 - question.alpha),
                                .p = mann_whitney_p(of_a->values, of_b->values)});
  }
  if (comparison.sizes.empty() && zeros > 0)
    return input_error(fmt::format("{} is 0 at every size that A and B have", question.figure));
  if (comparison.sizes.empty()) return nothing_left(a, b, question.figure);
  judge(comparison);
  return comparison;
}

}  // namespace shipyard::bench
