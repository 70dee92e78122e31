#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/file.hpp"
#include "base/interruption.hpp"
#include "base/temporary_directory.hpp"

namespace shipyard::batch {

/// What becomes an archive: a directory of files below TMPDIR. It belongs to the object, and goes with it.
class ArchiveDirectory {
 public:
  /// `name` is that of the directory in the archive. Fails where there is no place for temporary files.
  static Result<ArchiveDirectory> make(const Environment& environment, std::string name);

  /// A file for its owner alone (0600); its name may have directories. A failure is told by pack(): an
  /// archive that lacks a file, and does not say so, misleads.
  void add(const std::string& name, const std::string& content);
  /// As JSON, without its secrets.
  void add(const std::string& name, const nlohmann::json& content);

  /// Writes all of it into `archive`, by tar and gzip, and commits that. Fails where a file could not be
  /// added, where tar or gzip is not installed or fails, and after an interruption, which ends it at once.
  Status pack(AtomicFile& archive, const Environment& environment, Interruption& interruption) const;

 private:
  ArchiveDirectory(TemporaryDirectory top, std::string name) : top_(std::move(top)), name_(std::move(name)) {}

  TemporaryDirectory top_;
  std::string name_;
  Status added_ = Ok{};
};

}  // namespace shipyard::batch
