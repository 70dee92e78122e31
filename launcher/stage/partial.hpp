#pragma once

#include <string>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace shipyard::launcher::stage {

/// In the directory where --collect puts results, as long as they come: it is not among them, by whatever
/// path.
inline constexpr const char* kCollectingMark = ".shipyard-stage.collecting";

/// A directory of its own in which what comes is kept until it is whole (kPartialPrefix). It holds a lock as
/// long as it lives, by which others know one that a killed process has left; its end removes it.
class Partial {
 public:
  /// In `parent`, and with `name` in its own.
  static Result<Partial> make(const std::string& parent, const std::string& name = {});
  /// kCollectingMark.
  static Result<Partial> mark(const std::string& parent);
  /// Those in `parent` of processes that were killed.
  static void remove_abandoned(const std::string& parent);

  Partial(Partial&& other) noexcept;
  Partial& operator=(Partial&&) = delete;
  ~Partial() { remove(); }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// It has another name now.
  void moved() { path_.clear(); }
  void remove();

 private:
  Partial(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor lock_;
};

}  // namespace shipyard::launcher::stage
