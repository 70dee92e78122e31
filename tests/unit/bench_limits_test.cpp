#include <gmock/gmock.h>

#include "bench/harness/sizes.hpp"
#include "bench/harness/traffic.hpp"
#include "bench/limits/floors.hpp"
#include "bench/limits/routes.hpp"

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Medians of(std::int64_t bytes) {
  return {.bytes = bytes,
          .mpi_ns = 300,
          .mpi_window_ns = 2000,
          .hop_ns = 60,
          .memcpy_ns = 40,
          .cma_ns = 90,
          .tcp_ns = 5000,
          .tcp_stream_ns = 9000};
}

TEST(OneWayLimit, OfSharedMemoryIsAHopAndTheFasterCopy) {
  Medians medians = of(4096);
  auto limit = one_way_limit(Fabric::kSharedMemory, medians);
  ASSERT_TRUE(limit);
  EXPECT_DOUBLE_EQ(limit->ns, 100);
  EXPECT_EQ(limit->what, "hop + memcpy");
  medians.cma_ns = 30;
  limit = one_way_limit(Fabric::kSharedMemory, medians);
  ASSERT_TRUE(limit);
  EXPECT_DOUBLE_EQ(limit->ns, 90);
  EXPECT_EQ(limit->what, "hop + CMA");
}

TEST(OneWayLimit, OfNoBytesIsAHop) {
  const auto limit = one_way_limit(Fabric::kSharedMemory, of(0));
  ASSERT_TRUE(limit);
  EXPECT_DOUBLE_EQ(limit->ns, 60);
  EXPECT_EQ(limit->what, "hop");
}

TEST(OneWayLimit, NeedsNoCmaButAHop) {
  Medians medians = of(8);
  medians.cma_ns.reset();
  EXPECT_EQ(one_way_limit(Fabric::kSharedMemory, medians)->what, "hop + memcpy");
  medians.hop_ns.reset();
  EXPECT_FALSE(one_way_limit(Fabric::kSharedMemory, medians));
  EXPECT_FALSE(window_limit(Fabric::kSharedMemory, medians, 16));
}

TEST(OneWayLimit, ElseIsRawTcpWhichLimitsTcpAlone) {
  for (const std::optional<Fabric> fabric : {std::optional(Fabric::kTcp), {Fabric::kInfiniBand}, {}}) {
    const auto limit = one_way_limit(fabric, of(8));
    ASSERT_TRUE(limit);
    EXPECT_DOUBLE_EQ(limit->ns, 5000);
    EXPECT_EQ(limit->what, "raw TCP");
    EXPECT_EQ(has_limit(fabric), fabric == Fabric::kTcp);
  }
  Medians medians = of(8);
  medians.tcp_ns.reset();
  EXPECT_FALSE(one_way_limit(Fabric::kTcp, medians));
}

TEST(WindowLimit, OfSharedMemoryIsACopyOfEachMessageAndTwoHops) {
  const auto limit = window_limit(Fabric::kSharedMemory, of(4096), 16);
  ASSERT_TRUE(limit);
  EXPECT_DOUBLE_EQ(limit->ns, 2 * 60 + 16 * 40);
  EXPECT_EQ(limit->what, "memcpy");
}

TEST(WindowLimit, OfTcpIsTheStream) {
  const auto limit = window_limit(Fabric::kTcp, of(4096), 16);
  ASSERT_TRUE(limit);
  EXPECT_DOUBLE_EQ(limit->ns, 9000);
}

TEST(LimitsText, IsTwoTablesAndTheFloors) {
  EXPECT_EQ(limits_text(Fabric::kSharedMemory, {of(0), of(4096)}, 16, 8000), R"(
             ───── one way, µs ─────
     bytes          MPI        limit   MPI/limit
         0        0.300        0.060        5.00   hop
      4096        0.300        0.100        3.00   hop + memcpy

             ─ 16 in the air, MB/s ─
     bytes          MPI        limit  % of limit
      4096      32768.0      86231.6        38.0   memcpy

  a cache line's hop                     0.060 µs
  memcpy, best at 4K                102400.0 MB/s
  memcpy, memory to memory            8000.0 MB/s
  CMA, best at 4K                    45511.1 MB/s
  raw TCP, one way, 1 byte               5.000 µs
  raw TCP, best at 4K                 7281.8 MB/s
)");
}

TEST(LimitsText, LeavesOutWhatIsNotPossible) {
  Medians medians = of(8);
  medians.tcp_ns.reset();
  medians.tcp_stream_ns.reset();
  medians.hop_ns.reset();
  medians.cma_ns.reset();
  const std::string text = limits_text(Fabric::kTcp, {medians}, 16, std::nullopt);
  EXPECT_THAT(text, HasSubstr("         8        0.300            -           -\n"));
  EXPECT_THAT(text, Not(HasSubstr("raw TCP")));
  EXPECT_THAT(text, Not(HasSubstr("hop")));
  EXPECT_THAT(text, Not(HasSubstr("CMA")));
}

TEST(LimitsText, CallsTcpNoLimitOfInfiniBand) {
  const std::string text = limits_text(Fabric::kInfiniBand, {of(8)}, 16, std::nullopt);
  EXPECT_THAT(text, HasSubstr("MPI/TCP"));
  EXPECT_THAT(text, HasSubstr("% of TCP"));
  EXPECT_THAT(text, Not(HasSubstr("limit")));
}

