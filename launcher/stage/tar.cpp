#include "launcher/stage/tar.hpp"

#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <initializer_list>

namespace shipyard::launcher::stage {

Command tar_command(std::vector<std::string> words, const Environment& environment) {
  Environment plain = environment;
  plain.variables["LC_ALL"] = "C";
  plain.variables.erase("TAR_OPTIONS");
  words.insert(words.begin(), "tar");
  return {.argv = std::move(words),
          .environment = plain.as_strings(),
          .standard_output = Command::Stream::kNull,
          .standard_error = Command::Stream::kNull,
          .own_process_group = true,
          .parent_death_signal = SIGKILL};
}

SaidWords::SaidWords() : file_(::memfd_create("words", MFD_CLOEXEC)) {}

std::string SaidWords::text() const {
  // Notes may come before the cause, one for each of many files.
  std::string text(1024 * 1024, '\0');
  const ssize_t got = ::pread(file_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::string SaidWords::cause_or(const Exit& exit) const {
  std::string cause = cause_of(text());
  return cause.empty() ? "tar: " + describe(exit) : cause;
}

std::string cause_of(std::string_view words) {
  std::string_view first;
  while (!words.empty()) {
    std::string_view line = words.substr(0, words.find('\n'));
    words.remove_prefix(std::min(words.size(), line.size() + 1));
    if (line.starts_with("tar: ")) line.remove_prefix(5);
    const auto any = [&](std::initializer_list<std::string_view> parts) {
      return std::any_of(parts.begin(), parts.end(),
                         [&](auto part) { return line.find(part) != std::string_view::npos; });
    };
    if (any({": Cannot ", ": Wrote only "})) return std::string(line);
    const bool is_note = line.starts_with("Removing leading ") || line.starts_with("Exiting with failure") ||
                         line.starts_with("Error is not recoverable") || line.ends_with(" ignored") ||
                         any({": implausibly old time stamp ", " s in the future", "; not dumped"});
    if (first.empty() && !is_note) first = line;
  }
  return std::string(first);
}

bool lacks_room(std::string_view cause, const std::string& directory) {
  for (const std::string_view part : {": Wrote only ", "No space left on device", "Disk quota exceeded"}) {
    if (cause.find(part) != std::string_view::npos) return true;
  }
  struct statvfs info {};
  return ::statvfs(directory.c_str(), &info) == 0 &&
         (info.f_bavail == 0 || (info.f_files != 0 && info.f_favail == 0));
}

}  // namespace shipyard::launcher::stage
