#pragma once

#include <chrono>
#include <string>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace shipyard::launcher::stage {

/// In the directory where --collect puts results, as long as they come: it is not among them, by whatever
/// path.
inline constexpr const char* kCollectingMark = ".shipyard-stage.collecting";

/// A directory with a partial's name whose lock nobody of this machine holds.
struct LeftPartial {
  bool is_own_users = false;
  bool is_on_own_disk = false;   ///< of a file system that this machine alone has
  bool is_own_machines = false;  ///< made here, since the machine is up
  std::chrono::seconds age{0};   ///< since it was last changed itself
};

/// Whether its process is gone. A lock of another machine's is not seen on a network file system (flock(2) of
/// a directory does not reach the server), so there only the age tells: a day is 8 TB at 100 MB/s. Pure.
[[nodiscard]] bool is_abandoned(const LeftPartial& left);

/// A directory of its own in which what comes is kept until it is whole (kPartialPrefix). It is named after
/// the machine, and holds a lock as long as it lives, by which others know one that a killed process has
/// left; its end removes it.
class Partial {
 public:
  /// In `parent`, and with `name` in its own.
  static Result<Partial> make(const std::string& parent, const std::string& name = {});
  /// One in kCollectingMark, which is there as long as there is one in it.
  static Result<Partial> mark(const std::string& parent);
  /// Those in `parent` that are abandoned.
  static void remove_abandoned(const std::string& parent);

  Partial(Partial&& other) noexcept;
  Partial& operator=(Partial&&) = delete;
  ~Partial() { remove(); }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// It has another name now, or cannot be removed: its file system hangs.
  void leave() {
    path_.clear();
    mark_.clear();
  }
  void remove();

 private:
  Partial(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  std::string mark_ = {};  ///< the mark that it is in
  FileDescriptor lock_;
};

}  // namespace shipyard::launcher::stage
