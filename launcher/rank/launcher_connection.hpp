#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/subprocess.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard::rank {

/// Until the launcher has said how long it may be silent.
inline constexpr std::chrono::milliseconds kFirstSilenceLimit{15'000};

/// To "10.0.0.4:40123" or "[fe80::1]:40123", within 10 s; none where that failed, with errno.
[[nodiscard]] FileDescriptor connect_to(std::string_view endpoint);

/// All in one packet. A launcher that is gone needs no answer: whether it has arrived is not told.
void tell(const FileDescriptor& launcher, const std::vector<supervise::RankMessage>& messages);

/// How the rank ended.
void tell_end(const FileDescriptor& launcher, const Exit& exit);

}  // namespace shipyard::rank
