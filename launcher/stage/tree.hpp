#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard::launcher::stage {

/// How the name of a directory begins in which what comes is kept until it is whole; in no listing.
inline constexpr std::string_view kPartialPrefix = ".shipyard-stage.";

/// The remedy for a target that cannot be.
inline constexpr const char* kWritableTarget = "give a TARGET that can be written to there";

/// What is in a directory, at any depth: its directories, regular files and symbolic links.
struct Listing {
  std::uint64_t files = 0;  ///< and links
  std::uint64_t bytes = 0;  ///< of the files, as they say; what they take on a disk may be less or more
  std::string names = {};   ///< a digest of names, kinds, modes, sizes and where links lead
  /// Of each a digest of that and of a file's modification time, 8 bytes without an order of its own.
  std::string entries = {};

  bool operator==(const Listing&) const = default;
};

/// What cannot be read, or goes away meanwhile.
enum class Unreadable { kIsAnError, kIsLeftOut };

/// `met` is told the path of each, "./a/b", a directory before what is in it; false ends the
/// listing, which fails then.
Result<Listing> list_tree(const std::string& directory, Unreadable unreadable = Unreadable::kIsAnError,
                          const std::function<bool(const std::string& path)>& met = {});

/// Whether all that has made these Listing::entries is in a directory, whatever else is.
[[nodiscard]] bool has_all(const Listing& there, std::string_view entries);

/// Also where directories in it are not writable; what cannot be removed stays.
void remove_tree(const std::string& directory);

/// Moves all that is in `from` into `to`, a directory of the same file system: a file takes the place of one
/// with its name, a directory is filled up and gets the mode, and nothing else of `to` is touched. A
/// directory against a file, one that cannot be written to, a file that cannot be replaced, or a mount in
/// `to` is an error, and then nothing has been moved.
Status merge_tree(const std::string& from, const std::string& to);

}  // namespace shipyard::launcher::stage
