#include "launcher/gate_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/terminal.hpp"
#include "launcher/exit_status.hpp"

namespace shipyard::launcher {
namespace {

using network::GateFailure;
using network::GateFault;

/// Nodes that are named, of all or of those with the same answer; and answers that are told apart.
constexpr std::size_t kNamed = 10;

/// "NAME, NAME and 7 more"
std::string first_names(const std::vector<std::string>& names, std::size_t count) {
  const auto shown = std::vector<std::string>(names.begin(), names.begin() + std::min(count, names.size()));
  std::string text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > count) text += fmt::format(" and {} more", names.size() - count);
  return text;
}

/// The nodes of each answer, in the order in which the answers come up first.
struct Answer {
  std::string last_word;
  std::vector<std::string> nodes;
};

std::vector<Answer> by_answer(const std::vector<GateFailure>& failures) {
  std::vector<Answer> answers;
  std::map<std::string, std::size_t> places;
  for (const auto& failure : failures) {
    const auto [place, first] = places.try_emplace(failure.last_word, answers.size());
    if (first) answers.push_back({failure.last_word, {}});
    answers[place->second].nodes.push_back(failure.name);
  }
  return answers;
}

std::string nodes_and_answers(const std::vector<GateFailure>& failures) {
  std::string text;
  if (failures.size() <= kNamed) {
    for (const auto& failure : failures) text += fmt::format("\n  {}: {}", failure.name, failure.last_word);
    return text;
  }
  const auto answers = by_answer(failures);
  std::size_t untold = failures.size();
  for (std::size_t i = 0; i < std::min(kNamed, answers.size()); ++i) {
    const auto& [last_word, nodes] = answers[i];
    untold -= nodes.size();
    if (nodes.size() == 1) {
      text += fmt::format("\n  {}: {}", nodes[0], last_word);
    } else {
      text += fmt::format("\n  {}, {} nodes:\n    {}", last_word, nodes.size(),
                          wrap(first_names(nodes, kNamed), 76, 4));
    }
  }
  if (untold > 0) text += fmt::format("\n  and {} more with other answers", untold);
  return text;
}

std::string remedy(GateFault fault, std::uint16_t port) {
  switch (fault) {
    case GateFault::kRefused:
      return "nothing listens there: did the coordination command start the container, and its sshd? 'docker "
             "ps -a' and 'docker logs' on that node tell";
    case GateFault::kNoRoute:
      return "there is no way to it: are this node and that one in the same network?";
    case GateFault::kNoAnswer:
      return fmt::format(
          "the node is down, or a firewall or network security group drops port {} between the nodes", port);
    case GateFault::kSilent:
      return fmt::format(
          "that node is frozen or overloaded, or something else than sshd has port {}: 'ss "
          "-ltnp' there names it",
          port);
    case GateFault::kNotSsh:
      return fmt::format(
          "something else than the container's sshd has port {}: 'ss -ltnp' on that node names "
          "it, --ssh-port takes another port",
          port);
    case GateFault::kClosed:
    case GateFault::kTurnedAway:
      return "its sshd takes no connection from here now: MaxStartups and PerSourcePenalties of "
             "sshd_config(5) limit them; 'docker logs' on that node tells";
    case GateFault::kLocal:
      return "this machine is short of descriptors or memory: ulimit -n";
    case GateFault::kNotAsked:
      break;
  }
  return "give the nodes more time with --wait";
}

/// Of what most nodes have; of the first of them where it is a draw.
GateFault main_fault(const std::vector<GateFailure>& failures) {
  std::map<GateFault, std::size_t> nodes;
  for (const auto& failure : failures) ++nodes[failure.fault];
  return std::max_element(
             failures.begin(), failures.end(),
             [&](const GateFailure& a, const GateFailure& b) { return nodes[a.fault] < nodes[b.fault]; })
      ->fault;
}

}  // namespace

std::string gate_progress_text(const network::GateProgress& progress, int columns) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(progress.left).count();
  const std::string text = fmt::format("waiting for sshd: {} of {} nodes ready, {} s left", progress.ready,
                                       progress.nodes, seconds);
  std::vector<std::string> names;
  for (const auto& failure : progress.missing) names.push_back(failure.name);
  std::vector<std::string> candidates;  // the longest first
  if (names.size() == 1) {
    candidates.push_back(fmt::format("{}; {}: {}", text, names[0], progress.missing[0].last_word));
  }
  for (std::size_t count = names.size(); count > 0; --count) {
    candidates.push_back(fmt::format("{}; missing: {}", text, first_names(names, count)));
  }
  candidates.push_back(text);
  candidates.push_back(fmt::format("sshd: {}/{}, {} s", progress.ready, progress.nodes, seconds));
  // A line as wide as the terminal would leave the cursor on the next one.
  const auto room = static_cast<std::size_t>(std::max(columns, 1) - 1);
  for (const auto& candidate : candidates) {
    if (candidate.size() <= room) return candidate;
  }
  return candidates.back().substr(0, room);
}

Outcome gate_failure(const network::GateReport& report, std::uint16_t port, std::chrono::milliseconds wait) {
  const std::size_t failed = report.failures.size();
  return {"node_unreachable", kNodeUnreachable,
          fmt::format("{} of {} nodes: no sshd answered on port {} within {:g} s{}", failed,
                      failed + report.ready, port, static_cast<double>(wait.count()) / 1000,
                      nodes_and_answers(report.failures)),
          remedy(main_fault(report.failures), port)};
}

}  // namespace shipyard::launcher
