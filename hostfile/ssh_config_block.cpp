#include "hostfile/ssh_config_block.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/file.hpp"

namespace shipyard::hostfile {
namespace {

/// The block's bytes, from its first marker to the end of the line of its last one.
struct Block {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Result<std::optional<Block>> find_block(std::string_view content, std::string_view path) {
  std::optional<Block> block;
  bool open = false;
  std::size_t open_line = 0;
  auto broken = [&](std::size_t line, std::string_view what) {
    return input_error(fmt::format("{}: line {}: {}", path, line, what),
                       fmt::format("the file was left as it is; mend or delete what stands from '{}' to '{}'",
                                   kBlockBegin, kBlockEnd));
  };
  std::size_t position = 0;
  for (std::size_t number = 1; position < content.size(); ++number) {
    const std::size_t begin = position;
    const std::size_t newline = content.find('\n', begin);
    position = newline == std::string_view::npos ? content.size() : newline + 1;
    auto line = content.substr(begin, position - begin);
    line = line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
    if (line == kBlockBegin) {
      if (open) return broken(number, fmt::format("'{}' stands inside of the block", kBlockBegin));
      if (block) return broken(number, "a second block begins");
      block = Block{begin, begin};
      open = true;
      open_line = number;
    } else if (line == kBlockEnd) {
      if (!open) return broken(number, fmt::format("'{}' without its beginning", kBlockEnd));
      block->end = position;
      open = false;
    }
  }
  if (open) return broken(open_line, fmt::format("'{}' without its end", kBlockBegin));
  return block;
}

/// The file as it is: `changed` says that there is none.
Result<ConfigEdit> read_config(std::string_view home) {
  ConfigEdit file;
  file.directory = fmt::format("{}/.ssh", home);
  file.path = file.directory + "/config";
  struct stat info {};
  if (::stat(file.path.c_str(), &info) != 0) {
    if (errno != ENOENT) return system_error("cannot read " + file.path, errno);
    return file;
  }
  auto content = read_file(file.path);
  if (!content) return content.error();
  file.content = *std::move(content);
  file.mode = info.st_mode & 07777U;
  file.changed = false;
  return file;
}

Result<ConfigEdit> edit(Result<ConfigEdit> file, Result<std::string> content) {
  if (!content) return content.error();
  file->changed = file->changed || *content != file->content;
  file->content = *std::move(content);
  return file;
}

}  // namespace

Result<std::string> with_block(std::string_view content, std::string_view config, std::string_view path) {
  auto block = find_block(content, path);
  if (!block) return block.error();
  const std::size_t newline = content.find('\n');
  const bool crlf = newline != std::string_view::npos && newline > 0 && content[newline - 1] == '\r';
  // Without the last line, settings that stand above the user's first Host line would be taken for ours.
  const std::string lines =
      fmt::format("{}\n# kept by shipyard-hostfile: changes to these lines get lost\n{}Match all\n{}\n",
                  kBlockBegin, config, kBlockEnd);
  std::string text;
  for (char c : lines) {
    if (c == '\n' && crlf) text += '\r';
    text += c;
  }
  const Block place = block->value_or(Block{});
  return std::string(content.substr(0, place.begin)) + text + std::string(content.substr(place.end));
}

Result<std::string> without_block(std::string_view content, std::string_view path) {
  auto block = find_block(content, path);
  if (!block) return block.error();
  const Block place = block->value_or(Block{});
  return std::string(content.substr(0, place.begin)) + std::string(content.substr(place.end));
}

Result<ConfigEdit> plan_installation(std::string_view home, std::string_view config) {
  auto file = read_config(home);
  if (!file) return file;
  auto content = with_block(file->content, config, file->path);
  return edit(std::move(file), std::move(content));
}

Result<ConfigEdit> plan_removal(std::string_view home) {
  auto file = read_config(home);
  if (!file) return file;
  auto content = without_block(file->content, file->path);
  const bool exists = !file->changed;
  auto result = edit(std::move(file), std::move(content));
  if (result && !exists) result->changed = false;
  return result;
}

Status apply(const ConfigEdit& edit) {
  if (!edit.changed) return Ok{};
  if (::mkdir(edit.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("cannot make " + edit.directory, errno);
  }
  return write_file_atomically(edit.path, edit.content, edit.mode);
}

}  // namespace shipyard::hostfile
