#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/temporary_directory.hpp"

namespace shipyard::batch {

/// What becomes an archive: a directory of files below TMPDIR. It belongs to the object, and goes with it.
class ArchiveDirectory {
 public:
  /// `name` is that of the directory in the archive. Fails where there is no place for temporary files.
  static Result<ArchiveDirectory> make(const Environment& environment, std::string name);

  /// A file for its owner alone (0600); its name may have directories. Fails where the system refuses it.
  Status add(const std::string& name, const std::string& content) const;
  /// As JSON, without its secrets.
  Status add(const std::string& name, const nlohmann::json& content) const;

  /// Writes all of it to the file `archive`, by tar and gzip. Fails where those are not installed or fail.
  Status pack(const std::string& archive, const Environment& environment) const;

 private:
  ArchiveDirectory(TemporaryDirectory top, std::string name) : top_(std::move(top)), name_(std::move(name)) {}

  TemporaryDirectory top_;
  std::string name_;
};

}  // namespace shipyard::batch
