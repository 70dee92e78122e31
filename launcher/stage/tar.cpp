#include "launcher/stage/tar.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

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

std::string SaidWords::first_line() const {
  std::string text(4096, '\0');
  const ssize_t got = ::pread(file_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  text.resize(std::min(text.size(), text.find('\n')));
  return text.starts_with("tar: ") ? text.substr(5) : text;
}

std::string SaidWords::first_line_or(const Exit& exit) const {
  std::string line = first_line();
  return line.empty() ? "tar: " + describe(exit) : line;
}

}  // namespace shipyard::launcher::stage
