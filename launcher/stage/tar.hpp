#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/file_descriptor.hpp"
#include "base/subprocess.hpp"

namespace shipyard::launcher::stage {

/// The remedy where there is none.
inline constexpr const char* kInstallTar = "install tar in the image";

/// tar(1) with `words`, in plain English and without the user's TAR_OPTIONS. Its streams are /dev/null; it
/// ends with this process.
[[nodiscard]] Command tar_command(std::vector<std::string> words, const Environment& environment);

/// Of what tar says when it fails the line that says why, without "tar: "; empty where none does. Others are
/// notes ("Removing leading `/' from member names"), or say that it has failed. Pure.
[[nodiscard]] std::string cause_of(std::string_view words);

/// Whether tar has failed for want of room on the disk of `directory`, where it unpacks; `cause`: cause_of.
[[nodiscard]] bool lacks_room(std::string_view cause, const std::string& directory);

/// Takes what a program says to standard error (Command::error_file), however much that is.
class SaidWords {
 public:
  SaidWords();

  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] std::string text() const;
  /// cause_of that, or how it has ended.
  [[nodiscard]] std::string cause_or(const Exit& exit) const;

 private:
  FileDescriptor file_;
};

}  // namespace shipyard::launcher::stage
