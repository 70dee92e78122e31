#include "launcher/preflight/account.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "launcher/outcome.hpp"

namespace shipyard::launcher::preflight {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kNamedNodes = 10;
constexpr std::size_t kNamedLinks = 3;

/// Three digits where there are so many to tell.
std::string three_digits(double value) {
  if (value < 10) return fmt::format("{:.2f}", value);
  return fmt::format("{:.{}f}", value, value < 100 ? 1 : 0);
}

std::string count_text(std::size_t count) { return fmt::format("{} node{}", count, count == 1 ? "" : "s"); }

std::string findings_text(const Account& account) {
  if (!account.links) {
    if (account.measured.size() > 1) return "allpairs did not measure";
    return account.hosts.size() == 1 ? "it has nothing to be compared with"
                                     : "the one that is fit has nothing to be compared with";
  }
  const LinkReport& links = *account.links;
  const LinkFigures typical = links.typical();
  std::string text = fmt::format("latency {}, bandwidth {}", latency_text(typical.latency_ns),
                                 bandwidth_text(typical.bandwidth_mb));
  const auto slow = std::count(links.slow_nodes.begin(), links.slow_nodes.end(), true);
  if (!links.has_verdict()) {
    text += ", no verdict: two have nothing to be compared with";
  } else if (slow == 0) {
    text += ", no node is slow";
  } else {
    text += fmt::format(", {} {} slow", slow, slow == 1 ? "is" : "are");
  }
  const std::size_t all = links.nodes * (links.nodes - 1);
  if (links.links.size() < all)
    text += fmt::format("; there was time for {} of {} links", links.links.size(), all);
  return text;
}

ordered_json figures_as_json(const std::optional<LinkFigures>& figures, ordered_json json) {
  json["latency_ns"] = nullptr;
  json["bandwidth_MB_per_s"] = nullptr;
  if (figures) {
    json["latency_ns"] = figures->latency_ns;
    json["bandwidth_MB_per_s"] = figures->bandwidth_mb;
  }
  return json;
}

const char* verdict_of(const Account& account) {
  if (!account.links || !account.links->has_verdict() || account.links->links.empty()) return "none";
  const auto& slow = account.links->slow_nodes;
  const bool any = std::find(slow.begin(), slow.end(), true) != slow.end();
  return any || !account.links->slow_links().empty() ? "slow" : "fine";
}

}  // namespace

std::string latency_text(double nanoseconds) {
  if (nanoseconds < 999'500) return three_digits(nanoseconds / 1e3) + " µs";
  return three_digits(nanoseconds / 1e6) + " ms";
}

std::string bandwidth_text(double megabytes_per_second) {
  if (megabytes_per_second < 999.5) return three_digits(megabytes_per_second) + " MB/s";
  return three_digits(megabytes_per_second / 1e3) + " GB/s";
}

std::string slow_text(const LinkFigures& figures, const LinkFigures& typical) {
  return fmt::format("slow: {} and {}, typical are {} and {}", latency_text(figures.latency_ns),
                     bandwidth_text(figures.bandwidth_mb), latency_text(typical.latency_ns),
                     bandwidth_text(typical.bandwidth_mb));
}

std::string verdict_line(const Account& account) {
  std::string text = fmt::format("{} in {:.1f} s: {}", count_text(account.hosts.size()),
                                 std::chrono::duration<double>(account.time).count(), findings_text(account));
  if (!account.used.empty() && account.used.size() < account.hosts.size())
    text += fmt::format("; the program runs on {}", list_of(account.used));
  return text;
}

std::vector<std::string> complaints(const Account& account) {
  std::vector<std::string> lines;
  const auto& nodes = account.left_out;
  for (std::size_t i = 0; i < std::min(kNamedNodes, nodes.size()); ++i)
    lines.push_back(fmt::format("{} is left out: {}", nodes[i].host, nodes[i].why));
  if (nodes.size() > kNamedNodes)
    lines.push_back(fmt::format("{} more are left out", nodes.size() - kNamedNodes));
  if (!account.links) return lines;
  const LinkFigures typical = account.links->typical();
  auto links = account.links->slow_links();
  // One line for both directions, where both are slow.
  std::erase_if(links, [all = links](const Link& link) {
    return link.from > link.to && std::any_of(all.begin(), all.end(), [&](const Link& other) {
             return other.from == link.to && other.to == link.from;
           });
  });
  for (std::size_t i = 0; i < std::min(kNamedLinks, links.size()); ++i) {
    lines.push_back(fmt::format("the link from {} to {} is {}; no node is left out for it",
                                account.measured[links[i].from], account.measured[links[i].to],
                                slow_text(links[i].figures, typical)));
  }
  if (links.size() > kNamedLinks)
    lines.push_back(fmt::format("{} more links are slow", links.size() - kNamedLinks));
  return lines;
}

ordered_json account_as_json(const Account& account) {
  ordered_json json;
  json["nodes"] = account.hosts;
  json["seconds"] = std::chrono::duration<double>(account.time).count();
  json["verdict"] = verdict_of(account);
  std::optional<LinkFigures> typical;
  if (account.links && !account.links->links.empty()) typical = account.links->typical();
  json = figures_as_json(typical, std::move(json));
  json["left_out"] = ordered_json::array();
  for (const auto& node : account.left_out)
    json["left_out"].push_back(figures_as_json(node.figures, {{"host", node.host}, {"reason", node.why}}));
  json["slow_links"] = ordered_json::array();
  if (!account.links) return json;
  for (const auto& link : account.links->slow_links()) {
    json["slow_links"].push_back(figures_as_json(
        link.figures, {{"from", account.measured.at(link.from)}, {"to", account.measured.at(link.to)}}));
  }
  return json;
}

}  // namespace shipyard::launcher::preflight
