#include "base/ip_network.hpp"
#include "batch/local/subnet.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto address = parse_address(text)) {
    fuzz::require(parse_address(to_string(*address)) == address, "an address is read as it was written");
  }
  if (const auto network = parse_network(text)) {
    fuzz::require(parse_network(to_string(*network)) == network, "a network is read as it was written");
    fuzz::require(network->contains(network->base), "a network holds its base");
    fuzz::require(network_of(network->base, network->prefix_length) == *network,
                  "bits after the prefix are zero");
  }
  if (const auto subnet = local::parse_subnet(text, "--subnet"); fuzz::is_good(subnet)) {
    const auto again = local::parse_subnet(subnet->text(), "--subnet");
    fuzz::require(again && *again == *subnet, "a subnet is read as it was written");
    (void)local::check_subnet(*subnet, 3, {}, "--subnet");
  }
  for (const auto& used : local::parse_routes(text)) {
    fuzz::require(used.subnet.prefix > 0 && used.subnet.prefix <= 32, "a route has a prefix");
    fuzz::require(used.subnet.overlaps(used.subnet), "a route overlaps itself");
  }
  return 0;
}
