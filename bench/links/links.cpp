#include "bench/links/links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "bench/harness/statistics.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {
namespace {

constexpr std::size_t kLongestName = 24;
constexpr int kGap = 2;  // between columns

/// `   3  node-3`, to which the row's figures are appended.
class RowLabels {
 public:
  explicit RowLabels(const std::vector<std::string>& names)
      : number_(static_cast<int>(std::to_string(names.size()).size())) {
    for (const auto& name : names) {
      names_.push_back(shortened(name, kLongestName));
      name_ = std::max(name_, static_cast<int>(std::min(name.size(), kLongestName)));
    }
  }
  [[nodiscard]] int width() const { return kGap + number_ + kGap + name_; }
  [[nodiscard]] std::string of(std::size_t node) const {
    return fmt::format("\n{:{}}{:>{}}{:{}}{:<{}}", "", kGap, node + 1, number_, "", kGap, names_[node],
                       name_);
  }

 private:
  int number_;
  int name_ = 0;
  std::vector<std::string> names_;
};

std::string cell(const LinkFigure& figure, double value) {
  return value > 0 ? fmt::format("{:.{}f}", value * figure.scale, figure.decimals) : "-";
}

int cell_width(const LinkFigure& figure) {
  std::size_t widest = std::to_string(figure.matrix.values.size()).size();
  for (const auto& row : figure.matrix.values) {
    for (const double value : row) widest = std::max(widest, cell(figure, value).size());
  }
  return static_cast<int>(widest) + kGap;
}

std::string matrix_text(const RowLabels& labels, const LinkFigure& figure) {
  const std::size_t count = figure.matrix.values.size();
  const int width = cell_width(figure);
  std::string text = fmt::format("\n  {}, from (row) to (column)\n\n{:{}}", figure.title, "", labels.width());
  for (std::size_t to = 0; to < count; ++to) text += fmt::format("{:>{}}", to + 1, width);
  for (std::size_t from = 0; from < count; ++from) {
    text += labels.of(from);
    for (std::size_t to = 0; to < count; ++to)
      text += fmt::format("{:>{}}", cell(figure, figure.matrix.values[from][to]), width);
  }
  return text + "\n";
}

/// Of each node the median and the worst of its links, in both directions.
std::string nodes_text(const RowLabels& labels, const LinkFigure& figure) {
  const auto& values = figure.matrix.values;
  std::string text = fmt::format("\n  {}, of the links from and to each node\n\n{:{}}{:>12}{:>12}   {}",
                                 figure.title, "", labels.width(), "median", "worst", "with");
  for (std::size_t node = 0; node < values.size(); ++node) {
    std::vector<std::pair<double, std::size_t>> links;  // best first
    for (std::size_t other = 0; other < values.size(); ++other) {
      for (const double value : {values[node][other], values[other][node]}) {
        if (value > 0) links.emplace_back(value, other);
      }
    }
    std::sort(links.begin(), links.end());
    if (figure.more_is_better) std::reverse(links.begin(), links.end());
    text += labels.of(node);
    if (links.empty()) {
      text += fmt::format("{:>12}{:>12}", "-", "-");
    } else {
      text += fmt::format("{:>12}{:>12}   {}", cell(figure, links[(links.size() - 1) / 2].first),
                          cell(figure, links.back().first), links.back().second + 1);
    }
  }
  return text + "\n";
}

/// The better of the two in the middle: with three nodes one of a good node's two links leads to the slow
/// one.
double better_median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[(times.size() - 1) / 2];
}

}  // namespace

int rounds_for(int nodes) { return nodes % 2 == 0 ? nodes - 1 : nodes; }

int partner_of(int node, int round, int nodes) {
  // With an odd number there is an empty place, whose partner rests.
  const int even = nodes + nodes % 2;
  const int moving = even - 1;
  int partner = 0;
  if (node == moving) {
    // The one that is its own mirror image: 2 * p = round, modulo an odd number.
    partner = round % 2 == 0 ? round / 2 : (round + moving) / 2;
  } else {
    partner = ((round - node) % moving + moving) % moving;
    if (partner == node) partner = moving;
  }
  return partner < nodes ? partner : node;
}