TEST(DescribeLimit, SaysWhatItIsAndWhy) {
  EXPECT_EQ(describe_limit(Fabric::kTcp, "a to b"), "raw TCP, a to b");
  EXPECT_EQ(describe_limit(Fabric::kTcp, ""), "not measured: no raw TCP");
  EXPECT_EQ(describe_limit(Fabric::kInfiniBand, "a to b"),
            "not measured: that of InfiniBand needs verbs; beside it raw TCP, a to b");
  EXPECT_EQ(describe_limit(std::nullopt, ""), "not known, since what carried the messages is not");
}

LocalAddress at(const std::string& interface, const std::string& address, int prefix_length) {
  LocalAddress local{
      .interface = interface, .address = *parse_address(address), .prefix_length = prefix_length};
  local.loopback = interface == "lo";
  return local;
}

std::vector<std::string> texts(const std::vector<Route>& routes) {
  std::vector<std::string> all;
  for (const Route& route : routes) all.push_back(to_string(route));
  return all;
}

TEST(Routes, LeadThroughACommonSubnetFirst) {
  EXPECT_THAT(texts(routes_between(
                  {at("lo", "127.0.0.1", 8), at("eth0", "192.168.1.4", 24), at("eth1", "10.0.0.4", 24)},
                  {at("lo", "127.0.0.1", 8), at("ens5", "10.0.0.5", 24)}, false)),
              ElementsAre("10.0.0.4 (eth1) to 10.0.0.5 (ens5)", "192.168.1.4 (eth0) to 10.0.0.5 (ens5)"));
}

TEST(Routes, LeadByWhatCarriedMessagesAlone) {
  auto near = at("eth0", "10.0.0.4", 24);
  auto carrier = at("eth1", "10.1.0.4", 24);
  auto other = at("eth1", "10.1.0.5", 24);
  carrier.carries = other.carries = true;
  EXPECT_THAT(texts(routes_between({near, carrier}, {at("eth0", "10.0.0.5", 24), other}, false)),
              ElementsAre("10.1.0.4 (eth1) to 10.1.0.5 (eth1)"));
  // What carried on one side only, others may have sent.
  other.carries = false;
  EXPECT_THAT(texts(routes_between({near, carrier}, {at("eth0", "10.0.0.5", 24), other}, false)),
              ::testing::SizeIs(4));
}

TEST(Routes, NeverLeadByAnAddressThatBothNodesHave) {
  EXPECT_THAT(texts(routes_between({at("docker0", "172.17.0.1", 16), at("eth0", "10.0.0.4", 24)},
                                   {at("docker0", "172.17.0.1", 16), at("eth0", "10.0.0.5", 24)}, false)),
              ElementsAre("10.0.0.4 (eth0) to 10.0.0.5 (eth0)"));
  EXPECT_THAT(routes_between({at("lo", "127.0.0.1", 8)}, {at("lo", "127.0.0.1", 8)}, false), IsEmpty());
}

TEST(Routes, OnOneNodeLeadFromAnAddressToItself) {
  EXPECT_THAT(texts(routes_between({at("lo", "127.0.0.1", 8), at("eth0", "10.0.0.4", 24)},
                                   {at("lo", "127.0.0.1", 8), at("eth0", "10.0.0.4", 24)}, true)),
              ElementsAre("127.0.0.1 (lo) to 127.0.0.1 (lo)", "10.0.0.4 (eth0) to 10.0.0.4 (eth0)"));
}

TEST(Routes, DoNotMixFamiliesNorNeedAnInterfaceToBeNamed) {
  EXPECT_THAT(routes_between({at("eth0", "fe80::1", 64), at("eth0", "10.0.0.4", 24)},
                             {at("eth0", "fe80::2", 64), at("eth0", "fd00::5", 64)}, false),
              IsEmpty());
}

TEST(Addresses, AreReadAsTheyAreWritten) {
  std::vector<LocalAddress> addresses{at("eth0", "10.0.0.4", 24), at("lo", "::1", 128)};
  addresses[0].carries = true;
  EXPECT_EQ(parse_addresses(format_addresses(addresses)), addresses);
}

TEST(Addresses, AreLeftOutWhereTheyAreNone) {
  EXPECT_THAT(parse_addresses("eth0 10.0.0.4 33 0 0\neth0 x 24 0 0\neth0 10.0.0.4\n\n"), IsEmpty());
}

TEST(Carriers, AreTheInterfacesWithAQuarterOfTheBytes) {
  EXPECT_THAT(carriers({{"eth0", 100}, {"eth1", 0}, {"lo", 5}},
                       {{"eth0", 125}, {"eth1", 24}, {"lo", 100}, {"new", 999}}, 100),
              ElementsAre("eth0", "lo"));
}

TEST(SentByEach, ReadsTheNinthNumberOfEachInterface) {
  EXPECT_THAT(
      sent_by_each("Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 1 2 3 4 5 6 7 8 9 10\n"
                   "eth0:11 12 13 14 15 16 17 18 19 20\n"),
      ElementsAre(std::pair("eth0", 19), std::pair("lo", 9)));
}

TEST(FormatBytes, IsWhatParseBytesReads) {
  for (const char* text : {"0", "1", "1000", "1K", "1536K", "16M", "1G"})
    EXPECT_EQ(format_bytes(*parse_bytes(text)), text);
}

}  // namespace
}  // namespace shipyard::bench
