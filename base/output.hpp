#pragma once

#include <chrono>
#include <string_view>

namespace shipyard {

/// True where a write of PIPE_BUF bytes to `fd` would not block, also since nobody is left to read.
[[nodiscard]] bool is_writable(int fd);

/// Waits for that, at most for `limit`.
[[nodiscard]] bool becomes_writable(int fd, std::chrono::milliseconds limit);

/// Writes all of it; the errno where that failed, else 0. Blocks while a reader does not read, also where
/// somebody has set the file to non-blocking.
int write_all(int fd, std::string_view text);

}  // namespace shipyard
