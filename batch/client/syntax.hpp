#pragma once

#include <string>
#include <string_view>

namespace shipyard::batch {

/// What a text must look like that goes to Batch, to Docker or into a shell. Pure.

/// Letters, digits, and those in `more`.
[[nodiscard]] bool consists_of(std::string_view text, std::string_view more);

/// The id of a pool, a job or a task: letters, digits, '-' and '_', 64 at most (REST: Job - Add). Empty
/// counts.
[[nodiscard]] bool is_id(std::string_view text);
/// What is wrong with an id, with the text; empty where nothing is.
[[nodiscard]] std::string fault_of_id(std::string_view text);

/// A container image's name, as far as it cannot be an option or a part of a script.
[[nodiscard]] bool is_image_name(std::string_view text);

/// Letters, digits and '_', no digit first (POSIX, 3.231).
[[nodiscard]] bool is_variable_name(std::string_view text);

/// "64m", "1g", "1024": as `docker run --shm-size` reads it.
[[nodiscard]] bool is_docker_size(std::string_view text);

/// "0770".
[[nodiscard]] bool is_file_mode(std::string_view text);

/// Relative, and without a part that leads out of the directory.
[[nodiscard]] bool stays_below(std::string_view path);

}  // namespace shipyard::batch
