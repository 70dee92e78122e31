#pragma once

#include <string>

namespace shipyard::batch {

/// An id for a job that nobody has named: make_job_id with the time of now and a random word.
[[nodiscard]] std::string new_job_id(const std::string& file_name);

}  // namespace shipyard::batch
