#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard {

/// The whole file. `path` "-" is not special. Fails above `max_bytes`, so that a device or a wrong file
/// cannot fill the memory.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = 64 << 20);

/// Writes a temporary file beside `path`, syncs nothing, renames it over `path`: a reader sees the old
/// content or the new one, and on failure the old one stays. As an editor does, it follows a symbolic link at
/// `path`, and an existing file keeps its owner and group where the system lets us. A device, a pipe
/// or /dev/stdout is written to as it is.
Status write_file_atomically(const std::string& path, std::string_view content, mode_t mode);

}  // namespace shipyard
