#include "launcher/stage/node_side.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>

#include "base/file.hpp"
#include "base/output.hpp"
#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/stage/decision.hpp"
#include "launcher/stage/partial.hpp"
#include "launcher/stage/protocol.hpp"
#include "launcher/stage/tar.hpp"
#include "launcher/stage/tree.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

/// Byte by byte: what is behind it is tar's.
std::string read_request() {
  std::string line;
  char byte = 0;
  while (line.size() <= kLongestLine) {
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || byte == '\n') break;
    line += byte;
  }
  return line;
}

/// The nearest directory above, or `path` itself, that is there.
fs::path nearest(const fs::path& path) {
  std::error_code ignored;
  fs::path above = path;
  while (!fs::exists(above, ignored) && above.has_relative_path()) above = above.parent_path();
  return above;
}

/// To the end of standard input.
std::string read_data() {
  std::string data;
  std::string block(64 * 1024, '\0');
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return data;
    data.append(block, 0, static_cast<std::size_t>(got));
  }
}

/// Is told of each entry, and now and then says that there is progress: an empty line before the answer.
class SignOfLife {
 public:
  bool operator()(const std::string& /*path*/) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(5)) return true;
    last_ = now;
    write_all(STDOUT_FILENO, "\n");
    return true;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// What killed ones have left takes the room that this one needs: in a target that was there, or beside it.
void remove_abandoned(const fs::path& above, bool is_target) {
  std::error_code ignored;
  const fs::path real = fs::canonical(above, ignored);
  Partial::remove_abandoned(real.string());
  if (is_target) Partial::remove_abandoned(real.parent_path().string());
}

Answer look(const Request& request) {
  const fs::path directory = fs::path(request.directory).lexically_normal();
  Answer answer;
  std::error_code ignored;
  const fs::path above = nearest(directory);
  auto place = place_of(above.string());
  if (!place) return {.problem = place.error().message};
  answer.place = std::move(*place);
  if (above != directory) answer.below = directory.lexically_relative(above).string();
  if (!fs::is_directory(above, ignored))
    return {.problem = fmt::format("{} is not a directory", above.string()), .remedy = "give another TARGET"};
  answer.is_there = above == directory;
  const bool is_other = !is_same_place(answer.place, request.other_than);
  if (is_other) remove_abandoned(above, answer.is_there);
  if (answer.is_there && is_other) {
    auto listing = list_tree(directory.string(), Unreadable::kIsLeftOut, SignOfLife());
    if (!listing) return {.problem = listing.error().message};
    answer.has_all = has_all(*listing, read_data());
  }
  struct statvfs info {};
  if (::statvfs(above.c_str(), &info) != 0) return {.problem = system_error(above.string(), errno).message};
  answer.free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  answer.free_inodes = info.f_files == 0 ? UINT64_MAX : info.f_favail;
  return answer;
}

/// Directories that were made on the way; they go again, where nothing has come into them.
class MadeDirectories {
 public:
  Status make(const fs::path& directory) {
    fs::path path;
    for (const auto& part : directory) {
      path /= part;
      if (::mkdir(path.c_str(), 0777) == 0) {
        made_.push_back(path);
        continue;
      }
      const int why = errno;
      if (std::error_code ignored; why != EEXIST && !fs::is_directory(path, ignored))
        return system_error("cannot make " + path.string(), why, kWritableTarget);
    }
    return Ok{};
  }
  void keep() { made_.clear(); }
  ~MadeDirectories() {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str());
  }

 private:
  std::vector<fs::path> made_;
};

/// All of standard input but kWholeMark at its end; whether that was there. Ends as well when nobody reads.
bool hand_on_archive(int to) {
  std::string held;
  std::string block(kStreamBlock, '\0');
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return held == kWholeMark;
    held.append(block, 0, static_cast<std::size_t>(got));
    if (held.size() <= kWholeMark.size()) continue;
    const std::size_t known = held.size() - kWholeMark.size();
    if (write_all(to, std::string_view(held).substr(0, known)) != 0) return false;
    held.erase(0, known);
  }
}

