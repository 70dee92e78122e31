#include "launcher/topology_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"
#include "base/terminal.hpp"
#include "launcher/map/rows.hpp"
#include "launcher/map/summary.hpp"
#include "launcher/map/text.hpp"
#include "launcher/map/units.hpp"

namespace shipyard::launcher {
namespace {

using map::kBold;
using map::kDim;
using map::Line;
using topology::NodeLayout;
using topology::NodeTopology;

constexpr int kMinColumns = 40;
constexpr int kMaxColumns = 200;
/// For neighbouring ranks; without red, which means an error.
constexpr std::array<const char*, 5> kRankColours = {"36", "32", "33", "35", "34"};

std::string blanks(int count) { return std::string(static_cast<std::size_t>(std::max(0, count)), ' '); }

class NodeMap {
 public:
  NodeMap(const NodeTopology& node, const NodeLayout& layout, int first_rank, const MapStyle& style)
      : node_(node),
        layout_(layout),
        first_rank_(first_rank),
        style_(style),
        glyphs_(map::glyphs(style.unicode)),
        units_(node, layout, first_rank),
        arrangement_(units_, style.columns, glyphs_) {}

  std::string draw() {
    std::string text = lines_of(map::node_items(node_, glyphs_), glyphs_.dot, 0, kBold) +
                       lines_of(map::rank_items(node_, layout_, first_rank_, units_), glyphs_.dot) + "\n" +
                       table_head();
    int package = -1;
    for (const auto& domain : arrangement_.domains()) {
      const int of_domain = node_.numa_domains[static_cast<std::size_t>(domain.numa)].package;
      if (node_.packages.size() > 1 && of_domain != package) {
        text += package_rule(of_domain) + devices([&](const std::set<int>& near) {
                  return near.size() > 1 && all_in_package(near, of_domain);
                });
      }
      package = of_domain;
      for (std::size_t i = 0; i < domain.rows.size(); ++i) text += row_text(domain, i);
      text += devices([&](const std::set<int>& near) { return near == std::set<int>{domain.numa}; },
                      domain_memory(domain.numa));
    }
    text += devices_elsewhere() + sharing_;
    for (const auto& correction : node_.corrections) {
      text += "\n" + wrap("corrected: " + map::printable(correction), style_.columns, 2) + "\n";
    }
    return text + "\n" + legend();
  }

 private:
  [[nodiscard]] std::string lines_of(const std::vector<std::string>& items, const std::string& separator,
                                     int indent = 0, const char* colour = nullptr) const {
    std::string text;
    for (const auto& words : map::flow(items, separator, style_.columns - indent, glyphs_)) {
      Line line(style_.colour);
      line.pad_to(indent);
      line.put(words, colour);
      text += line.text();
    }
    return text;
  }

  [[nodiscard]] std::string table_head() const {
    const int level = map::common_cache_level(node_);
    Line line(style_.colour);
    line.put("NUMA CPUs", kDim);
    line.pad_to(arrangement_.body_column());
    const std::string caption =
        fmt::format("rank on each {}{}", units_.are_threads() ? "hardware thread" : "core",
                    level > 0 ? fmt::format(", by {}", map::cache_name(level)) : "");
    line.put(map::flow({caption}, "", style_.columns - line.width(), glyphs_).front(), kDim);
    return line.text();
  }

  [[nodiscard]] std::string package_rule(int package) const {
    std::set<std::string> models;
    for (const auto& other : node_.packages) models.insert(other.model);
    std::string title = fmt::format(" package {} ", package);
    const auto& model = node_.packages[static_cast<std::size_t>(package)].model;
    if (models.size() > 1 && !model.empty()) title += map::short_model(model) + " ";
    Line line(style_.colour);
    line.put(map::repeated(glyphs_.rule, 2), kDim);
    line.put(map::flow({title}, "", style_.columns - 4, glyphs_).front());
    line.put(map::repeated(glyphs_.rule, std::max(2, arrangement_.width() - line.width())), kDim);
    return line.text();
  }

