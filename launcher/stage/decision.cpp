#include "launcher/stage/decision.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launcher/outcome.hpp"

namespace shipyard::launcher::stage {
namespace {

/// What a file takes beyond its bytes: half a block, and its entry.
constexpr std::uint64_t kPerFile = 4096;

std::string counted(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

Result<std::vector<StagedNode>> decide_stage(const std::vector<std::string>& nodes,
                                             const std::vector<Answer>& answers, const Listing& source,
                                             const Place& source_place, const std::string& target) {
  std::vector<StagedNode> result;
  std::vector<std::size_t> receivers;
  std::vector<std::string> full;
  std::vector<std::string> nested;
  const std::uint64_t needed = source.bytes + kPerFile * source.files;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Answer& answer = answers[i];
    if (is_nested(answer.place, answer.below, source_place)) {
      nested.push_back(nodes[i]);
      continue;
    }
    StagedNode node{nodes[i], NodeStage::kReceives};
    if (answer.is_there && is_same_place(answer.place, source_place)) {
      node.what = NodeStage::kShared;
    } else if (answer.is_there && answer.has_all) {
      node.what = NodeStage::kPresent;
    } else if (std::any_of(receivers.begin(), receivers.end(), [&](std::size_t other) {
                 return answers[other].below == answer.below &&
                        is_same_place(answers[other].place, answer.place);
               })) {
      node.what = NodeStage::kBeside;
    } else {
      receivers.push_back(i);
      if (answer.free_bytes < needed || answer.free_inodes <= source.files)
        full.push_back(
            fmt::format("{} ({})", nodes[i],
                        answer.free_bytes < needed ? size_text(answer.free_bytes) + " free" : "no inodes"));
    }
    result.push_back(std::move(node));
  }
  if (!nested.empty())
    return input_error(fmt::format("one of DIR and {} is within the other on {}", target, list_of(nested)),
                       "a link or a mount leads there: give a TARGET beside it");
  if (full.empty()) return result;
  return Error{Error::Code::kSystem,
               fmt::format("no room for {} at {} on {}", size_text(needed), target, list_of(full)),
               kLargerDisk};
}

std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes)
                   : fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string stage_text(const std::string& directory, const Listing& source,
                       const std::vector<StagedNode>& nodes) {
  const auto count = [&](NodeStage what) {
    return static_cast<std::size_t>(
        std::count_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.what == what; }));
  };
  std::vector<std::string> parts;
  if (const auto n = count(NodeStage::kReceives); n > 0) parts.push_back("brought to " + counted(n, "node"));
  if (const auto n = count(NodeStage::kBeside); n > 0)
    parts.push_back(counted(n, "node") + " more see" + (n == 1 ? "s" : "") + " what one of these has got");
  if (const auto n = count(NodeStage::kPresent); n > 0)
    parts.push_back("there already on " + counted(n, "node"));
  if (const auto n = count(NodeStage::kShared); n > 0) parts.push_back("shared with " + counted(n, "node"));
  std::string text =
      fmt::format("{} ({}, {}): ", directory, counted(source.files, "file"), size_text(source.bytes));
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : ", ") + parts[i];
  return text;
}

}  // namespace shipyard::launcher::stage