/// What comes on standard input; why, where not all of it is there then.
Status unpack_into(const std::string& directory, const Environment& environment) {
  const SaidWords said;
  Command tar = tar_command({"--extract", "--preserve-permissions", "--numeric-owner",
                             "--delay-directory-restore", "--directory", directory, "--file=-"},
                            environment);
  tar.standard_input = Command::Stream::kPipe;
  tar.error_file = said.fd();
  auto child = Child::start(tar);
  if (!child) return child.error();
  const bool is_whole = hand_on_archive(child->stdin_pipe().get());
  (void)child->stdin_pipe().close();
  if (const Exit exit = child->wait(); !exit.success())
    return Error{Error::Code::kSystem, said.cause_or(exit)};
  return is_whole ? Status(Ok{}) : input_error("what has come is not whole");
}

/// `partial` becomes `target`, or what is in it goes there.
Status put_in_place(Partial& partial, const fs::path& target) {
  if (::renameat2(AT_FDCWD, partial.path().c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0 ||
      // A file system that cannot tell; an empty directory is replaced.
      (errno == EINVAL && ::rename(partial.path().c_str(), target.c_str()) == 0)) {
    partial.leave();
    return Ok{};
  }
  if (errno != EEXIST && errno != ENOTEMPTY)
    return system_error("cannot make " + target.string(), errno, kWritableTarget);
  return merge_tree(partial.path(), target.string());
}

Answer receive(const Request& request, const Environment& environment) {
  const auto problem = [](const Error& error) {
    return Answer{.problem = error.message, .remedy = error.hint};
  };
  if (!find_program("tar", environment)) return {.problem = "there is no tar", .remedy = kInstallTar};
  std::error_code failure;
  fs::path target = request.directory;
  MadeDirectories made;
  const bool is_there = fs::is_directory(target, failure);
  if (is_there) target = fs::canonical(target, failure);
  if (auto there = is_there ? Status(Ok{}) : made.make(target.parent_path()); !there)
    return problem(there.error());
  const std::string parent = (is_there ? target : target.parent_path()).string();
  auto partial = Partial::make(parent);
  if (!partial) return {.problem = partial.error().message, .remedy = kWritableTarget};
  if (auto unpacked = unpack_into(partial->path(), environment); !unpacked) {
    if (lacks_room(unpacked.error().message, partial->path()))
      return {.problem = fmt::format("no room left in {}", request.directory), .remedy = kLargerDisk};
    return problem(unpacked.error());
  }
  auto listing = list_tree(partial->path());
  if (!listing) return problem(listing.error());
  if (listing->names != request.digest) return {.problem = "what has come is not whole"};
  if (auto placed = is_there ? merge_tree(partial->path(), target.string()) : put_in_place(*partial, target);
      !placed)
    return problem(placed.error());
  made.keep();
  return {};
}

/// Not those of ".*" that lead up.
std::set<std::string> matches_of(const std::vector<std::string>& patterns) {
  std::set<std::string> found;
  for (const auto& pattern : patterns) {
    glob_t matches{};
    if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &matches) == 0) {
      for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
        const fs::path match = matches.gl_pathv[i];
        if (std::find(match.begin(), match.end(), "..") == match.end()) found.insert(match.string());
      }
    }
    ::globfree(&matches);
  }
  return found;
}

/// tar takes the slash from the beginning, by which one may come to lie on, or in, another. Empty where none
/// does.
std::string with_one_name(const std::set<std::string>& matches, const fs::path& working_directory) {
  if (working_directory == "/") return {};
  std::map<fs::path, std::string> from[2];
  for (const auto& match : matches) {
    const bool is_absolute = match.starts_with('/');
    from[is_absolute][fs::path(is_absolute ? match.substr(1) : match).lexically_normal()] = match;
  }
  for (const bool is_absolute : {false, true}) {
    for (const auto& [name, match] : from[is_absolute]) {
      for (fs::path path = name; !path.empty(); path = path.parent_path()) {
        const auto other = from[!is_absolute].find(path);
        if (other != from[!is_absolute].end()) return fmt::format("{} and {}", match, other->second);
      }
    }
  }
  return {};
}

