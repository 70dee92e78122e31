#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/file_descriptor.hpp"
#include "base/subprocess.hpp"

namespace shipyard::launcher::stage {

/// tar(1) with `words`, in plain English and without the user's TAR_OPTIONS. Its streams are /dev/null; it
/// ends with this process.
[[nodiscard]] Command tar_command(std::vector<std::string> words, const Environment& environment);

/// Takes what a program says to standard error (Command::error_file), however much that is.
class SaidWords {
 public:
  SaidWords();

  [[nodiscard]] int fd() const { return file_.get(); }
  /// Without "tar: " at its beginning.
  [[nodiscard]] std::string first_line() const;
  /// That, or how it has ended.
  [[nodiscard]] std::string first_line_or(const Exit& exit) const;

 private:
  FileDescriptor file_;
};

}  // namespace shipyard::launcher::stage
