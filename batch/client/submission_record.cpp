#include "batch/client/submission_record.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/output.hpp"
#include "batch/client/document.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

std::string directory_of(const Environment& environment) {
  if (environment.has("XDG_STATE_HOME"))
    return fmt::format("{}/shipyard-submit", *environment.get("XDG_STATE_HOME"));
  if (environment.has("HOME"))
    return fmt::format("{}/.local/state/shipyard-submit", *environment.get("HOME"));
  return "";
}

}  // namespace

std::optional<SubmissionRecord> SubmissionRecord::find_abandoned(const Environment& environment,
                                                                 const Content& wanted) {
  const std::string directory = directory_of(environment);
  std::error_code error;
  std::vector<std::string> paths;
  if (directory.empty()) return std::nullopt;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;  // its client lives
    // The client whose it was may have ended, and removed it, between the two.
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || status.st_nlink == 0) continue;
    const auto text = read_file(path, 64 << 10);
    const json record = text ? json::parse(*text, nullptr, false) : json();
    if (!record.is_object()) continue;
    const auto field = [&](const char* key) {
      return record.contains(key) && record[key].is_string() ? record[key].get<std::string>() : std::string();
    };
    Content content{field("job"), field("endpoint"), field("content"), field("file")};
    if (content.job.empty() || content.endpoint != wanted.endpoint || content.content != wanted.content ||
        content.file != wanted.file)
      continue;
    return SubmissionRecord(path, std::move(file), std::move(content));
  }
  return std::nullopt;
}

Result<SubmissionRecord> SubmissionRecord::create(const Environment& environment, const Content& content) {
  const std::string directory = directory_of(environment);
  if (directory.empty()) return input_error("neither XDG_STATE_HOME nor HOME is set");
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return system_error(fmt::format("'{}' cannot be made", directory), error.value());
  const std::string path = fmt::format("{}/{}.json", directory, content.job);
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error(fmt::format("'{}' cannot be written", path), errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return input_error(fmt::format("another shipyard-submit is at work on job '{}'", content.job),
                       fmt::format("shipyard-submit logs --follow {} stays with it too", content.job));
  const json record = {{"job", content.job},
                       {"endpoint", content.endpoint},
                       {"content", content.content},
                       {"file", content.file}};
  if (::ftruncate(file.get(), 0) != 0)
    return system_error(fmt::format("'{}' cannot be written", path), errno);
  if (const int fault = write_all(file.get(), json_text(record, 2) + "\n"); fault != 0)
    return system_error(fmt::format("'{}' cannot be written", path), fault);
  // Before the first request goes out: a power cut after it must not hide the job.
  (void)::fsync(file.get());
  return SubmissionRecord(path, std::move(file), content);
}

void SubmissionRecord::finish() {
  ::unlink(path_.c_str());
  (void)file_.close();
}

}  // namespace shipyard::batch
