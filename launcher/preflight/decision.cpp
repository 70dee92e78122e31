#include "launcher/preflight/decision.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launcher/check/judge.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/preflight/account.hpp"

namespace shipyard::launcher::preflight {
namespace {

/// Named one by one in a refusal; the report has all.
constexpr std::size_t kNamed = 10;

bool has(const std::vector<UnfitNode>& nodes, const std::string& host) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const UnfitNode& node) { return node.host == host; });
}

Outcome refuse(std::size_t hosts, std::size_t fit, const std::vector<UnfitNode>& unfit,
               std::optional<int> wanted) {
  std::string message = wanted ? fmt::format("preflight: {} of {} nodes {} fit, and --nodes asks for {}", fit,
                                             hosts, fit == 1 ? "is" : "are", *wanted)
                               : fmt::format("preflight: {} of {} nodes {} unfit", unfit.size(), hosts,
                                             unfit.size() == 1 ? "is" : "are");
  for (std::size_t i = 0; i < std::min(kNamed, unfit.size()); ++i)
    message += fmt::format("\n  {}: {}", unfit[i].host, unfit[i].why);
  if (unfit.size() > kNamed) message += fmt::format("\n  and {} more", unfit.size() - kNamed);
  std::string hint;
  if (fit > 0) {
    hint = fmt::format("--nodes {} runs on {} and leaves the rest out", fit,
                       fit == 1 ? "the one that is fit" : "those that are fit");
  }
  return {"node_unfit", kNodeUnreachable, std::move(message), std::move(hint)};
}

}  // namespace

std::vector<UnfitNode> unfit_by_check(const check::NodeCheck& check) {
  std::vector<UnfitNode> result;
  // What comes first explains what comes after.
  for (const auto& finding : check::judge(check)) {
    if (finding.severity != check::Severity::kError) continue;
    for (const std::size_t node : finding.nodes) {
      if (const std::string& host = check.nodes[node].host; !has(result, host))
        result.push_back({.host = host, .why = finding.what});
    }
  }
  return result;
}

std::vector<UnfitNode> unfit_by_speed(const LinkReport& report, const std::vector<std::string>& hosts) {
  std::vector<UnfitNode> result;
  const LinkFigures typical = report.typical();
  for (std::size_t node = 0; node < std::min(report.nodes, hosts.size()); ++node) {
    if (!report.slow_nodes[node]) continue;
    const LinkFigures its = report.of_node(node);
    result.push_back({.host = hosts[node], .why = slow_text(its, typical), .figures = its});
  }
  return result;
}

Decision decide(const std::vector<std::string>& hosts, std::vector<UnfitNode> unfit,
                std::optional<int> wanted) {
  Decision decision;
  std::vector<std::string> fit;
  for (const auto& host : hosts) {
    const auto found =
        std::find_if(unfit.begin(), unfit.end(), [&](const UnfitNode& node) { return node.host == host; });
    if (found == unfit.end()) {
      fit.push_back(host);
    } else {
      decision.left_out.push_back(std::move(*found));
    }
  }
  const std::size_t needed = wanted ? static_cast<std::size_t>(*wanted) : hosts.size();
  if (fit.size() < needed) {
    decision.refusal = refuse(hosts.size(), fit.size(), decision.left_out, wanted);
    return decision;
  }
  fit.resize(needed);
  decision.used = std::move(fit);
  return decision;
}

LaunchContext without_hosts(LaunchContext context, const std::vector<UnfitNode>& left_out) {
  const LaunchContext all = context;
  context.hosts.hosts.clear();
  context.addresses.clear();
  context.host_topology.clear();
  context.own_host.reset();
  for (std::size_t i = 0; i < all.hosts.hosts.size(); ++i) {
    if (has(left_out, all.hosts.hosts[i].name)) continue;
    if (all.own_host == i) context.own_host = context.hosts.hosts.size();
    context.hosts.hosts.push_back(all.hosts.hosts[i]);
    if (!all.addresses.empty()) context.addresses.push_back(all.addresses[i]);
    if (!all.host_topology.empty()) context.host_topology.push_back(all.host_topology[i]);
  }
  return context;
}

}  // namespace shipyard::launcher::preflight