/// Whether results are being put there, at any depth; not where that is the working directory.
bool is_in_collection(fs::path path, const fs::path& working_directory) {
  std::error_code ignored;
  for (; path.has_relative_path() && path != working_directory; path = path.parent_path()) {
    if (fs::exists(path / kCollectingMark, ignored)) return true;
  }
  return false;
}

/// On a line of its own, whatever a login shell has printed.
void say(const Answer& answer) { write_all(STDOUT_FILENO, "\n" + format_answer(answer)); }

/// What matches, as words of tar's list.
struct Names {
  std::string plain;
  std::string followed;  ///< links to files
  std::uint64_t count = 0;

  void add(const std::string& match, bool is_followed) {
    std::error_code ignored;
    const bool follows = is_followed && fs::is_symlink(match, ignored);
    if (follows && !fs::exists(match, ignored)) return;
    const bool is_directory = follows && fs::is_directory(match, ignored);
    // tar takes a slash from the end, and stores the link then.
    (follows && !is_directory ? followed : plain) += match + (is_directory ? "/." : "") + '\0';
    ++count;
  }
};

/// An archive of the listed names to standard output.
Status archive(const std::string& list, const std::vector<std::string>& options,
               const Environment& environment) {
  const FileDescriptor names(::memfd_create("names", MFD_CLOEXEC));
  if (!names || write_all(names.get(), list) != 0 || ::lseek(names.get(), 0, SEEK_SET) != 0)
    return system_error("no file for the names", errno);
  const SaidWords said;
  std::vector<std::string> words = {"--create", "--format=posix",        "--sparse",
                                    "--null",   "--verbatim-files-from", "--files-from=-",
                                    "--file=-"};
  words.insert(words.begin() + 1, options.begin(), options.end());
  Command tar = tar_command(std::move(words), environment);
  tar.input_file = names.get();
  tar.output_file = STDOUT_FILENO;
  tar.error_file = said.fd();
  auto child = Child::start(tar);
  if (!child) return child.error();
  const Exit exit = child->wait();
  if (exit.success()) return Ok{};
  return Error{Error::Code::kSystem, said.cause_or(exit)};
}

/// One archive or two behind the answer.
Status collect(const Request& request, const Environment& environment) {
  if (::chdir(request.directory.c_str()) != 0) {
    say({.problem = system_error(request.directory, errno).message});
    return Ok{};
  }
  if (!find_program("tar", environment)) {
    say({.problem = "there is no tar", .remedy = kInstallTar});
    return Ok{};
  }
  if (auto place = place_of("."); place && is_same_place(*place, request.other_than)) {
    say({.matches = kSharedPlace});
    return Ok{};
  }
  std::error_code ignored;
  const fs::path here = fs::current_path(ignored);
  const auto matches = matches_of(request.patterns);
  if (const auto both = with_one_name(matches, here); !both.empty()) {
    say({.problem = fmt::format("{} would have one name in the results", both),
         .remedy = "collect them by two jobs, or keep one under another name"});
    return Ok{};
  }
  const auto& patterns = request.patterns;
  Names names;
  for (const auto& match : matches) {
    if (is_in_collection(fs::canonical(match, ignored), here)) continue;
    // As ls -H: a link that is meant itself leads to what is wanted.
    names.add(match, std::find(patterns.begin(), patterns.end(), match) != patterns.end());
  }
  say({.matches = names.count});
  if (!names.followed.empty()) {
    if (auto done = archive(names.followed, {"--dereference"}, environment); !done) return done;
  }
  if (names.plain.empty()) return Ok{};
  return archive(names.plain, {fmt::format("--exclude-tag-all={}", kCollectingMark)}, environment);
}

}  // namespace

int run_node_side(const Environment& environment, std::ostream& err) {
  ignore_broken_pipes();
  auto request = parse_request(read_request());
  Status done = Ok{};
  if (!request) {
    done = request.error();
  } else if (request->verb == Request::Verb::kLook) {
    say(look(*request));
  } else if (request->verb == Request::Verb::kReceive) {
    say(receive(*request, environment));
  } else {
    done = collect(*request, environment);
  }
  if (done) return kSuccess;
  err << done.error().message << "\n" << std::flush;
  return kConfigError;
}

}  // namespace shipyard::launcher::stage
