#include "launcher/rank/pmix_clients.hpp"

#include <gtest/gtest.h>

namespace shipyard::rank {
namespace {

std::optional<std::uint16_t> port(const char* uri) {
  Environment environment;
  environment.variables = {{"PATH", "/bin"}, {"PMIX_SERVER_URI2", uri}};
  return pmix_server_port(environment);
}

TEST(PmixServerPort, IsTheLastNumberOfTheUri) {
  EXPECT_EQ(port("696188928.0;tcp4://127.0.0.1:45929"), 45929);
  EXPECT_EQ(port("prterun-node-0-55@0.0;tcp6://[fe80::1]:44899"), 44899);
  for (const char* none : {"", "x:1", "a;tcp", "a;usock:/tmp/pmix", "a;tcp4://h:", "a;tcp4://h:99999",
                           "a;tcp4://h:0", "a;tcp4://h:12x"})
    EXPECT_FALSE(port(none)) << none;
  EXPECT_FALSE(pmix_server_port({}));
}

// Port 0xB369 is the daemon's. Lines as the kernel writes them.
constexpr const char* kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
    "   0: 0100007F:B369 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 0100007F:E8F6 0100007F:B369 06 00000000:00000000 03:00001751 00000000     0\n"
    "   2: 0100007F:E904 0100007F:B369 01 00000000:00000000 03:00001751 00000000     0\n"
    "   3: 0100007F:B369 0100007F:E904 01 00000000:00000000 03:00001751 00000000     0\n"
    "   4: 0100007F:E00E 0100007F:EB8B 01 00000000:00000000 02:0000027A 00000000     0\n";

TEST(PmixClients, CountsEachClientOnceWhetherItsConnectionIsOpenOrOver) {
  PmixClients clients(0xB369);
  EXPECT_EQ(clients.count(), 0);
  clients.note(kTable);
  EXPECT_EQ(clients.count(), 2);
  clients.note(kTable);
  EXPECT_EQ(clients.count(), 2);
  // The daemon's side alone, once the client's is gone.
  clients.note("   3: 0100007F:B369 0100007F:AAAA 06 0\n");
  EXPECT_EQ(clients.count(), 3);
  PmixClients others(0x1234);
  others.note(kTable);
  EXPECT_EQ(others.count(), 0);
}

TEST(PmixClients, MakesNothingOfBrokenLines) {
  PmixClients clients(0xB369);
  for (const char* text : {"", "\n\n", "1:", "1: a b c", "1: 0:B369", "1: 0:B369 0:", "1: 0:B369 0:12345 01",
                           "1: 0:B369 0:zz 01", "::::: :: :"})
    clients.note(text);
  EXPECT_EQ(clients.count(), 0);
}

}  // namespace
}  // namespace shipyard::rank
