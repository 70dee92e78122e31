#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "batch/local/parallel.hpp"
#include "batch/local/pool_record.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

/// What the container engine knows that matters here.
struct EngineState {
  std::string engine;  ///< "docker" or "podman"
  std::vector<PoolRecord> pools;
  std::vector<UsedSubnet> networks;
  std::vector<bool> images_here;  ///< as asked for
};

/// Asks docker, or podman where docker is not there or does not answer; `wanted` names one and only that is
/// asked. An error where none answers, with what the engine said.
Result<EngineState> ask_engine(const std::optional<std::string>& wanted,
                               const std::vector<std::string>& images, const Environment& environment,
                               Interruption& interruption);

/// What the engine's client printed, without its own prefixes and its advice to read its help.
[[nodiscard]] std::string clean_engine_message(std::string_view text);

/// Of a list that the engine's client has printed.
[[nodiscard]] std::vector<std::string> words_of(const std::string& text);

/// True where `network create` failed because the subnet is taken.
[[nodiscard]] bool says_subnet_is_taken(std::string_view message);

}  // namespace shipyard::local
