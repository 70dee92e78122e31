#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <ostream>

#include "base/file.hpp"
#include "base/subprocess.hpp"
#include "batch/client/cause.hpp"
#include "batch/client/document.hpp"
#include "batch/client/find_task.hpp"
#include "batch/client/follow.hpp"
#include "batch/client/redact.hpp"
#include "batch/client/verbs.hpp"
#include "batch/client/waiting.hpp"

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

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r'))
    text.remove_suffix(1);
  std::string line(text.substr(text.rfind('\n') + 1));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return line.substr(0, 300);
}

/// A directory whose content becomes the archive; gone with the object.
class Collection {
 public:
  static Result<Collection> make(const Environment& environment, const std::string& name) {
    const auto parent = environment.get("TMPDIR");
    std::string top =
        fmt::format("{}/shipyard-diagnose.XXXXXXXX", parent && !parent->empty() ? *parent : "/tmp");
    if (::mkdtemp(top.data()) == nullptr)
      return system_error(fmt::format("no directory can be made: {}", top), errno);
    return Collection(std::move(top), name);
  }
  Collection(Collection&& other) noexcept
      : top_(std::exchange(other.top_, "")), name_(std::move(other.name_)) {}
  Collection& operator=(Collection&&) = delete;
  ~Collection() {
    std::error_code ignored;
    if (!top_.empty()) std::filesystem::remove_all(top_, ignored);
  }

  Status add(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = std::filesystem::path(top_) / name_ / name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error)
      return system_error(fmt::format("'{}' cannot be made", path.parent_path().string()), error.value());
    return write_file_atomically(path.string(), content, 0600);
  }
  Status add(const std::string& name, const json& content) const {
    return add(name, json_text(without_secrets(content), 2) + "\n");
  }

  Status pack(const std::string& archive, const Environment& environment) const {
    Command command;
    command.argv = {"tar", "-czf", archive, "-C", top_, name_};
    command.environment = environment.as_strings();
    command.standard_output = command.standard_error = Command::Stream::kPipe;
    const auto completed = run(std::move(command), std::chrono::minutes(5));
    if (!completed) return completed.error();
    if (!completed->exit.success())
      return Error{Error::Code::kSystem,
                   fmt::format("tar cannot write '{}': {}", archive, last_line(completed->errors)),
                   {},
                   {}};
    return Ok{};
  }

 private:
  Collection(std::string top, std::string name) : top_(std::move(top)), name_(std::move(name)) {}

  std::string top_;
  std::string name_;
};

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

/// Its files into the collection; the last line of its standard error. The answer of a node that is gone is a
/// line in `missing`.
std::string collect_node(const TaskView& subtask, const Collection& collection,
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
    (void)collection.add(directory + name, text);
    if (name == "stderr.txt") last = last_line(text);
  }
  if (found == 0) missing.push_back(fmt::format("node {} ({}): {}", subtask.id, subtask.node, why));
  return last;
}

}  // namespace

int diagnose(const Edge& edge) {
  const std::string& job = edge.request.job;
  Service& service = edge.service;
  auto task = find_task(edge);
  if (!task) return edge.fail(task.error());
  auto collection = Collection::make(edge.environment, job + "-diagnose");
  if (!collection) return edge.fail(collection.error());

  const auto keep = [&](const char* name, const Answer& answer) {
    if (answer.good()) (void)collection->add(name, answer.body);
  };
  keep("task.json", service.get(task_path(job, task->id)));
  CauseFacts facts;
  facts.task = *task;
  const WaitingFacts around = ask_why_it_waits(job, *task, service);
  if (!around.job.is_null()) (void)collection->add("job.json", around.job);
  if (!around.pool.is_null()) (void)collection->add("pool.json", around.pool);
  if (!around.nodes.is_null()) (void)collection->add("nodes.json", around.nodes);
  if (!around.preparation.is_null()) (void)collection->add("preparation.json", around.preparation);
  if (task->state == "active") facts.waiting = reasons_for_waiting(around);

  std::vector<std::string> missing;
  auto subtasks = list_subtasks(job, *task, service);
  if (subtasks) {
    facts.subtasks = std::move(*subtasks);
    keep("subtasks.json", service.list(task_path(job, task->id) + "/subtasksinfo"));
    for (const auto& subtask : facts.subtasks) {
      if (edge.interruption.signal() != 0) return kOwnFailure;
      facts.last_lines.push_back(subtask.node.empty() ? ""
                                                      : collect_node(subtask, *collection, missing, service));
    }
  } else {
    missing.push_back(subtasks.error().message);
  }
  (void)fetch_report(job, *task, service, facts.report);
  const std::string cause = cause_of(facts);
  std::string text = cause + "\n";
  for (const auto& line : missing) text += "not collected: " + line + "\n";
  (void)collection->add("CAUSE.txt", text);

  const std::string archive = edge.request.output.empty() ? job + "-diagnose.tar.gz" : edge.request.output;
  if (auto packed = collection->pack(archive, edge.environment); !packed) return edge.fail(packed.error());
  edge.out << cause << "\n" << std::flush;
  for (const auto& line : missing) edge.messages.warning("not collected: " + line);
  edge.messages.note(fmt::format("all of it: {}", archive));
  return 0;
}

}  // namespace shipyard::batch
