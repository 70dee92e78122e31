#include "batch/client/collect_node.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// Of each file the end, where the reason stands; and not the user's results, whatever their number.
constexpr long long kMostOfAFile = 4 << 20;
constexpr std::size_t kMostFilesOfANode = 50;

/// What says why a job failed, by its name in a task's directory: Batch's own records, and ours.
bool is_wanted(const std::string& name) {
  const std::string base = name.substr(name.rfind('/') + 1);
  const bool in_working_directory = name.starts_with("wd/") || name.find("/wd/") != std::string::npos;
  if (base.starts_with("shipyard-")) return true;
  return !in_working_directory && (base == "stdout.txt" || base == "stderr.txt");
}

/// The names of the files in a task's directory on a node, relative to it; the node may be gone.
std::vector<std::string> files_of(const TaskView& subtask, Service& service) {
  const std::string filter = percent_encode(fmt::format("startswith(name,'{}/')", subtask.directory));
  const Answer answer =
      service.list(fmt::format("{}/nodes/{}/files", pool_path(subtask.pool), percent_encode(subtask.node)),
                   "recursive=true&$filter=" + filter);
  std::vector<std::string> names;
  if (!answer.good()) return names;
  const std::string prefix = subtask.directory + "/";
  for (const auto& file : answer.body) {
    const std::string name = text_at(file, "name");
    if (!name.starts_with(prefix) || file.value("isDirectory", json(false)) == json(true)) continue;
    if (is_wanted(name.substr(prefix.size()))) names.push_back(name.substr(prefix.size()));
  }
  names.resize(std::min(names.size(), kMostFilesOfANode));
  return names;
}

}  // namespace

std::string collect_node(const TaskView& subtask, const ArchiveDirectory& archive,
                         std::vector<std::string>& missing, Service& service) {
  std::string last;
  const std::string directory = fmt::format("node-{}-{}/", subtask.id, subtask.node);
  auto names = files_of(subtask, service);
  // Where the list does not come, what is there on every node.
  if (names.empty()) names = {"stdout.txt", "stderr.txt"};
  int found = 0;
  std::string why;
  for (const auto& name : names) {
    if (name.find("..") != std::string::npos) continue;
    const std::string path = node_file_path(subtask.pool, subtask.node, subtask.directory + "/" + name);
    std::string text;
    Answer answer;
    // The end of a long one: read forward, keep the last part.
    for (long long offset = 0; offset < 16 * kMostOfAFile;) {
      answer = service.read_file(path, offset, kMostOfAFile);
      if (!answer.good() || answer.text.empty()) break;
      offset += static_cast<long long>(answer.text.size());
      text += answer.text;
      if (text.size() > kMostOfAFile) text.erase(0, text.size() - kMostOfAFile);
      if (static_cast<long long>(answer.text.size()) < kMostOfAFile) break;
    }
    if (answer.interrupted()) return last;
    if (!answer.good()) {
      why = answer.error.message;
      continue;
    }
    ++found;
    (void)archive.add(directory + name, text);
    if (name == "stderr.txt") last = last_line(text);
  }
  if (found == 0) missing.push_back(fmt::format("node {} ({}): {}", subtask.id, subtask.node, why));
  return last;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r'))
    text.remove_suffix(1);
  std::string line(text.substr(text.rfind('\n') + 1));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return line.substr(0, 300);
}

}  // namespace shipyard::batch