  std::string row_text(const map::DomainRows& domain, std::size_t index) {
    const map::Row& row = domain.rows[index];
    const auto cpus = arrangement_.cpu_lines(row);
    const int number = node_.numa_domains[static_cast<std::size_t>(domain.numa)].os_index;
    Line line(style_.colour);
    line.put(fmt::format("{:>4} ", index > 0 ? "" : number < 0 ? "-" : std::to_string(number)));
    line.put(cpus.front(), kDim);
    line.pad_to(arrangement_.body_column());
    line.put(row.front().cut_left ? glyphs_.cut : glyphs_.border, kDim);
    used_cut_ = used_cut_ || row.front().cut_left || row.back().cut_right;
    for (const auto& piece : row) {
      draw_piece(piece, line);
      line.put(piece.cut_right ? glyphs_.cut : glyphs_.border, kDim);
    }
    std::string text = line.text();
    for (std::size_t i = 1; i < cpus.size(); ++i) {
      Line more(style_.colour);
      more.pad_to(5);
      more.put(cpus[i], kDim);
      text += more.text();
    }
    return text;
  }

  void draw_piece(const map::Piece& piece, Line& line) {
    for (std::size_t begin = piece.begin; begin < piece.end;) {
      if (begin > piece.begin) line.put(blanks(arrangement_.gap_before(begin)));
      const std::size_t end = units_.run_end(begin, piece.end);
      const int width = arrangement_.width_of_units(begin, end);
      if (units_[begin].ranks.empty()) {
        line.put(blanks(width - 1));
        line.put(layout_.bound ? glyphs_.idle : glyphs_.open, kDim);
        used_empty_ = true;
      } else if (end - begin == 1) {
        draw_single(begin, width, line);
      } else {
        draw_bar(begin, end, width, line);
      }
      begin = end;
    }
  }

  /// An arrow where the rank of `unit` goes on at unit `other` in another cache or NUMA domain, else empty.
  std::string_view mark(std::size_t unit, int other) {
    if (other < 0 || units_.same_cache(unit, static_cast<std::size_t>(other))) return {};
    const bool left = other < static_cast<int>(unit);
    if (units_[static_cast<std::size_t>(other)].numa != units_[unit].numa) {
      used_domain_mark_ = true;
      return left ? glyphs_.from_domain : glyphs_.to_domain;
    }
    used_mark_ = true;
    return left ? glyphs_.from : glyphs_.to;
  }

  void draw_single(std::size_t unit, int width, Line& line) {
    const std::string label = arrangement_.label(unit);
    const std::string text =
        fmt::format("{}{}{}", mark(unit, units_[unit].before), label, mark(unit, units_[unit].behind));
    line.put(blanks(width - map::width_of(text)));
    line.put(text);
    if (units_[unit].ranks.size() == 1 && single_sample_.empty()) single_sample_ = label;
    note_sharing(unit, unit + 1);
  }

  void draw_bar(std::size_t begin, std::size_t end, int width, Line& line) {
    const map::Unit& first = units_[begin];
    const map::Unit& last = units_[end - 1];
    std::string_view left = mark(begin, first.before);
    std::string_view right = mark(end - 1, last.behind);
    // Cut in two by the end of a line, or begun and ended here.
    const bool from_line_before = begin > 0 && first.before == static_cast<int>(begin) - 1;
    const bool to_line_behind = last.behind == static_cast<int>(end);
    if (left.empty()) left = from_line_before ? glyphs_.fill : glyphs_.begin;
    if (right.empty()) right = to_line_behind ? glyphs_.fill : glyphs_.end;

    const std::string label = arrangement_.label(begin);
    const bool spacious = map::width_of(label) + 4 <= width;
    const int fill = std::max(0, width - 2 - map::width_of(label) - (spacious ? 2 : 0));
    const auto rank = static_cast<std::size_t>(first.ranks.front() - first_rank_);
    const char* colour = kRankColours[rank % kRankColours.size()];
    line.put(fmt::format("{}{}", left, map::repeated(glyphs_.fill, fill / 2)), colour);
    line.put(spacious ? " " + label + " " : label, kBold);
    line.put(fmt::format("{}{}", map::repeated(glyphs_.fill, fill - fill / 2), right), colour);
    if (first.ranks.size() == 1 && bar_sample_.empty()) bar_sample_ = label;
    note_sharing(begin, end);
  }

  /// For the legend, and below the drawing the ranks that have no room in it.
  void note_sharing(std::size_t begin, std::size_t end) {
    const auto& ranks = units_[begin].ranks;
    const std::string label = arrangement_.label(begin);
    const std::string list = map::list_text(ranks);
    if (ranks.size() > 1 && shared_sample_.empty()) shared_sample_ = label;
    if (label == list) return;
    std::vector<std::string> items = {fmt::format("CPU {}: ranks ", map::list_text(units_.cpus(begin, end)))};
    for (std::size_t at = 0; at < list.size();) {
      const std::size_t next = std::min(list.find(',', at), list.size() - 1) + 1;
      items.push_back(list.substr(at, next - at));
      at = next;
    }
    sharing_ += lines_of(items, "");
  }

