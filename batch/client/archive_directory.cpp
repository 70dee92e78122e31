#include "batch/client/archive_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "base/subprocess.hpp"
#include "batch/client/document.hpp"
#include "batch/client/one_line.hpp"
#include "batch/client/redact.hpp"

namespace shipyard::batch {
namespace {

/// More of a failing tar's words helps nobody.
constexpr std::size_t kMostWords = 4096;

/// Its first line with words: those behind it say that this one was fatal.
std::string first_line(const std::string& text) {
  const auto begin = std::min(text.find_first_not_of(" \n"), text.size());
  return one_line(text.substr(begin, text.find('\n', begin) - begin));
}

}  // namespace

Result<ArchiveDirectory> ArchiveDirectory::make(const Environment& environment, std::string name) {
  auto top = TemporaryDirectory::make(environment, "shipyard-diagnose");
  if (!top) return top.error();
  return ArchiveDirectory(std::move(*top), std::move(name));
}

void ArchiveDirectory::add(const std::string& name, const std::string& content) {
  if (!added_) return;
  const std::filesystem::path path = std::filesystem::path(top_.path()) / name_ / name;
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error)
    added_ = system_error(fmt::format("cannot write {}", path.string()), error.value());
  else
    added_ = write_file_atomically(path.string(), content, 0600);
}

void ArchiveDirectory::add(const std::string& name, const nlohmann::json& content) {
  add(name, json_text(without_secrets(content), 2) + "\n");
}

Status ArchiveDirectory::pack(AtomicFile& archive, const Environment& environment,
                              Interruption& interruption) const {
  if (!added_) return added_;
  Command command;
  command.argv = {"tar", "-cz", "-C", top_.path(), name_};
  command.environment = environment.as_strings();
  command.output_file = archive.fd();
  command.standard_error = Command::Stream::kPipe;
  // gzip is a child of tar's: both are to go where the user wants the end.
  command.own_process_group = true;
  auto tar = Child::start(command);
  if (!tar) return tar.error();
  const int errors = tar->stderr_pipe().get();
  // The wait ends for other reasons too, and a read would then last as long as tar.
  if (::fcntl(errors, F_SETFL, O_NONBLOCK) != 0) return system_error("cannot read what tar says", errno);
  std::string words;
  while (interruption.signal() == 0) {
    interruption.wait(std::chrono::minutes(1), {errors});
    if (interruption.signal() != 0) break;
    char buffer[1024];
    const ssize_t got = ::read(errors, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    if (words.size() < kMostWords) words.append(buffer, static_cast<std::size_t>(got));
  }
  if (interruption.signal() != 0)
    return Error{Error::Code::kSystem, fmt::format("interrupted: {}", archive.path()), {}, {}};
  if (const Exit exit = tar->wait(); !exit.success())
    return Error{Error::Code::kSystem,
                 fmt::format("cannot write {}: {}", archive.path(),
                             words.empty() ? describe(exit) : first_line(words)),
                 {},
                 {}};
  return archive.commit();
}

}  // namespace shipyard::batch
