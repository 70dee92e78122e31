#include "launcher/rank/pmix_clients.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const std::string_view view = text;
  rank::PmixClients clients(0xB369);
  clients.note(view);
  const int seen = clients.count();
  fuzz::require(seen <= 2 * (1 + std::count(view.begin(), view.end(), '\n')), "two a line at most");
  clients.note(view);
  fuzz::require(clients.count() == seen, "the same table says nothing new");
  Environment environment;
  environment.variables = {{"PMIX_SERVER_URI2", std::string(view)}};
  const auto port = rank::pmix_server_port(environment);
  fuzz::require(!port || *port != 0, "a port is not 0");
  return 0;
}
