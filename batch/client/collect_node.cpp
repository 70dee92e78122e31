#include "batch/client/collect_node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "batch/client/one_line.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// Of each file the end, where the reason stands; and not the user's results, whatever their number.
constexpr long long kMostOfAFile = 4 << 20;
constexpr std::size_t kMostFilesOfANode = 50;

bool is_output(const std::string& name) { return name == "stdout.txt" || name == "stderr.txt"; }

/// What says why a job failed, by its name in a task's directory: Batch's own records, and ours.
bool is_wanted(const std::string& name) {
  const std::string base = name.substr(name.rfind('/') + 1);
  const bool in_working_directory = name.starts_with("wd/") || name.find("/wd/") != std::string::npos;
  if (base.starts_with("shipyard-")) return true;
  return !in_working_directory && is_output(base);
}

/// The names of the files in a task's directory on a node, relative to it, into `names`.
Answer list_files(const TaskView& subtask, std::vector<std::string>& names, Service& service) {
  const std::string filter = percent_encode(fmt::format("startswith(name,'{}/')", subtask.directory));
  Answer answer =
      service.list(fmt::format("{}/nodes/{}/files", pool_path(subtask.pool), percent_encode(subtask.node)),
                   "recursive=true&$filter=" + filter);
  if (!answer.good()) return answer;
  const std::string prefix = subtask.directory + "/";
  for (const auto& file : answer.body) {
    const std::string name = text_at(file, "name");
    if (!name.starts_with(prefix) || name.find("..") != std::string::npos) continue;
    if (file.value("isDirectory", json(false)) == json(true)) continue;
    if (is_wanted(name.substr(prefix.size()))) names.push_back(name.substr(prefix.size()));
  }
  std::stable_partition(names.begin(), names.end(), is_output);
  names.resize(std::min(names.size(), kMostFilesOfANode));
  return answer;
}

/// The end of a file into `text`: it is read forward, and the last part is kept.
Answer read_end(const std::string& path, std::string& text, Service& service) {
  Answer answer;
  for (long long offset = 0; offset < 16 * kMostOfAFile;) {
    answer = service.read_file(path, offset, kMostOfAFile);
    if (!answer.good() || answer.text.empty()) break;
    offset += static_cast<long long>(answer.text.size());
    text += answer.text;
    if (text.size() > kMostOfAFile) text.erase(0, text.size() - kMostOfAFile);
    if (static_cast<long long>(answer.text.size()) < kMostOfAFile) break;
  }
  return answer;
}

}  // namespace

CollectedNode collect_node(const TaskView& subtask, ArchiveDirectory& archive, Service& service) {
  CollectedNode node;
  const std::string who = fmt::format("node {} ({})", subtask.id, subtask.node);
  std::vector<std::string> names;
  const Answer listed = list_files(subtask, names, service);
  if (listed.interrupted()) return node;
  if (listed.silent()) {
    node.missing.push_back(fmt::format("{}: {}", who, listed.error.message));
    return node;
  }
  if (!listed.good()) {
    node.missing.push_back(fmt::format("{}, its list of files: {}", who, listed.error.message));
    // What is there on every node.
    names = {"stdout.txt", "stderr.txt"};
  }
  bool found = false;
  for (const auto& name : names) {
    std::string text;
    const Answer answer =
        read_end(node_file_path(subtask.pool, subtask.node, subtask.directory + "/" + name), text, service);
    if (answer.interrupted()) return node;
    if (!answer.good()) node.missing.push_back(fmt::format("{}, {}: {}", who, name, answer.error.message));
    if (answer.silent()) return node;
    if (!answer.good()) continue;
    found = true;
    archive.add(fmt::format("node-{}-{}/{}", subtask.id, subtask.node, name), text);
    if (name == "stderr.txt") node.last_line = last_line(text);
  }
  // A node that is gone says the same about each file.
  if (!listed.good() && !found) node.missing = {fmt::format("{}: {}", who, listed.error.message)};
  return node;
}

}  // namespace shipyard::batch
