#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_network.hpp"
#include "base/result.hpp"
#include "launcher/preempt/http_response.hpp"

namespace shipyard::preempt {

/// Where a cloud's instance metadata service listens: a link-local address that only the VM itself reaches.
struct MetadataService {
  IpAddress address;
  std::uint16_t port = 80;

  bool operator==(const MetadataService&) const = default;
};

/// Names another service than Azure's: an emulator, a test's.
inline constexpr const char* kMetadataVariable = "SHIPYARD_METADATA_URL";
inline constexpr const char* kAzureMetadataUrl = "http://169.254.169.254";

/// "http://169.254.169.254", "http://127.0.0.1:8080/", "http://[::1]:8080": an address and no name, since
/// nothing here asks a name server, and no path.
Result<MetadataService> parse_metadata_url(std::string_view url);
/// Back to "http://127.0.0.1:8080".
[[nodiscard]] std::string to_url(const MetadataService& service);

struct GetLimits {
  std::chrono::milliseconds connect{2'000};
  std::chrono::milliseconds answer{10'000};  ///< all of it, from the request on
};

/// One GET with the header that Azure demands (`Metadata: true`), to its end; `target` is path and query.
/// Straight to the address: a proxy of the environment is not for it. Blocks within the limits, or until
/// `cancel`, a descriptor, becomes readable (-1: none). Redirections are not followed; any status but 200 is
/// an error.
Result<std::string> get_metadata(const MetadataService& service, std::string_view target,
                                 const GetLimits& limits, int cancel = -1);

}  // namespace shipyard::preempt
