#include "launcher/preflight/link_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace shipyard::launcher::preflight {
namespace {

using nlohmann::json;

/// Far more than any pool has; bounds what a broken report can make of the memory.
constexpr std::size_t kMostNodes = 100'000;

Error unreadable(const std::string& what) {
  return input_error("allpairs' report: " + what,
                     "shipyard-mpirun and allpairs must be of the same version, and nothing else may write "
                     "to standard output");
}

std::string_view from_first_brace_line(std::string_view text) {
  while (!text.empty() && text.front() != '{') {
    const auto end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return text;
}

/// A number of the entry; nullopt where it has none of that name, or one out of bounds.
std::optional<double> number(const json& entry, const char* name, double least, double most) {
  const auto found = entry.find(name);
  if (found == entry.end() || !found->is_number()) return std::nullopt;
  const auto value = found->get<double>();
  if (!std::isfinite(value) || value < least || value > most) return std::nullopt;
  return value;
}

bool is_true(const json& entry, const char* name) {
  const auto found = entry.find(name);
  return found != entry.end() && found->is_boolean() && found->get<bool>();
}

/// Of some numbers, which are moved about; 0 of none.
double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

template <typename Accept>
LinkFigures medians(const std::vector<Link>& links, Accept accept) {
  std::vector<double> latencies;
  std::vector<double> bandwidths;
  for (const auto& link : links) {
    if (!accept(link)) continue;
    latencies.push_back(link.figures.latency_ns);
    bandwidths.push_back(link.figures.bandwidth_mb);
  }
  return {median(std::move(latencies)), median(std::move(bandwidths))};
}

/// False where something is missing or impossible.
bool take_entry(const json& entry, LinkReport& report) {
  constexpr double kHuge = 1e18;
  const auto last = static_cast<double>(report.nodes - 1);
  const auto from = number(entry, "from", 0, last);
  const auto to = number(entry, "to", 0, last);
  const auto latency = number(entry, "latency_ns", 0, kHuge);
  const auto bandwidth = number(entry, "bandwidth_MB_per_s", 0, kHuge);
  const auto slow = number(entry, "slow", 0, 1);
  const auto from_slow = number(entry, "from_slow", 0, 1);
  const auto to_slow = number(entry, "to_slow", 0, 1);
  if (!from || !to || *from == *to || !latency || !bandwidth || !slow || !from_slow || !to_slow) return false;
  const Link link{.from = static_cast<std::size_t>(*from),
                  .to = static_cast<std::size_t>(*to),
                  .figures = {*latency, *bandwidth},
                  .slow = *slow > 0};
  if (*from_slow > 0) report.slow_nodes[link.from] = true;
  if (*to_slow > 0) report.slow_nodes[link.to] = true;
  report.links.push_back(link);
  return true;
}

}  // namespace

LinkFigures LinkReport::typical() const {
  const auto good =
      medians(links, [&](const Link& link) { return !slow_nodes[link.from] && !slow_nodes[link.to]; });
  return good.latency_ns > 0 ? good : medians(links, [](const Link&) { return true; });
}

LinkFigures LinkReport::of_node(std::size_t node) const {
  const auto from = medians(links, [&](const Link& link) { return link.from == node; });
  const auto to = medians(links, [&](const Link& link) { return link.to == node; });
  return {std::max(from.latency_ns, to.latency_ns), std::min(from.bandwidth_mb, to.bandwidth_mb)};
}

std::vector<Link> LinkReport::slow_links() const {
  std::vector<Link> result;
  for (const auto& link : links) {
    if (link.slow && !slow_nodes[link.from] && !slow_nodes[link.to]) result.push_back(link);
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Link& a, const Link& b) { return a.figures.latency_ns > b.figures.latency_ns; });
  return result;
}

Result<LinkReport> parse_link_report(std::string_view text) {
  text = from_first_brace_line(text);
  if (text.empty()) return unreadable("there is none");
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception&) {
    return unreadable("not JSON");
  }
  const auto context = document.find("context");
  const auto entries = document.find("benchmarks");
  if (context == document.end() || entries == document.end() || !context->is_object() || !entries->is_array())
    return unreadable("there is no \"context\" and \"benchmarks\" in it");
  const auto names = context->find("node_names");
  if (names == context->end() || !names->is_string() || names->get_ref<const std::string&>().empty())
    return unreadable("there is no \"node_names\" in its context");
  const auto& list = names->get_ref<const std::string&>();
  LinkReport report{.nodes = 1 + static_cast<std::size_t>(std::count(list.begin(), list.end(), ','))};
  if (report.nodes > kMostNodes) return unreadable(fmt::format("{} nodes", report.nodes));
  report.slow_nodes.assign(report.nodes, false);
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const json& entry = (*entries)[i];
    if (!entry.is_object()) return unreadable(fmt::format("entry {} is no object", i));
    // What was not measured: `error_occurred` up to Google Benchmark 1.8, `skipped` from then on.
    if (is_true(entry, "error_occurred") || is_true(entry, "skipped")) continue;
    if (!take_entry(entry, report))
      return unreadable(fmt::format("entry {} lacks a figure, or has an impossible one", i));
  }
  return report;
}

}  // namespace shipyard::launcher::preflight
