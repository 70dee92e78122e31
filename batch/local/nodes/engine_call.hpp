#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace shipyard::local {

/// What `docker WORDS…` (or podman) prints; an error with what it said where it failed, or did not end in
/// `limit`. By any thread.
Result<std::string> call_engine(const std::string& engine, std::vector<std::string> words,
                                const Environment& environment,
                                std::chrono::seconds limit = std::chrono::seconds(120));

}  // namespace shipyard::local