  // --- memory and devices

  [[nodiscard]] bool all_in_package(const std::set<int>& domains, int package) const {
    return std::all_of(domains.begin(), domains.end(), [&](int domain) {
      return node_.numa_domains[static_cast<std::size_t>(domain)].package == package;
    });
  }

  [[nodiscard]] std::string gpu_text(std::size_t gpu) const {
    std::vector<int> ranks;
    bool dealt_out = false;
    for (std::size_t rank = 0; rank < layout_.ranks.size(); ++rank) {
      const int own = layout_.ranks[rank].gpu;
      dealt_out = dealt_out || own >= 0;
      if (own == static_cast<int>(gpu)) ranks.push_back(first_rank_ + static_cast<int>(rank));
    }
    if (!dealt_out) return fmt::format("GPU {}", gpu);
    return fmt::format("GPU {}: {}", gpu, ranks.empty() ? "no rank" : map::ranks_text(ranks));
  }

  /// A line with the GPUs and ports that are near to NUMA domains of which `here` is true.
  std::string devices(const std::function<bool(const std::set<int>&)>& here,
                      std::vector<std::string> items = {}) const {
    const auto is_here = [&](const std::vector<int>& near_cores) {
      std::set<int> domains;
      for (int core : near_cores) domains.insert(node_.cores[static_cast<std::size_t>(core)].numa);
      return here(domains);
    };
    for (std::size_t gpu = 0; gpu < node_.gpus.size(); ++gpu) {
      if (is_here(node_.gpus[gpu].near_cores)) items.push_back(gpu_text(gpu));
    }
    std::string_view what = "InfiniBand ";
    for (const auto& port : node_.infiniband_ports) {
      if (!is_here(port.near_cores)) continue;
      items.push_back(fmt::format("{}{}", std::exchange(what, ""), map::printable(port.name)));
    }
    return lines_of(items, glyphs_.dot, arrangement_.body_column() + 1);
  }

  /// What is near to no single domain or package.
  [[nodiscard]] std::string devices_elsewhere() const {
    const std::string wide = devices([&](const std::set<int>& near) {
      if (near.size() < 2) return false;
      const int package = node_.numa_domains[static_cast<std::size_t>(*near.begin())].package;
      return node_.packages.size() == 1 || !all_in_package(near, package);
    });
    const std::string unknown = devices([](const std::set<int>& near) { return near.empty(); });
    std::string text;
    if (!wide.empty()) text += lines_of({"near to several NUMA domains:"}, "", 5) + wide;
    if (!unknown.empty()) text += lines_of({"of unknown place:"}, "", 5) + unknown;
    return text;
  }

  /// The domain's memory, where the domains differ in it.
  [[nodiscard]] std::vector<std::string> domain_memory(int numa) const {
    std::vector<std::uint64_t> sizes;
    for (const auto& domain : node_.numa_domains) sizes.push_back(domain.memory_bytes);
    const auto bytes = sizes[static_cast<std::size_t>(numa)];
    if (bytes == 0 || map::alike(sizes)) return {};
    return {map::bytes_text(bytes)};
  }

  [[nodiscard]] std::string legend() const {
    const int level = map::common_cache_level(node_);
    const std::string cache = level < 0 ? "cache" : map::cache_name(level);
    const char* unit = units_.are_threads() ? "thread" : "core";
    std::vector<std::string> items;
    const auto add = [&](bool used, const std::string& symbol, const std::string& meaning) {
      if (used) items.push_back(symbol + " " + meaning);
    };
    add(!single_sample_.empty(), single_sample_, fmt::format("rank on a {}", unit));
    add(!shared_sample_.empty(), shared_sample_, fmt::format("ranks that share a {}", unit));
    add(!bar_sample_.empty(), fmt::format("{} {} {}", glyphs_.begin, bar_sample_, glyphs_.end),
        fmt::format("rank on several {}s", unit));
    add(used_empty_ && layout_.bound, glyphs_.idle, fmt::format("idle {}", unit));
    add(used_empty_ && !layout_.bound, glyphs_.open, "core open to every rank");
    add(true, glyphs_.border, fmt::format("edge of {} {}", level > 0 ? "an" : "a", cache));
    add(used_cut_, glyphs_.cut, fmt::format("{} goes on in another line", cache));
    add(used_mark_, glyphs_.to, fmt::format("rank goes on in another {}", cache));
    add(used_domain_mark_, glyphs_.to_domain, "rank goes on in another NUMA domain");
    return lines_of(items, "   ", 0, kDim);
  }

