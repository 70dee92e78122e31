#include "batch/local/nodes/task_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/file.hpp"
#include "batch/client/http.hpp"
#include "batch/client/json_access.hpp"
#include "batch/client/redact.hpp"
#include "batch/client/syntax.hpp"

namespace shipyard::local {
namespace {

namespace fs = std::filesystem;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

constexpr mode_t kForAll = 0777;
constexpr mode_t kDefaultMode = 0770;  // ResourceFile.fileMode

Status make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  // The mode of mkdir is cut by the umask. One that root has made on the node stays as it is.
  if (error || (::chmod(path.c_str(), kForAll) != 0 && errno != EPERM))
    return system_error(fmt::format("'{}' cannot be made", path), error ? error.value() : errno);
  return Ok{};
}

mode_t mode_of(const json& file) {
  const std::string text = text_at(file, "fileMode");
  unsigned mode = kDefaultMode;
  std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  // What a task is to read it reads as any user here.
  return static_cast<mode_t>((mode | 0444U) & 07777U);
}

Status copy(const std::string& from, const std::string& to, mode_t mode) {
  auto content = read_file(from, std::size_t{1} << 32);
  if (!content) return content.error();
  if (auto made = make_directory(fs::path(to).parent_path().string()); !made) return made;
  std::error_code ignored;
  fs::remove(to, ignored);
  return write_file_atomically(to, *content, mode);
}

/// Where a storage container is on this machine.
Result<std::string> container_here(const std::string& storage, const json& file) {
  std::string name = text_at(file, "autoStorageContainerName");
  if (name.empty()) {
    const std::string url = text_at(file, "storageContainerUrl");
    const std::string path = url.substr(0, url.find('?'));
    name = path.substr(path.find_last_of('/') + 1);
  }
  if (storage.empty())
    return input_error(fmt::format("storage container '{}' is not on this machine", name),
                       "shipyard-local serve --storage DIR: DIR/NAME stands for it");
  if (name.empty() || !batch::stays_below(name))
    return input_error(fmt::format("'{}' is no storage container", name));
  return storage + "/" + name;
}

Status bring_container(const std::string& storage, const json& file, const std::string& target,
                       const std::function<bool()>& ended) {
  auto from = container_here(storage, file);
  if (!from) return from.error();
  const std::string prefix = text_at(file, "blobPrefix");
  std::error_code error;
  fs::recursive_directory_iterator entry(*from, error);
  if (error) return system_error(fmt::format("'{}' cannot be read", *from), error.value());
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (error) return system_error(fmt::format("'{}' cannot be read", *from), error.value());
    if (ended()) return input_error("ended");
    const std::string name = entry->path().lexically_relative(*from).string();
    std::error_code ignored;
    if (entry->symlink_status(ignored).type() != fs::file_type::regular || !name.starts_with(prefix))
      continue;
    if (auto copied =
            copy(entry->path().string(),
                 fmt::format("{}/{}/{}", target, text_at(file, "filePath", "."), name), mode_of(file));
        !copied)
      return copied;
  }
  return Ok{};
}

Status fetch(const std::string& url, const std::string& to, mode_t mode) {
  batch::CurlHttp http("", nullptr);
  const auto outcome = http.send({"GET", url, {}, {}, std::chrono::seconds(60)});
  const std::string shown = batch::without_signatures(url);
  if (outcome.kind != batch::HttpOutcome::Kind::kAnswered)
    return Error{Error::Code::kSystem, fmt::format("{}: {}", shown, outcome.fault), {}, {}};
  if (outcome.response.status != 200)
    return Error{Error::Code::kSystem, fmt::format("{}: HTTP {}", shown, outcome.response.status), {}, {}};
  if (auto made = make_directory(fs::path(to).parent_path().string()); !made) return made;
  return write_file_atomically(to, outcome.response.body, mode);
}

}  // namespace

Status make_task_directory(const std::string& node_directory, const std::string& directory) {
  if (!batch::stays_below(directory))
    return input_error(fmt::format("'{}' leads out of the node's directory", directory));
  for (std::size_t at = 0; at != std::string::npos;) {
    at = directory.find('/', at + 1);
    if (auto made = make_directory(node_directory + "/" + directory.substr(0, at)); !made) return made;
  }
  for (const char* name : {"/wd", "/certs"}) {
    if (auto made = make_directory(node_directory + "/" + directory + name); !made) return made;
  }
  return Ok{};
}

Status bring_resource_files(const std::string& storage, const json& files, const std::string& target,
                            const std::function<bool()>& ended) {
  constexpr std::string_view kFile = "file://";
  for (const auto& file : files) {
    if (ended()) return input_error("ended");
    const std::string path = text_at(file, "filePath");
    if (!batch::stays_below(path))
      return input_error(fmt::format("filePath '{}' leads out of its directory", path));
    const std::string url = text_at(file, "httpUrl");
    Status brought = Ok{};
    if (url.empty()) {
      brought = bring_container(storage, file, target, ended);
    } else if (url.starts_with(kFile)) {
      const std::string from = url.substr(kFile.size());
      if (storage.empty() || !from.starts_with(storage + "/") ||
          !batch::stays_below(from.substr(storage.size() + 1)))
        return input_error(fmt::format("{} is not below the directory of --storage", url));
      brought = copy(from, target + "/" + path, mode_of(file));
    } else {
      brought = fetch(url, target + "/" + path, mode_of(file));
    }
    if (!brought) return brought;
  }
  return Ok{};
}

}  // namespace shipyard::local