Verdict judge_links(const LinkMatrix& matrix, bool more_is_better, double worse) {
  const auto count = matrix.values.size();
  // As times, whatever they are.
  const auto time_of = [&](double value) { return more_is_better ? 1 / value : value; };
  std::vector<double> all;
  std::vector<std::vector<double>> leaving(count);
  std::vector<std::vector<double>> arriving(count);
  for (std::size_t from = 0; from < count; ++from) {
    for (std::size_t to = 0; to < count; ++to) {
      if (from == to || matrix.values[from][to] <= 0) continue;
      const double time = time_of(matrix.values[from][to]);
      all.push_back(time);
      leaving[from].push_back(time);
      arriving[to].push_back(time);
    }
  }
  Verdict verdict;
  if (all.empty()) return verdict;
  const Middle links = middle_of(all);
  verdict.typical = time_of(links.median);
  if (count < 3) return verdict;

  std::vector<double> worst_of_node(count);  // 0: nothing measured
  for (std::size_t node = 0; node < count; ++node) {
    for (const auto* links_of_node : {&leaving[node], &arriving[node]}) {
      if (!links_of_node->empty())
        worst_of_node[node] = std::max(worst_of_node[node], better_median(*links_of_node));
    }
  }
  std::vector<double> measured;
  std::copy_if(worst_of_node.begin(), worst_of_node.end(), std::back_inserter(measured),
               [](double value) { return value > 0; });
  const Middle nodes = middle_of(measured);
  std::vector<char> slow(count);
  for (std::size_t node = 0; node < count; ++node) {
    if (worst_of_node[node] <= 0 || !stands_out(worst_of_node[node], nodes, worse)) continue;
    slow[node] = 1;
    verdict.nodes.push_back({static_cast<int>(node), time_of(worst_of_node[node])});
  }
  for (std::size_t from = 0; from < count; ++from) {
    for (std::size_t to = 0; to < count; ++to) {
      const double value = matrix.values[from][to];
      if (from == to || value <= 0 || slow[from] || slow[to] || !stands_out(time_of(value), links, worse))
        continue;
      verdict.links.push_back({static_cast<int>(from), static_cast<int>(to), value});
    }
  }
  return verdict;
}

std::string links_text(const std::vector<std::string>& names, const std::vector<LinkFigure>& figures) {
  const RowLabels labels(names);
  const bool fits = std::all_of(figures.begin(), figures.end(), [&](const LinkFigure& figure) {
    return labels.width() + static_cast<int>(names.size()) * cell_width(figure) <= kLineWidth;
  });
  std::string text;
  for (const LinkFigure& figure : figures)
    text += fits ? matrix_text(labels, figure) : nodes_text(labels, figure);
  if (!fits) text += "\n  The report (--out), and scripts/plot's picture of it, have every link.\n";
  return text;
}

std::vector<std::string> unmet_by_links(const Options& options, const std::vector<std::string>& names,
                                        const LinkMatrix& latency, const LinkMatrix& bandwidth) {
  std::vector<std::string> lines;
  const auto judge = [&](const std::string& option, const LinkMatrix& matrix, bool more_is_better,
                         double wanted, double scale, const char* unit) {
    const auto is_worse = [&](double a, double b) { return more_is_better ? a < b : a > b; };
    SlowLink worst;
    std::size_t missing = 0;
    for (std::size_t from = 0; from < names.size(); ++from) {
      for (std::size_t to = 0; to < names.size(); ++to) {
        const double value = matrix.values[from][to];
        if (from == to) continue;
        if (value <= 0) {
          ++missing;
        } else if (worst.value == 0 || is_worse(value, worst.value)) {
          worst = {static_cast<int>(from), static_cast<int>(to), value};
        }
      }
    }
    const std::string what = fmt::format("{} {:g} {}: ", option, wanted * scale, unit);
    if (worst.value > 0 && is_worse(worst.value, wanted)) {
      lines.push_back(what + fmt::format("the worst link, from {} to {}, has {:.5g} {}", names[worst.from],
                                         names[worst.to], worst.value * scale, unit));
    }
    if (missing > 0)
      lines.push_back(what +
                      fmt::format("{} link{} not measured", missing, missing == 1 ? " was" : "s were"));
  };
  if (const auto most = options.expect_latency_ns)
    judge("--expect-latency", latency, false, *most, 1e-3, "us");
  if (const auto least = options.expect_bandwidth_mb)
    judge("--expect-bandwidth", bandwidth, true, *least, 1, "MB/s");
  return lines;
}

}  // namespace shipyard::bench