  const NodeTopology& node_;
  const NodeLayout& layout_;
  int first_rank_;
  MapStyle style_;
  const map::Glyphs& glyphs_;
  map::Units units_;
  map::Arrangement arrangement_;

  // What has been drawn, for the legend.
  bool used_empty_ = false;
  bool used_cut_ = false;
  bool used_mark_ = false;
  bool used_domain_mark_ = false;
  std::string single_sample_;
  std::string bar_sample_;
  std::string shared_sample_;
  std::string sharing_;
};

MapStyle within_limits(MapStyle style) {
  style.columns = std::clamp(style.columns, kMinColumns, kMaxColumns);
  return style;
}

}  // namespace

MapStyle map_style(const Environment& environment, bool is_terminal) {
  const bool dumb = environment.get("TERM") == std::string_view("dumb");
  std::string_view locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!environment.has(name)) continue;
    locale = *environment.get(name);
    break;
  }
  const std::string lower = to_lower(locale);
  const bool utf8 = lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  return {environment.terminal_columns, utf8 && !dumb, is_terminal && !dumb && !environment.has("NO_COLOR")};
}

std::string draw_node(const NodeTopology& node, const NodeLayout& layout, int first_rank,
                      const MapStyle& style) {
  return NodeMap(node, layout, first_rank, within_limits(style)).draw();
}

std::string draw_job(const topology::JobLayout& layout, const std::vector<NodeTopology>& topologies,
                     const std::vector<int>& node_topology, const std::vector<std::string>& hosts,
                     const MapStyle& wanted) {
  const MapStyle style = within_limits(wanted);
  const map::Glyphs& glyphs = map::glyphs(style.unicode);
  struct Alike {
    std::size_t topology = 0;
    int layout = -1;
    int first_rank = 0;
    std::vector<std::string> nodes = {};
  };
  std::vector<Alike> groups;
  int next_rank = 0;
  for (std::size_t node = 0; node < hosts.size(); ++node) {
    const int of_node = layout.node_layout[node];
    // Nodes without a rank are alike enough.
    const std::size_t topology = of_node < 0 ? 0 : static_cast<std::size_t>(node_topology[node]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Alike& alike) {
      return alike.topology == topology && alike.layout == of_node;
    });
    if (group == groups.end()) group = groups.insert(group, {topology, of_node, next_rank});
    const int count =
        of_node < 0 ? 0 : static_cast<int>(layout.layouts[static_cast<std::size_t>(of_node)].ranks.size());
    std::string name = map::printable(hosts[node]);
    if (count > 0)
      name += count == 1 ? fmt::format(" (rank {})", next_rank)
                         : fmt::format(" (ranks {}-{})", next_rank, next_rank + count - 1);
    group->nodes.push_back(std::move(name));
    next_rank += count;
  }

  constexpr std::size_t kNamed = 8;
  std::string text;
  for (auto& group : groups) {
    if (!text.empty()) text += "\n";
    if (group.nodes.size() > kNamed + 1) {
      std::string last = std::move(group.nodes.back());
      const std::size_t left_out = group.nodes.size() - kNamed;
      group.nodes.resize(kNamed - 1);
      group.nodes.push_back(fmt::format("{} more", left_out));
      group.nodes.push_back(std::move(last));
    }
    const bool several = group.nodes.size() > 1;
    if (group.layout < 0) {
      group.nodes.front() = "no rank on " + group.nodes.front();
    } else if (several) {
      group.nodes[1] = "in the same way " + group.nodes[1];
    }
    for (const auto& line : map::flow(group.nodes, ", ", style.columns, glyphs)) text += line + "\n";
    if (group.layout < 0) continue;
    text += draw_node(topologies[group.topology], layout.layouts[static_cast<std::size_t>(group.layout)],
                      group.first_rank, style);
  }
  return text;
}

}  // namespace shipyard::launcher
