#include "batch/client/archive_directory.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/subprocess.hpp"
#include "batch/client/collect_node.hpp"
#include "batch/client/document.hpp"
#include "batch/client/redact.hpp"

namespace shipyard::batch {

Result<ArchiveDirectory> ArchiveDirectory::make(const Environment& environment, std::string name) {
  auto top = TemporaryDirectory::make(environment, "shipyard-diagnose");
  if (!top) return top.error();
  return ArchiveDirectory(std::move(*top), std::move(name));
}

Status ArchiveDirectory::add(const std::string& name, const std::string& content) const {
  const std::filesystem::path path = std::filesystem::path(top_.path()) / name_ / name;
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error)
    return system_error(fmt::format("'{}' cannot be made", path.parent_path().string()), error.value());
  return write_file_atomically(path.string(), content, 0600);
}

Status ArchiveDirectory::add(const std::string& name, const nlohmann::json& content) const {
  return add(name, json_text(without_secrets(content), 2) + "\n");
}

Status ArchiveDirectory::pack(const std::string& archive, const Environment& environment) const {
  Command command;
  command.argv = {"tar", "-czf", archive, "-C", top_.path(), name_};
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

}  // namespace shipyard::batch
