#pragma once

#include <string>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard {

/// A directory for its owner alone (0700) below TMPDIR, or /tmp. It belongs to the object, and goes with it,
/// with all that is in it by then.
class TemporaryDirectory {
 public:
  /// `name` is how its name begins: "shipyard-key". Fails where none can be made there.
  static Result<TemporaryDirectory> make(const Environment& environment, const std::string& name);

  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace shipyard
