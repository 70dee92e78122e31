#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "launcher/stage/place.hpp"

/// --stage and --collect: what the launcher asks of a node, on the standard input of `shipyard-mpirun
/// --node-stage` there, and what that answers.
namespace shipyard::launcher::stage {

struct Request {
  enum class Verb {
    kLook,     ///< what is there at `directory`; behind the request come Listing::entries of what is wanted
    kReceive,  ///< behind the request come a tar archive and kWholeMark: `directory` gets what is in it
    kCollect,  ///< behind the answer come tar archives of what matches `patterns` in `directory`
  };
  Verb verb = Verb::kLook;
  std::string directory = {};              ///< absolute
  std::string digest = {};                 ///< kReceive: Listing::names of what comes
  std::vector<std::string> patterns = {};  ///< kCollect: glob(7), with braces
  Place other_than = {};                   ///< kLook, kCollect: nothing is listed nor brought there

  bool operator==(const Request&) const = default;
};

/// One line, with its end.
[[nodiscard]] std::string format_request(const Request& request);
/// Fails on anything else than format_request writes.
Result<Request> parse_request(std::string_view line);

struct Answer {
  std::string problem = {};  ///< why it was not done; empty: it was
  std::string remedy = {};
  bool is_there = false;          ///< kLook: a directory
  bool has_all = false;           ///< kLook: of what is wanted
  Place place = {};               ///< kLook: of the directory, or of the nearest above that is there
  std::string below = {};         ///< kLook: what of the path is not there: "a/b"; empty: all is
  std::uint64_t free_bytes = 0;   ///< kLook: on the file system, for this user
  std::uint64_t free_inodes = 0;  ///< kLook
  /// kCollect: files and directories that match; 0 or kSharedPlace: no archive comes.
  std::uint64_t matches = 0;

  bool operator==(const Answer&) const = default;
};

/// A line that begins with kAnswerMark, with its end.
[[nodiscard]] std::string format_answer(const Answer& answer);
/// Of a node's whole output the last line with the mark: whatever a login shell prints around it does no
/// harm. Text from outside: each field in type and range.
Result<Answer> parse_answer(std::string_view output);

/// Answer::matches where the directory is Request::other_than.
inline constexpr std::uint64_t kSharedPlace = UINT64_MAX;
inline constexpr std::string_view kAnswerMark = "shipyard-node-stage ";
/// Behind an archive whose tar has ended well. Without it a node keeps nothing: the archive of a tar that has
/// failed, or of a launcher that was killed, may look whole.
inline constexpr std::string_view kWholeMark = "shipyard-node-stage whole\n";
/// So much of an archive is read at once, in bytes.
inline constexpr std::size_t kStreamBlock = 256 * 1024;
/// The longest request, and the longest answer, in bytes.
inline constexpr std::size_t kLongestLine = 64 * 1024;

}  // namespace shipyard::launcher::stage
