#include "base/temporary_directory.hpp"

#include <fmt/format.h>
#include <stdlib.h>  // NOLINT: mkdtemp

#include <cerrno>
#include <filesystem>
#include <utility>

namespace shipyard {

Result<TemporaryDirectory> TemporaryDirectory::make(const Environment& environment, const std::string& name) {
  const auto parent = environment.get("TMPDIR");
  const std::string pattern =
      fmt::format("{}/{}.XXXXXX", parent && !parent->empty() ? *parent : "/tmp", name);
  // Where it fails mkdtemp may leave anything in place of the six letters.
  std::string path = pattern;
  if (::mkdtemp(path.data()) == nullptr)
    return system_error(fmt::format("cannot make a directory for temporary files, {}", pattern), errno,
                        "TMPDIR names the directory that holds it");
  return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, "")) {}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace shipyard
