#include "batch/local/pool_record.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

/// The JSON of containers, up to an empty line, and of networks. Or a process's identity.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto identity = local::ProcessIdentity::parse(text)) {
    fuzz::require(local::ProcessIdentity::parse(identity->text()) == identity,
                  "an owner is read as it was written");
  }
  const auto end = std::min(text.find("\n\n"), text.size());
  const auto networks = text.substr(std::min(end + 2, text.size()));
  (void)fuzz::is_good(local::parse_networks(networks));
  const auto pools = local::parse_pools(text.substr(0, end), networks);
  if (!fuzz::is_good(pools)) return 0;
  for (const auto& pool : *pools) {
    fuzz::require(!pool.name.empty(), "a pool has a name");
    (void)local::labels_of(pool);
    (void)local::is_leftover(pool, {"m", "n", 1, 1}, std::nullopt);
  }
  return 0;
}
