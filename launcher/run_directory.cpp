#include "launcher/run_directory.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file.hpp"

namespace shipyard::launcher {
namespace {

constexpr const char* kRemedy = "TMPDIR names the directory that holds it";

}  // namespace

Result<RunDirectory> RunDirectory::make(const std::string& path,
                                        const std::map<std::string, std::string>& files) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return system_error("cannot make the run directory " + path, errno, kRemedy);
  }
  RunDirectory directory(path);
  if (auto written = write(files); !written) {
    Error error = written.error();
    error.hint = kRemedy;
    return error;
  }
  return directory;
}

Status RunDirectory::write(const std::map<std::string, std::string>& files) {
  for (const auto& [name, content] : files) {
    if (auto written = write_file_atomically(name, content, 0600); !written) return written.error();
  }
  return Ok{};
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

RunDirectory::~RunDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace shipyard::launcher
